// SPDX-License-Identifier: Apache-2.0
#include "shell/log/journal_record.hpp"

#include "core/base/escape.hpp"

#include <fmt/format.h>

#include <string_view>

namespace rudder {
namespace {

void append_length(std::string& record, std::uint64_t length) {
    for (int byte = 0; byte < 8; ++byte) record.push_back(static_cast<char>(length >> (8 * byte) & 0xff));
}

void append_field(std::string& record, std::string_view name, std::string_view value) {
    record += name;
    if (value.find('\n') == std::string_view::npos) {
        record += '=';
    } else {
        record += '\n';
        append_length(record, value.size());
    }
    record += value;
    record += '\n';
}

}  // namespace

std::string journal_record(const LogEntry& entry, const LogStamp& stamp) {
    std::string record;
    append_field(record, "MESSAGE", escape_control(entry.message));
    append_field(record, "MESSAGE_ID", entry.kind.message_id);
    append_field(record, "PRIORITY", std::to_string(static_cast<int>(entry.priority)));
    append_field(record, "CODE_FILE", entry.where.file);
    append_field(record, "CODE_LINE", std::to_string(entry.where.line));
    append_field(record, "CODE_FUNC", entry.where.function);
    append_field(record, "SYSLOG_IDENTIFIER", "rudderd");
    append_field(record, "RUDDER_SEQUENCE", std::to_string(stamp.sequence));
    append_field(record, "RUDDER_UNIX_US", std::to_string(stamp.unix_us));
    append_field(record, "RUDDER_EVENT", entry.kind.name);
    for (const auto& [name, value] : entry.fields) append_field(record, "RUDDER_" + name, value);
    return record;
}

std::string text_record(const LogEntry& entry) {
    return "rudderd: " + escape_control(entry.message) + "\n";
}

}  // namespace rudder
