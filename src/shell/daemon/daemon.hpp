// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/config/config_set.hpp"
#include "shell/config/settings.hpp"
#include "shell/daemon/exit_code.hpp"
#include "shell/daemon/runtime_directory.hpp"

#include <string>

namespace rudder {

struct DaemonOptions {
    ConfigSetOptions set;
    std::string runtime_directory = k_default_runtime_directory;
    std::string settings_path = k_default_settings_path;
};

/// Runs the daemon in the foreground until SIGTERM or SIGINT, then takes everything that is ours out of the kernel.
/// READY=1 is sent once the first generation was read back from the kernel. *Errors*: as the exit code; the journal
/// has the reason.
[[nodiscard]] ExitCode run_daemon(const DaemonOptions& options);

/// Removes what a killed daemon left in the kernel. Refuses while a daemon runs.
[[nodiscard]] ExitCode clean_up(const std::string& runtime_directory);

}  // namespace rudder
