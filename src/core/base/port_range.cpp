// SPDX-License-Identifier: Apache-2.0
#include "core/base/net_types.hpp"
#include "core/base/parse_number.hpp"

#include <fmt/format.h>

namespace rudder {
namespace {

constexpr std::uint32_t k_highest_port = 65535;

}  // namespace

std::optional<PortRange> parse_port_range(std::string_view text) {
    const std::size_t dash = text.find('-');
    const NumberParse first = parse_number(text.substr(0, dash), k_highest_port);
    const NumberParse last =
        dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1), k_highest_port);
    if (!first.value || !last.value || *first.value > *last.value) return std::nullopt;
    return PortRange{static_cast<std::uint16_t>(*first.value), static_cast<std::uint16_t>(*last.value)};
}

std::string to_string(const PortRange& range) {
    if (range.first == range.last) return fmt::format("{}", range.first);
    return fmt::format("{}-{}", range.first, range.last);
}

}  // namespace rudder
