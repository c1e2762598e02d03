// SPDX-License-Identifier: Apache-2.0
#include "core/base/net_types.hpp"
#include "core/base/parse_number.hpp"

#include <fmt/format.h>

namespace rudder {
namespace {

constexpr std::uint32_t k_highest_port = 65535;

}  // namespace

std::optional<ValueRange> parse_value_range(std::string_view text, std::uint32_t maximum) {
    const std::size_t dash = text.find('-');
    const NumberParse first = parse_number(text.substr(0, dash), maximum);
    const NumberParse last = dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1), maximum);
    if (!first.value || !last.value || *first.value > *last.value) return std::nullopt;
    return ValueRange{*first.value, *last.value};
}

std::string to_string(const ValueRange& range) {
    if (range.first == range.last) return fmt::format("{}", range.first);
    return fmt::format("{}-{}", range.first, range.last);
}

std::optional<PortRange> parse_port_range(std::string_view text) {
    const auto range = parse_value_range(text, k_highest_port);
    if (!range) return std::nullopt;
    return PortRange{static_cast<std::uint16_t>(range->first), static_cast<std::uint16_t>(range->last)};
}

std::string to_string(const PortRange& range) {
    return to_string(ValueRange{range.first, range.last});
}

}  // namespace rudder
