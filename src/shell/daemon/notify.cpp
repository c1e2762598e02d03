// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/notify.hpp"

#include "core/base/escape.hpp"
#include "shell/os/unique_fd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

namespace rudder::notify {
namespace {

/// sd_notify(3) itself waits for a receiver whose queue is full. An '@' stands for the NUL of an abstract address.
bool send(const std::string& state) {
    const char* socket_name = std::getenv("NOTIFY_SOCKET");
    if (socket_name == nullptr) return true;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string_view name = socket_name;
    if (name.size() < 2 || name.size() >= sizeof(address.sun_path)) return false;
    std::copy(name.begin(), name.end(), address.sun_path);
    const bool is_abstract = name.front() == '@';
    if (is_abstract) address.sun_path[0] = '\0';
    // A path ends in a NUL, an abstract name with its last byte.
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (is_abstract ? 0 : 1));
    const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return fd.is_open() &&
           ::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size) >= 0;
}

}  // namespace

bool ready(const std::string& status) { return send("READY=1\nSTATUS=" + escape_control(status)); }

bool reloading() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=Reading the configuration", now.tv_sec * 1'000'000 + now.tv_nsec / 1000));
}

bool status(const std::string& text) { return send("STATUS=" + escape_control(text)); }
bool stopping() { return send("STOPPING=1\nSTATUS=Detaching"); }
bool watchdog() { return send("WATCHDOG=1"); }

std::optional<std::chrono::microseconds> watchdog_timeout() {
    std::uint64_t timeout_us = 0;
    if (sd_watchdog_enabled(0, &timeout_us) <= 0) return std::nullopt;
    return std::chrono::microseconds(timeout_us);
}

}  // namespace rudder::notify
