// SPDX-License-Identifier: Apache-2.0
#include "stat/varlink_client.hpp"

#include "core/base/escape.hpp"
#include "shell/os/unique_fd.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace rudder::stat {
namespace {

constexpr std::size_t k_read_bytes = 64u << 10;

Error os_error(const std::string& operation, int code) {
    return {fmt::format("{}: {}", operation, std::strerror(code)), code};
}

/// Sets how long connect, send and receive may wait for the other side.
Status set_patience(const UniqueFd& fd, std::chrono::milliseconds patience) {
    timeval time{};
    time.tv_sec = patience.count() / 1000;
    time.tv_usec = patience.count() % 1000 * 1000;
    for (const int option : {SO_SNDTIMEO, SO_RCVTIMEO}) {
        if (setsockopt(fd.get(), SOL_SOCKET, option, &time, sizeof time) == 0) continue;
        return os_error("set socket timeout", errno);
    }
    return {};
}

Result<UniqueFd> connect_to(const std::string& path, std::chrono::milliseconds patience) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) return Error{"the socket path is empty or too long", 0};
    std::memcpy(address.sun_path, path.data(), path.size());
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) return os_error("create socket", errno);
    if (Status status = set_patience(fd, patience); !status) return status.error();
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return os_error(fmt::format("connect to {}", escape_control(path)), errno);
    }
    return fd;
}

Status send_all(const UniqueFd& fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno == EAGAIN) return Error{"the daemon does not take the request", ETIMEDOUT};
        if (sent < 0) return os_error("send request", errno);
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return {};
}

/// Bytes up to the NUL that ends a message.
Result<std::string> receive_message(const UniqueFd& fd, std::size_t limit_bytes) {
    std::string message;
    std::array<char, k_read_bytes> buffer;
    while (true) {
        const ssize_t received = recv(fd.get(), buffer.data(), buffer.size(), 0);
        if (received < 0 && errno == EINTR) continue;
        if (received < 0 && errno == EAGAIN) return Error{"the daemon does not answer", ETIMEDOUT};
        if (received < 0) return os_error("receive reply", errno);
        if (received == 0) return Error{"the daemon closed the connection before it answered", ECONNRESET};
        const std::string_view bytes(buffer.data(), static_cast<std::size_t>(received));
        message += bytes.substr(0, bytes.find('\0'));
        if (message.size() > limit_bytes)
            return Error{fmt::format("the reply is longer than {} bytes", limit_bytes), EMSGSIZE};
        if (bytes.find('\0') != std::string_view::npos) return message;
    }
}

}  // namespace

Result<Json> reply_parameters(const std::string& reply) {
    Json document = Json::parse(reply, nullptr, false);
    if (!document.is_object()) return Error{"the reply is not a JSON object", EBADMSG};
    if (const auto error = document.find("error"); error != document.end()) {
        const std::string name =
            error->is_string() ? error->get<std::string>() : std::string("an error without a name");
        return Error{fmt::format("the daemon answered {}", escape_control(name)), EREMOTEIO};
    }
    const auto parameters = document.find("parameters");
    if (parameters == document.end() || !parameters->is_object()) {
        return Error{"the reply has no parameters", EBADMSG};
    }
    return std::move(*parameters);
}

Result<Json> varlink_call(const std::string& socket_path, const std::string& method, const ClientLimits& limits) {
    Result<UniqueFd> fd = connect_to(socket_path, limits.patience);
    if (!fd) return fd.error();
    std::string request = fmt::format(R"({{"method":{},"parameters":{{}}}})", json_quote(method));
    request += '\0';
    if (Status status = send_all(*fd, request); !status) return status.error();
    Result<std::string> reply = receive_message(*fd, limits.reply_bytes);
    if (!reply) return reply.error();
    return reply_parameters(*reply);
}

}  // namespace rudder::stat
