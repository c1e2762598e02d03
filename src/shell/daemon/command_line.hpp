// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/daemon/check.hpp"
#include "shell/daemon/daemon.hpp"

#include <string>

namespace rudder {

enum class Verb { run, check, reload, clean_up, finished };

/// What the command line of rudderd asks for.
struct CommandLine {
    Verb verb = Verb::run;
    ExitCode exit_code = ExitCode::ok;  ///< for `finished`: --help, --version, or a usage error, already printed
    DaemonOptions daemon;
    CheckOptions check;                 ///< its `is_json` and `wants_color` also for --reload
};

[[nodiscard]] CommandLine parse_command_line(int argc, const char* const* argv);

}  // namespace rudder
