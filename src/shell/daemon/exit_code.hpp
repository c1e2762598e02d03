// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace rudder {

/// *Source*: sysexits.h; systemd shows the names (systemd.exec(5), "Process Exit Codes").
enum class ExitCode : int {
    ok = 0,
    usage = 64,          ///< the command line
    unavailable = 69,    ///< the daemon cannot be reached
    internal = 70,       ///< the kernel or this program failed
    no_permission = 77,  ///< a capability or file permission is missing
    configuration = 78,  ///< the files are wrong
};

}  // namespace rudder
