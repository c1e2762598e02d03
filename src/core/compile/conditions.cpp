// SPDX-License-Identifier: Apache-2.0
#include "core/compile/conditions.hpp"

#include "rudder_abi.h"

namespace rudder {
namespace {

/// The lane RUDDER_LANE_TAGGED says it all: no packet in a VLAN, or all.
bool is_tag_enough(const VlanMatch& vlan) {
    return vlan.ids.empty() || vlan.ids == k_vlan_any.ids;
}

std::vector<ValueRange> ranges_of(const Statement& piece, Field field) {
    const FieldRanges* stated = find_field(piece, field);
    return stated == nullptr ? std::vector<ValueRange>{} : stated->ranges;
}

std::vector<Masked> masked_of(const Statement& piece, Field field) {
    const FieldRanges* stated = find_field(piece, field);
    return stated == nullptr ? std::vector<Masked>{} : stated->masked;
}

void add(ByteSet& set, std::uint32_t value) { set[value / 64] |= std::uint64_t{1} << (value % 64); }

ByteSet bytes_in(const Statement& piece, Field field) {
    const FieldRanges* stated = find_field(piece, field);
    if (stated == nullptr) {
        return k_every_byte;
    }
    ByteSet set{};
    for (const ValueRange& range : stated->ranges) {
        for (std::uint32_t value = range.first; value <= range.last; ++value) {
            add(set, value);
        }
    }
    return set;
}

void add_rare(Conditions& conditions, const RareMatch& rare, const Statement& piece) {
    conditions.lengths = ranges_of(piece, Field::length);
    conditions.icmp_types = ranges_of(piece, Field::icmp_type);
    conditions.marks = masked_of(piece, Field::fwmark);
    conditions.src_macs = masked_of(piece, Field::src_mac);
    conditions.dst_macs = masked_of(piece, Field::dst_mac);
    conditions.fragment = rare.fragment;
    conditions.ecn = rare.ecn;
    conditions.ttls = bytes_in(piece, Field::ttl);
    conditions.tcp_flags = bytes_in(piece, Field::tcp_flags);
    if (!rare.tcp_flags.empty()) {
        conditions.needs |= RUDDER_HAS_TCP_FLAGS;
    }
    if (!rare.icmp_types.empty()) {
        conditions.needs |= RUDDER_HAS_ICMP;
    }
}

}  // namespace

std::optional<Conditions> conditions_of(const Match& match, const Statement& piece) {
    if (is_tag_enough(match.vlan) && !match.rare) {
        return std::nullopt;
    }
    Conditions conditions;
    if (!is_tag_enough(match.vlan)) {
        conditions.vlans = ranges_of(piece, Field::vlan);
    }
    if (match.rare) {
        add_rare(conditions, *match.rare, piece);
    }
    return conditions;
}

void forget_dimensions(Conditions& conditions) {
    conditions.vlans.clear();
    conditions.lengths.clear();
    conditions.icmp_types.clear();
    conditions.ttls = conditions.tcp_flags = k_every_byte;
}

}  // namespace rudder
