// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

/// What systemd is told. Without NOTIFY_SOCKET these do nothing. *Blocking*: never; a receiver that does not read loses
/// the message, and `false` is returned. *Source*: sd_notify(3).
namespace rudder::notify {

/// Loss: to be sent again, systemd waits for it.
[[nodiscard]] bool ready(const std::string& status);
/// To be followed by `ready`. CLOCK_MONOTONIC tells systemd which reload this is.
bool reloading();
bool status(const std::string& text);
bool stopping();
bool watchdog();
/// How often systemd wants to hear `watchdog` at the latest, if at all.
[[nodiscard]] std::optional<std::chrono::microseconds> watchdog_timeout();

}  // namespace rudder::notify
