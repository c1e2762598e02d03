// SPDX-License-Identifier: Apache-2.0
#include "core/health/health_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>
#include <vector>

namespace rudder {
namespace {

/// Written in files: never changed, only added to.
constexpr std::array k_reason_words = {
    std::pair{MissReason::no_answer, std::string_view("no-answer")},
    std::pair{MissReason::refused, std::string_view("refused")},
    std::pair{MissReason::unreachable, std::string_view("unreachable")},
    std::pair{MissReason::wrong_answer, std::string_view("wrong-answer")},
    std::pair{MissReason::no_device, std::string_view("no-interface")},
    std::pair{MissReason::link_down, std::string_view("link-down")},
};

std::string_view word_of(MissReason reason) {
    return std::find_if(k_reason_words.begin(), k_reason_words.end(),
                        [&](const auto& row) { return row.first == reason; })
        ->second;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(separator), text.size());
        parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

template <class T>
std::optional<T> number(std::string_view text, int base) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::optional<Miss> parse_miss(std::string_view word, std::string_view code) {
    const auto* const row = std::find_if(k_reason_words.begin(), k_reason_words.end(),
                                         [&](const auto& entry) { return entry.second == word; });
    const std::optional<int> parsed = number<int>(code, 10);
    if (row == k_reason_words.end() || !parsed || *parsed < 0) return std::nullopt;
    return Miss{row->first, *parsed};
}

void read_line(std::string_view line, Nanoseconds now, HealthRecords& records) {
    const std::vector<std::string_view> words = split(line, ' ');
    if (words.size() != 4 && words.size() != 6) return;
    const auto member = number<std::uint64_t>(words[1], 16);
    const auto since = number<std::int64_t>(words[3], 10);
    const bool is_dead = words[2] == "dead" && words.size() == 6;
    const bool is_up = words[2] == "up" && words.size() == 4;
    if (!member || !since || *since < 0 || Nanoseconds(*since) > now || is_dead == is_up) return;
    HealthRecord record{is_dead ? Health::dead : Health::up, Nanoseconds(*since), std::nullopt};
    if (is_dead) record.death = parse_miss(words[4], words[5]);
    if (is_dead && !record.death) return;
    records.insert_or_assign(GroupMemberKey{std::string(words[0]), *member}, record);
}

}  // namespace

std::string health_records_to_text(const HealthRecords& records) {
    std::string text;
    for (const auto& [key, record] : records) {
        if (record.health == Health::unknown) continue;
        text += fmt::format("{} {:016x} {} {}", key.group, key.member, to_string(record.health), record.since.count());
        if (record.health == Health::dead) {
            const Miss death = record.death.value_or(Miss{});
            text += fmt::format(" {} {}", word_of(death.reason), death.code);
        }
        text += '\n';
    }
    return text;
}

HealthRecords parse_health_records(std::string_view text, Nanoseconds now) {
    HealthRecords records;
    for (const std::string_view line : split(text, '\n')) read_line(line, now, records);
    return records;
}

}  // namespace rudder
