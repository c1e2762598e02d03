// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/log/logger.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace rudder::test {

/// Keeps what was logged.
class MemoryLogger final : public Logger {
public:
    std::vector<LogEntry> entries;

    void log(const LogEntry& entry) override { entries.push_back(entry); }
    [[nodiscard]] long count(const EventKind& kind) const {
        return std::count_if(entries.begin(), entries.end(), [&](const LogEntry& entry) { return entry.kind.message_id == kind.message_id; });
    }
    /// Value of a field of the last entry of a kind; empty if there is none.
    [[nodiscard]] std::string field(const EventKind& kind, const std::string& name) const {
        for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
            if (entry->kind.message_id != kind.message_id) continue;
            for (const auto& [field_name, value] : entry->fields) {
                if (field_name == name) return value;
            }
        }
        return "";
    }
};

}  // namespace rudder::test
