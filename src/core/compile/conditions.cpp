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

void require(Conditions& conditions, Presence presence, std::uint8_t flag) {
    if (presence == Presence::optional) {
        conditions.needs = static_cast<std::uint8_t>(conditions.needs & ~flag);
    } else if (presence == Presence::absent) {
        conditions.lacks = static_cast<std::uint8_t>(conditions.lacks | flag);
    }
}

void add_excluded(Conditions& conditions, const Variant& variant, const Statement& piece) {
    const RareMatch& excluded = variant.match().excluded->rare;
    conditions.not_marks = masked_of(excluded.fwmarks);
    conditions.not_src_macs = masked_of(excluded.src_macs);
    conditions.not_dst_macs = masked_of(excluded.dst_macs);
    require(conditions, variant.leftover.icmp, RUDDER_HAS_ICMP);
    require(conditions, variant.leftover.tcp_flags, RUDDER_HAS_TCP_FLAGS);
    if (!variant.leftover.protocols.empty()) {
        conditions.protocols = bytes_in(piece, Field::protocol);
    }
}

}  // namespace

std::optional<Conditions> conditions_of(const Variant& variant, const Statement& piece) {
    const Match& match = variant.match();
    if (is_tag_enough(match.vlan) && !match.rare && !match.excluded) {
        return std::nullopt;
    }
    Conditions conditions;
    if (!is_tag_enough(match.vlan)) {
        conditions.vlans = ranges_of(piece, Field::vlan);
    }
    if (match.rare) {
        add_rare(conditions, *match.rare, piece);
    }
    if (match.excluded) {
        add_excluded(conditions, variant, piece);
    }
    return conditions;
}

void forget_dimensions(Conditions& conditions, const Variant& variant) {
    conditions.vlans.clear();
    conditions.lengths.clear();
    conditions.icmp_types.clear();
    conditions.ttls = conditions.tcp_flags = conditions.protocols = k_every_byte;
    if (!variant.leftover.marks.empty()) {
        conditions.not_marks.clear();
    }
}

}  // namespace rudder
