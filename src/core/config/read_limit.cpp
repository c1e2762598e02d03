// SPDX-License-Identifier: Apache-2.0
#include "core/config/read_limit.hpp"

#include "core/config/codes.hpp"
#include "core/config/values.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

namespace rudder {
namespace {

constexpr std::uint64_t k_seconds_per_day = 24 * 60 * 60;

/// The entry, if it is there and its value is one of its kind.
const ConfigEntry* checked_entry(const Reading& reading, const ConfigTable& table, TableBit bit, std::string_view key) {
    const ConfigEntry* entry = find_entry(table, key);
    return entry != nullptr && check_scalar(reading, *find_key(bit, key), entry->value) ? entry : nullptr;
}

void require_limit(const Reading& reading, const ConfigTable& table, std::string_view key) {
    const ConfigEntry* entry = find_entry(table, key);
    if (entry != nullptr && find_entry(table, "limit") == nullptr)
        reading.error(code::needs_limit, entry->key_span, fmt::format("`{}` says nothing without a `limit`", key));
}

/// Packets or bytes.
std::uint64_t units_in_a_day(const RateLimit& limit) {
    const std::uint64_t per_second = limit.unit == RateLimit::Unit::packets ? limit.per_second : limit.per_second / 8;
    return per_second * k_seconds_per_day;
}

std::optional<RateLimit> read_limit(const Reading& reading, const ConfigTable& table, TableBit bit) {
    const ConfigEntry* entry = checked_entry(reading, table, bit, "limit");
    const ConfigEntry* burst = checked_entry(reading, table, bit, "burst");
    require_limit(reading, table, "burst");
    auto limit = entry == nullptr ? std::nullopt : read_rate(reading, *find_key(bit, "limit"), entry->value);
    if (!limit || burst == nullptr) return limit;
    limit->burst = static_cast<std::uint64_t>(*burst->value.as_integer());
    if (limit->burst > units_in_a_day(*limit))
        reading.error(code::burst_too_long, burst->value.span,
                      fmt::format("the limit allows {} {} in a day", units_in_a_day(*limit),
                                  limit->unit == RateLimit::Unit::packets ? "packets" : "bytes"));
    return limit;
}

}  // namespace

void read_rule_limit(const Reading& reading, const ConfigTable& action, Rule& rule) {
    rule.limit = read_limit(reading, action, k_action);
    require_limit(reading, action, "excess");
    rule.excess_drops = rule.limit && rule.type != RuleType::mirror && !rule.original_passes;
    const ConfigEntry* excess = checked_entry(reading, action, k_action, "excess");
    if (excess == nullptr) return;
    if (const auto word = read_word(reading, *find_key(k_action, "excess"), excess->value)) rule.excess_drops = *word == 1;
}

std::optional<RateLimit> read_target_limit(const Reading& reading, const ConfigTable& target) {
    return read_limit(reading, target, k_target);
}

}  // namespace rudder
