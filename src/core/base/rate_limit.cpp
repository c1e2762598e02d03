// SPDX-License-Identifier: Apache-2.0
#include "core/base/rate_limit.hpp"

#include "core/base/parse_number.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace rudder {
namespace {

struct Suffix {
    std::string_view text;
    RateLimit::Unit unit;
    std::uint64_t factor;
};

// For each unit the largest factor first: what is printed is the first that fits.
constexpr Suffix k_suffixes[] = {
    {"mpps", RateLimit::Unit::packets, 1'000'000}, {"kpps", RateLimit::Unit::packets, 1'000},
    {"pps", RateLimit::Unit::packets, 1},          {"gbit", RateLimit::Unit::bits, 1'000'000'000},
    {"mbit", RateLimit::Unit::bits, 1'000'000},    {"kbit", RateLimit::Unit::bits, 1'000},
};

constexpr std::uint32_t k_most_digits = 1'000'000'000;
constexpr std::uint64_t k_most_packets = 1'000'000'000;
constexpr std::uint64_t k_most_bits = 1'000'000'000'000;
constexpr std::uint64_t k_bursts_per_second = 10;
constexpr std::uint64_t k_ethernet_frame_bytes = 1514;

std::uint64_t default_burst(RateLimit::Unit unit, std::uint64_t per_second) {
    if (unit == RateLimit::Unit::packets) return std::max<std::uint64_t>(per_second / k_bursts_per_second, 1);
    return std::max(per_second / 8 / k_bursts_per_second, k_ethernet_frame_bytes);
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& byte : lower)
        if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte - 'A' + 'a');
    return lower;
}

}  // namespace

std::optional<RateLimit> parse_rate_limit(std::string_view text) {
    const std::string word = lower_case(text);
    const auto* suffix = std::find_if(std::begin(k_suffixes), std::end(k_suffixes),
                                      [&](const Suffix& known) { return word.ends_with(known.text); });
    if (suffix == std::end(k_suffixes)) return std::nullopt;
    const auto number = parse_number(text.substr(0, text.size() - suffix->text.size()), k_most_digits).value;
    const std::uint64_t most = suffix->unit == RateLimit::Unit::packets ? k_most_packets : k_most_bits;
    if (!number || *number == 0 || *number > most / suffix->factor) return std::nullopt;
    const std::uint64_t per_second = *number * suffix->factor;
    return RateLimit{suffix->unit, per_second, default_burst(suffix->unit, per_second)};
}

std::string to_string(const RateLimit& limit) {
    const auto* suffix = std::find_if(std::begin(k_suffixes), std::end(k_suffixes), [&](const Suffix& known) {
        return known.unit == limit.unit && limit.per_second % known.factor == 0;
    });
    if (suffix == std::end(k_suffixes)) return fmt::format("{}bit", limit.per_second);
    const std::string rate = fmt::format("{}{}", limit.per_second / suffix->factor, suffix->text);
    if (limit.burst == default_burst(limit.unit, limit.per_second)) return rate;
    return fmt::format("{} burst {}", rate, limit.burst);
}

}  // namespace rudder
