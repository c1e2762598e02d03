// SPDX-License-Identifier: Apache-2.0
#include "core/base/net_types.hpp"
#include "core/base/parse_number.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace rudder {
namespace {

std::uint8_t mask_byte(unsigned length, std::size_t index) {
    const unsigned first_bit = static_cast<unsigned>(index) * 8;
    if (length >= first_bit + 8) return 0xff;
    if (length <= first_bit) return 0;
    return static_cast<std::uint8_t>(0xffu << (first_bit + 8 - length));
}

IpAddress without_host_bits(IpAddress address, unsigned length) {
    for (std::size_t i = 0; i < address.bytes.size(); ++i) address.bytes[i] &= mask_byte(length, i);
    return address;
}

}  // namespace

bool IpPrefix::contains(const IpAddress& other) const {
    const std::size_t whole = length / 8;
    if (address.family != other.family || std::memcmp(address.bytes.data(), other.bytes.data(), whole) != 0) return false;
    return length % 8 == 0 || (other.bytes[whole] & mask_byte(length, whole)) == address.bytes[whole];
}

bool IpPrefix::contains(const IpPrefix& other) const {
    return other.length >= length && contains(other.address);
}

IpPrefix prefix_around(const IpAddress& address, std::uint8_t length) {
    return {without_host_bits(address, length), length};
}

PrefixParse parse_ip_prefix(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto address = parse_ip_address(text.substr(0, slash));
    if (!address) return {};
    if (slash == std::string_view::npos) {
        return {IpPrefix{*address, static_cast<std::uint8_t>(address->bits())}, {}, std::nullopt};
    }
    const NumberParse length = parse_number(text.substr(slash + 1), address->bits());
    if (!length.value) {
        const bool is_syntax = length.error == NumberError::syntax;
        return {std::nullopt, is_syntax ? PrefixError::syntax : PrefixError::length, std::nullopt};
    }
    const IpPrefix prefix{without_host_bits(*address, *length.value), static_cast<std::uint8_t>(*length.value)};
    if (prefix.address != *address) return {std::nullopt, PrefixError::host_bits, prefix};
    return {prefix, {}, std::nullopt};
}

std::string to_string(const IpPrefix& prefix) {
    return fmt::format("{}/{}", to_string(prefix.address), prefix.length);
}

}  // namespace rudder
