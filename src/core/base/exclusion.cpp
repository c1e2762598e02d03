// SPDX-License-Identifier: Apache-2.0
#include "core/base/exclusion.hpp"

#include "core/base/subtract.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace rudder {
namespace {

constexpr std::uint32_t k_highest_octet = 255;
constexpr std::uint32_t k_highest_port = 65535;
constexpr std::uint32_t k_highest_mark = 0xffffffff;

/// Takes values out of a list that says "any" by being empty; false if nothing is left.
bool take_out(std::vector<ValueRange>& values, const std::vector<ValueRange>& excluded, std::uint32_t highest) {
    if (excluded.empty()) {
        return true;
    }
    values = without(values.empty() ? std::vector<ValueRange>{{0, highest}} : values, excluded);
    return !values.empty();
}

bool take_out(std::vector<PortRange>& ports, const std::vector<PortRange>& excluded) {
    const auto numbers = [](const std::vector<PortRange>& ranges) {
        std::vector<ValueRange> values;
        for (const PortRange& range : ranges) {
            values.push_back({range.first, range.last});
        }
        return values;
    };
    std::vector<ValueRange> left = numbers(ports);
    if (!take_out(left, numbers(excluded), k_highest_port)) {
        return false;
    }
    ports.clear();
    for (const ValueRange& range : left) {
        ports.push_back({static_cast<std::uint16_t>(range.first), static_cast<std::uint16_t>(range.last)});
    }
    return true;
}

bool hold(const std::vector<TcpFlags>& wanted, unsigned value) {
    return std::any_of(wanted.begin(), wanted.end(), [value](const TcpFlags& flags) {
        return (value & flags.set) == flags.set && (value & flags.clear) == 0;
    });
}

bool take_out(std::vector<TcpFlags>& wanted, const std::vector<TcpFlags>& excluded) {
    if (excluded.empty()) {
        return true;
    }
    std::vector<TcpFlags> left;
    for (unsigned value = 0; value <= k_highest_octet; ++value) {
        if ((wanted.empty() || hold(wanted, value)) && !hold(excluded, value)) {
            left.push_back({static_cast<std::uint8_t>(value), static_cast<std::uint8_t>(~value)});
        }
    }
    wanted = std::move(left);
    return !wanted.empty();
}

bool take_out(VlanMatch& vlan, const VlanMatch& excluded) {
    vlan.untagged = vlan.untagged && !excluded.untagged;
    vlan.ids = without(vlan.ids, excluded.ids);
    return vlan.untagged || !vlan.ids.empty();
}

/// Bits of values that are all stated if none is.
bool take_out(std::uint8_t& bits, std::uint8_t excluded, std::uint8_t all) {
    bits = static_cast<std::uint8_t>(excluded == all ? bits : bits & ~excluded);
    return bits != 0;
}

bool take_out_protocol(Variant& variant, std::optional<std::uint8_t> excluded) {
    if (!excluded) {
        return true;
    }
    if (variant.folded->ip_proto) {
        return variant.folded->ip_proto != excluded;
    }
    variant.leftover.protocols = without({{0, k_highest_octet}}, {{*excluded, *excluded}});
    return true;
}

/// The marks of one pattern, if they are one range.
std::optional<ValueRange> range_of(const MarkPattern& pattern) {
    const std::uint32_t open = ~pattern.mask;
    if ((open & (open + 1)) != 0) {
        return std::nullopt;
    }
    return ValueRange{pattern.value, pattern.value | open};
}

/// False if nothing is left. Ranges say nothing where the match asks for marks, or a mask has holes.
bool take_out_marks(Variant& variant, const std::vector<MarkPattern>& asked, const std::vector<MarkPattern>& excluded) {
    std::vector<ValueRange> ranges;
    for (const MarkPattern& pattern : excluded) {
        const auto range = range_of(pattern);
        if (!range || !asked.empty()) {
            return true;
        }
        ranges.push_back(*range);
    }
    if (ranges.empty()) {
        return true;
    }
    std::sort(ranges.begin(), ranges.end());
    variant.leftover.marks = without({{0, k_highest_mark}}, ranges);
    return !variant.leftover.marks.empty();
}

/// Fields that every packet has.
bool take_out_common(Variant& variant, RareMatch& rare, const Exclusion& excluded) {
    Match& match = *variant.folded;
    match.dscp &= ~excluded.dscp;
    return match.dscp != 0 && take_out(match.vlan, excluded.vlan) && take_out_protocol(variant, excluded.ip_proto) &&
           take_out(rare.fragment, excluded.rare.fragment, k_fragment_any) &&
           take_out(rare.ecn, excluded.rare.ecn, k_ecn_any) &&
           take_out(rare.lengths, excluded.rare.lengths, k_highest_port) &&
           take_out(rare.ttls, excluded.rare.ttls, k_highest_octet) &&
           take_out_marks(variant, rare.fwmarks, excluded.rare.fwmarks);
}

void keep_rare(Match& match, const RareMatch& rare) {
    match.rare = rare == RareMatch{} ? HeapOptional<RareMatch>() : HeapOptional<RareMatch>(rare);
}

RareMatch rare_of(const Match& match) {
    return match.rare ? *match.rare : RareMatch{};
}

/// A field that not every packet has.
struct OptionalField {
    bool is_asked = false;  ///< the match asks for some value of it
    Presence Leftover::*presence = nullptr;
};

/// Replaces each variant by what is possible of it. `has(variant)` takes values out, false if none is left;
/// `takes_zero(variant)`: 0 is left. Packets without the field match unless a value is asked for; they pass for 0, or
/// are a way to match of their own.
template <class Has, class TakesZero>
void divide(std::vector<Variant>& variants, const OptionalField& field, Has has, TakesZero takes_zero) {
    std::vector<Variant> possible;
    for (Variant& variant : variants) {
        Variant with = variant;
        const bool is_left = has(with);
        const bool is_one_way = !field.is_asked && is_left && takes_zero(with);
        if (is_one_way) {
            with.leftover.*field.presence = Presence::optional;
        }
        if (is_left) {
            possible.push_back(std::move(with));
        }
        if (!field.is_asked && !is_one_way) {
            variant.leftover.*field.presence = Presence::absent;
            possible.push_back(std::move(variant));
        }
    }
    variants = std::move(possible);
}

bool takes_zero(const std::vector<PortRange>& ports) {
    return ports.empty() || ports.front().first == 0;
}

void divide_by_ports(std::vector<Variant>& variants, const Match& match) {
    const Exclusion& excluded = *match.excluded;
    if (excluded.src_ports.empty() && excluded.dst_ports.empty()) {
        return;
    }
    divide(
        variants, {!match.src_ports.empty() || !match.dst_ports.empty(), &Leftover::ports},
        [&](Variant& variant) {
            return take_out(variant.folded->src_ports, excluded.src_ports) &&
                   take_out(variant.folded->dst_ports, excluded.dst_ports);
        },
        [](const Variant& variant) {
            return takes_zero(variant.folded->src_ports) && takes_zero(variant.folded->dst_ports);
        });
}

/// Takes values of a rare field out of a variant.
template <class Values, class TakeOut>
auto rare_change(Values RareMatch::*values, TakeOut take) {
    return [values, take](Variant& variant) {
        RareMatch rare = rare_of(*variant.folded);
        const bool is_left = take(rare.*values);
        keep_rare(*variant.folded, rare);
        return is_left;
    };
}

void divide_by_transport(std::vector<Variant>& variants, const Match& match) {
    const RareMatch& excluded = match.excluded->rare;
    const RareMatch asked = rare_of(match);
    if (!excluded.icmp_types.empty()) {
        divide(variants, {!asked.icmp_types.empty(), &Leftover::icmp},
               rare_change(&RareMatch::icmp_types,
                           [&](auto& types) { return take_out(types, excluded.icmp_types, k_highest_icmp); }),
               [](const Variant& variant) { return variant.folded->rare->icmp_types.front().first == 0; });
    }
    if (!excluded.tcp_flags.empty()) {
        divide(variants, {!asked.tcp_flags.empty(), &Leftover::tcp_flags},
               rare_change(&RareMatch::tcp_flags, [&](auto& flags) { return take_out(flags, excluded.tcp_flags); }),
               [](const Variant& variant) { return hold(variant.folded->rare->tcp_flags, 0); });
    }
}

}  // namespace

std::vector<Variant> variants_of(const Match& match) {
    if (!match.excluded) {
        return {{&match}};
    }
    Variant common{&match, match};
    RareMatch rare = rare_of(match);
    if (!take_out_common(common, rare, *match.excluded)) {
        return {};
    }
    keep_rare(*common.folded, rare);
    std::vector<Variant> variants{std::move(common)};
    divide_by_ports(variants, match);
    divide_by_transport(variants, match);
    return variants;
}

}  // namespace rudder
