// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/daemon/exit_code.hpp"
#include "shell/status/varlink_message.hpp"

#include <cstdint>
#include <functional>
#include <string>

/// `rudderd --reload`: a synchronous question to the running daemon over a socket of root and its group.
namespace rudder {

/// What a reload came to.
struct ReloadVerdict {
    ExitCode exit_code = ExitCode::ok;
    std::string summary;           ///< one line
    std::string diagnostics;       ///< rendered text; may be empty
    std::string diagnostics_json;
    std::uint64_t generation = 0;  ///< active after it
};

struct ReloadRequest {
    bool wants_color = false;
};

[[nodiscard]] varlink::Interface control_interface();
[[nodiscard]] std::string answer_control(const varlink::Call& call, const std::function<ReloadVerdict(const ReloadRequest&)>& reload);

/// Asks the daemon and prints what it says: diagnostics to stderr (text) or stdout (JSON).
/// *Blocking*: until the answer, at most two minutes.
[[nodiscard]] ExitCode request_reload(const std::string& socket_path, const ReloadRequest& request, bool is_json);

}  // namespace rudder
