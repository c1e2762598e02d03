// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/control.hpp"

#include "shell/os/os_error.hpp"
#include "shell/os/unique_fd.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

namespace rudder {
namespace {

using Json = nlohmann::json;

constexpr std::string_view k_reload = "io.rudder.Control.Reload";
constexpr timeval k_patience{120, 0};

std::string to_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Result<UniqueFd> connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) return os_error("connect to " + path, ENAMETOOLONG);
    std::copy(path.begin(), path.end(), address.sun_path);
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd.is_open()) return os_error("socket", errno);
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &k_patience, sizeof(k_patience));
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return os_error("connect to " + path, errno);
    return fd;
}

Result<std::string> exchange(int fd, const std::string& request) {
    if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) return os_error("ask the daemon", errno);
    std::string answer;
    std::array<char, 65536> buffer;
    while (answer.empty() || answer.back() != '\0') {
        const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return os_error("wait for the daemon", errno);
        if (got == 0) return Error{"the daemon closed the connection", 0};
        answer.append(buffer.data(), static_cast<std::size_t>(got));
    }
    answer.pop_back();
    return answer;
}

ExitCode complain(const Error& error) {
    fmt::print(stderr, "rudderd: {}\n", error.message);
    return error.code == EACCES || error.code == EPERM ? ExitCode::no_permission : ExitCode::unavailable;
}

/// Null when there is none: the library throws on a wrong type.
Json member(const Json& object, const char* name) {
    const auto found = object.find(name);
    return found == object.end() ? Json() : *found;
}

std::string text_member(const Json& object, const char* name) {
    const Json value = member(object, name);
    return value.is_string() ? value.get<std::string>() : "";
}

ExitCode to_exit_code(std::int64_t value) {
    for (const ExitCode code : {ExitCode::ok, ExitCode::no_permission, ExitCode::configuration}) {
        if (static_cast<std::int64_t>(code) == value) return code;
    }
    return ExitCode::internal;
}

}  // namespace

varlink::Interface control_interface() {
    return {"io.rudder.Control",
            "# Commands to rudderd, for root and its group\n"
            "interface io.rudder.Control\n\n"
            "# Reads the whole set again and applies it, or changes nothing and says why\n"
            "method Reload(color: ?bool) -> (exit_code: int, summary: string, diagnostics: string, diagnostics_json: string, generation: int)\n"};
}

std::string answer_control(const varlink::Call& call, const std::function<ReloadVerdict(const ReloadRequest&)>& reload) {
    if (call.method != k_reload) return varlink::method_not_found(call);
    const Json parameters = Json::parse(call.parameters, nullptr, false);
    ReloadRequest request;
    if (const auto color = parameters.find("color"); color != parameters.end() && color->is_boolean()) request.wants_color = color->get<bool>();
    const ReloadVerdict verdict = reload(request);
    return varlink::reply(to_text({{"exit_code", static_cast<int>(verdict.exit_code)},
                                   {"summary", verdict.summary},
                                   {"diagnostics", verdict.diagnostics},
                                   {"diagnostics_json", verdict.diagnostics_json},
                                   {"generation", verdict.generation}}));
}

ExitCode request_reload(const std::string& socket_path, const ReloadRequest& request, bool is_json) {
    const Result<UniqueFd> fd = connect_to(socket_path);
    if (!fd) return complain(fd.error());
    std::string call = to_text({{"method", k_reload}, {"parameters", {{"color", request.wants_color}}}});
    call.push_back('\0');
    const Result<std::string> answer = exchange(fd->get(), call);
    if (!answer) return complain(answer.error());
    const Json json = Json::parse(*answer, nullptr, false);
    const Json verdict = member(json, "parameters");
    const Json code = member(verdict, "exit_code");
    if (!code.is_number_integer()) return complain({"the daemon gave no verdict", 0});
    if (is_json) {
        fmt::print("{}\n", text_member(verdict, "diagnostics_json"));
    } else {
        fmt::print(stderr, "{}{}\n", text_member(verdict, "diagnostics"), text_member(verdict, "summary"));
    }
    return to_exit_code(code.get<std::int64_t>());
}

}  // namespace rudder
