// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

/// What systemd is told. Without NOTIFY_SOCKET these do nothing. *Source*: sd_notify(3).
namespace rudder::notify {

void ready(const std::string& status);
/// To be followed by `ready`. CLOCK_MONOTONIC tells systemd which reload this is.
void reloading();
void status(const std::string& text);
void stopping();
void watchdog();
/// How often systemd wants to hear `watchdog` at the latest, if at all.
[[nodiscard]] std::optional<std::chrono::microseconds> watchdog_timeout();

}  // namespace rudder::notify
