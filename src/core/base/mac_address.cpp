// SPDX-License-Identifier: Apache-2.0
#include "core/base/net_types.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>

namespace rudder {
namespace {

constexpr std::size_t k_octet_stride = 3;  // two digits and a separator
constexpr std::size_t k_mac_characters = 6 * k_octet_stride - 1;

}  // namespace

bool MacAddress::is_zero() const {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool MacAddress::is_group() const {
    return (bytes[0] & 0x01u) != 0;
}

std::optional<MacAddress> parse_mac_address(std::string_view text) {
    if (text.size() != k_mac_characters) return std::nullopt;
    const char separator = text[2];
    if (separator != ':' && separator != '-') return std::nullopt;
    MacAddress mac;
    for (std::size_t i = 0; i < mac.bytes.size(); ++i) {
        const char* digits = text.data() + i * k_octet_stride;
        const auto [end, code] = std::from_chars(digits, digits + 2, mac.bytes[i], 16);
        if (code != std::errc{} || end != digits + 2) return std::nullopt;
        if (i + 1 < mac.bytes.size() && *end != separator) return std::nullopt;
    }
    return mac;
}

std::string to_string(const MacAddress& mac) {
    const auto& b = mac.bytes;
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", b[0], b[1], b[2], b[3], b[4], b[5]);
}

}  // namespace rudder
