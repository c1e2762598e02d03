// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Structured log: one event, one message, a fixed MESSAGE_ID and fields.
namespace rudder {

/// *Source*: syslog(3). error = the operator must act; warning = degraded; notice = a generation was
/// published; info = start and stop, single rules.
enum class Priority : std::uint8_t { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

/// A kind of event: its word in RUDDER_EVENT and its entry in systemd/rudder.catalog.
struct EventKind {
    std::string_view name;
    std::string_view message_id;  ///< 32 hexadecimal digits
};

struct LogEntry {
    Priority priority = Priority::info;
    EventKind kind;
    std::string message;  ///< one line
    /// RUDDER_* fields, names without the prefix: {"RULE", "voice"}.
    std::vector<std::pair<std::string, std::string>> fields;
    std::source_location where = std::source_location::current();
};

class Logger {
public:
    virtual ~Logger() = default;
    virtual void log(const LogEntry& entry) = 0;
};

/// The journal when this process's stderr is connected to it (JOURNAL_STREAM), else stderr.
/// Entries below `least` in urgency are left out.
[[nodiscard]] std::unique_ptr<Logger> make_logger(Priority least);

}  // namespace rudder
