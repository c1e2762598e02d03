// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/config/config_set.hpp"
#include "shell/daemon/exit_code.hpp"

#include <string>
#include <vector>

namespace rudder {

struct CheckOptions {
    ConfigSetOptions set;
    std::string settings_path;       ///< judged with the set, not with `files`; empty: not at all
    std::vector<std::string> files;  ///< not empty: these and nothing else
    bool warnings_fail = false;
    bool is_json = false;
    bool wants_color = false;
};

/// Judges a set exactly as a reload does and prints the findings: text to stderr, JSON to stdout.
/// Needs no root and no daemon, and asks the host nothing: the rules are compiled for a network made of the names in
/// them.
[[nodiscard]] ExitCode check(const CheckOptions& options);

}  // namespace rudder
