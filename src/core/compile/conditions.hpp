// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/compile/statement.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

/// The conditions of a rule that no lane of a leaf entry compares: they stand in a rudder_conditions of the blob.
namespace rudder {

/// Bit n: the value n matches.
using ByteSet = std::array<std::uint64_t, 4>;
inline constexpr ByteSet k_every_byte = {~0ull, ~0ull, ~0ull, ~0ull};

struct Conditions {
    std::vector<ValueRange> vlans;  ///< of rudder_vlan_of(); a list that is empty: any
    std::vector<ValueRange> lengths;
    std::vector<ValueRange> icmp_types;
    ByteSet ttls = k_every_byte;
    ByteSet tcp_flags = k_every_byte;
    std::vector<Masked> marks;
    std::vector<Masked> src_macs;
    std::vector<Masked> dst_macs;
    std::vector<Masked> not_marks;  ///< none of these
    std::vector<Masked> not_src_macs;
    std::vector<Masked> not_dst_macs;
    ByteSet protocols = k_every_byte;
    std::uint8_t fragment = k_fragment_any;
    std::uint8_t ecn = k_ecn_any;
    std::uint8_t needs = 0;         ///< RUDDER_HAS_*
    std::uint8_t lacks = 0;         ///< likewise

    friend auto operator<=>(const Conditions&, const Conditions&) = default;
};

/// The conditions of a way to match with one piece of its statement; none if lanes say it all.
[[nodiscard]] std::optional<Conditions> conditions_of(const Variant& variant, const Statement& piece);

/// Removes what the dimensions of the key say exactly.
void forget_dimensions(Conditions& conditions, const Variant& variant);

}  // namespace rudder
