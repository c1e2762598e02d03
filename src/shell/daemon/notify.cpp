// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/notify.hpp"

#include "core/base/escape.hpp"

#include <fmt/format.h>

#include <ctime>
#include <systemd/sd-daemon.h>

namespace rudder::notify {
namespace {

// A lost notification cannot be helped here: systemd's own timeouts deal with it.
void send(const std::string& state) { (void)sd_notify(0, state.c_str()); }

}  // namespace

void ready(const std::string& status) { send("READY=1\nSTATUS=" + escape_control(status)); }

void reloading() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=Reading the configuration", now.tv_sec * 1'000'000 + now.tv_nsec / 1000));
}

void status(const std::string& text) { send("STATUS=" + escape_control(text)); }
void stopping() { send("STOPPING=1\nSTATUS=Detaching"); }
void watchdog() { send("WATCHDOG=1"); }

std::optional<std::chrono::microseconds> watchdog_timeout() {
    std::uint64_t timeout_us = 0;
    if (sd_watchdog_enabled(0, &timeout_us) <= 0) return std::nullopt;
    return std::chrono::microseconds(timeout_us);
}

}  // namespace rudder::notify
