// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
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

/// Where in our sources. std::source_location, which clang 14 does not have with this libstdc++.
struct SourcePlace {
    const char* file;
    unsigned line;
    const char* function;

    static constexpr SourcePlace current(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE(),
                                         const char* function = __builtin_FUNCTION()) {
        return {file, line, function};
    }
};

struct LogEntry {
    Priority priority = Priority::info;
    EventKind kind;
    std::string message;  ///< one line
    /// RUDDER_* fields, names without the prefix: {"RULE", "voice"}.
    std::vector<std::pair<std::string, std::string>> fields;
    SourcePlace where = SourcePlace::current();
};

class Logger {
public:
    virtual ~Logger() = default;
    virtual void log(const LogEntry& entry) = 0;
};

}  // namespace rudder
