// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/net_types.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>

/// What the inner nodes of decision trees and the columns of bit vectors can look at.
namespace rudder {

/// What a dimension of the key is about.
enum class Field : std::uint8_t {
    src, dst, src_port, dst_port, protocol, dscp, hook_class, vlan, length, ttl, tcp_flags, icmp_type, fwmark, src_mac, dst_mac
};

/// One dimension of the key: where it lies in rudder_key.
struct Dimension {
    Field field = Field::src;
    std::uint8_t word = 0;
    std::uint8_t shift = 0;     ///< a multiple of 8: columns are of octets
    std::uint8_t bits = 0;
    bool has_threshold = false;  ///< a 16-bit window from `shift` on holds no bits of other fields

    [[nodiscard]] ValueRange whole() const { return {0, bits == 32 ? 0xffffffffu : (1u << bits) - 1}; }
};

inline constexpr std::size_t k_max_dimensions = 21;

/// Dimensions of a family: address words first, then those that every policy has, then the optional ones.
struct KeyLayout {
    std::array<Dimension, k_max_dimensions> dimensions{};
    std::size_t dimension_count = 0;
    std::size_t address_words = 0;  ///< of one address

    [[nodiscard]] std::size_t src_port() const { return 2 * address_words; }
    [[nodiscard]] std::size_t dst_port() const { return 2 * address_words + 1; }
    [[nodiscard]] std::size_t protocol() const { return 2 * address_words + 2; }
    [[nodiscard]] std::size_t dscp() const { return 2 * address_words + 3; }
    [[nodiscard]] std::size_t hook_class() const { return 2 * address_words + 4; }
    [[nodiscard]] std::size_t count() const { return dimension_count; }
};

/// The layout of a family with these optional fields. A field that no rule states costs nothing when it is left out.
[[nodiscard]] KeyLayout key_layout(IpFamily family, const std::set<Field>& optional);

}  // namespace rudder
