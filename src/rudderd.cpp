// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/command_line.hpp"
#include "shell/daemon/control.hpp"

int main(int argc, char** argv) {
    using namespace rudder;
    const CommandLine line = parse_command_line(argc, argv);
    ExitCode code = line.exit_code;
    switch (line.verb) {
        case Verb::run: code = run_daemon(line.daemon); break;
        case Verb::check: code = check(line.check); break;
        case Verb::reload:
            code = request_reload(control_socket_path(line.daemon.runtime_directory), {line.check.wants_color}, line.check.is_json);
            break;
        case Verb::clean_up: code = clean_up(line.daemon.runtime_directory); break;
        case Verb::finished: break;
    }
    return static_cast<int>(code);
}
