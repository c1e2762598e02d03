// SPDX-License-Identifier: Apache-2.0
#include "core/compile/boxes.hpp"

#include "rudder_abi.h"
#include "rudder_classifier.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace rudder {
namespace {

IpPrefix prefix(IpFamily family, std::initializer_list<std::uint8_t> head, std::uint8_t length) {
    IpPrefix result;
    result.address.family = family;
    std::copy(head.begin(), head.end(), result.address.bytes.begin());
    result.length = length;
    return result;
}

const IpPrefix& multicast(IpFamily family) {
    static const IpPrefix v4 = prefix(IpFamily::v4, {224}, 4);
    static const IpPrefix v6 = prefix(IpFamily::v6, {0xff}, 8);
    return family == IpFamily::v4 ? v4 : v6;
}

/// Special-purpose ranges as in RUDDER_PKT_SPECIAL. *Source*: RFC 6890, RFC 5771, RFC 4291.
std::vector<IpPrefix> make_special_ranges(IpFamily family) {
    if (family == IpFamily::v4) {
        return {prefix(family, {0}, 8), prefix(family, {127}, 8), prefix(family, {169, 254}, 16),
                prefix(family, {224, 0, 0}, 24), prefix(family, {255, 255, 255, 255}, 32)};
    }
    IpPrefix loopback = prefix(family, {}, 128);
    loopback.address.bytes[15] = 1;
    return {prefix(family, {}, 128), loopback, prefix(family, {0xfe, 0x80}, 10), prefix(family, {0xff, 0x01}, 16),
            prefix(family, {0xff, 0x02}, 16)};
}

const std::vector<IpPrefix>& special_ranges(IpFamily family) {
    static const std::vector<IpPrefix> v4 = make_special_ranges(IpFamily::v4);
    static const std::vector<IpPrefix> v6 = make_special_ranges(IpFamily::v6);
    return family == IpFamily::v4 ? v4 : v6;
}

bool lies_in_special(const IpPrefix& wanted) {
    const auto& ranges = special_ranges(wanted.address.family);
    // All of them are longer than one octet.
    return std::any_of(ranges.begin(), ranges.end(), [&](const IpPrefix& range) {
        return range.address.bytes[0] == wanted.address.bytes[0] && range.contains(wanted);
    });
}

/// Does the operator ask for special-purpose addresses with this pair of prefixes?
bool asks_for_special(const Box& box) {
    return lies_in_special(box.src) || lies_in_special(box.dst) || multicast(box.src.address.family).contains(box.src);
}

bool asks_for_group(const BoxSet& set, RuleType type, const Match& match, const Box& box) {
    const bool takes_all = type != RuleType::steer && type != RuleType::replicate;
    const bool names_group_mac = match.rare && has_group_mac(*match.rare);
    const bool is_broadcast = box.dst.length == 32 && set.broadcast_addresses.contains(box.dst.address);
    return takes_all || names_group_mac || is_broadcast || multicast(box.dst.address.family).contains(box.dst);
}

/// Packets that come in with an address of this host as their source are sent nowhere, unless the rule names the very
/// address.
bool asks_for_own_source(RuleType type, const Box& box) {
    return (type != RuleType::steer && type != RuleType::replicate) || box.src.length == box.src.address.bits();
}

void set_flags(const BoxSet& set, RuleType type, const Variant& variant, Box& box) {
    const Match& match = variant.match();
    if (!match.vlan.untagged || match.vlan.ids.empty()) {
        box.flag_mask |= RUDDER_PKT_TAGGED;
        box.flag_value |= match.vlan.untagged ? 0 : RUDDER_PKT_TAGGED;
    }
    const Presence ports = variant.leftover.ports;
    const bool states_ports = !match.src_ports.empty() || !match.dst_ports.empty();
    if (ports == Presence::absent || (ports == Presence::as_stated && states_ports)) {
        box.flag_mask |= RUDDER_PKT_HAS_PORTS;
        box.flag_value |= ports == Presence::absent ? 0 : RUDDER_PKT_HAS_PORTS;
    }
    if (!asks_for_special(box)) {
        box.flag_mask |= RUDDER_PKT_SPECIAL;
    }
    if (!asks_for_own_source(type, box)) {
        box.flag_mask |= RUDDER_PKT_OWN_SOURCE;
    }
    if (!asks_for_group(set, type, match, box)) {
        box.flag_mask |= RUDDER_PKT_GROUP;
    }
}

/// A prefix is a product of one range for each 32-bit word.
void append_prefix(std::vector<ValueRange>& spans, const IpPrefix& wanted, std::size_t words) {
    for (std::size_t word = 0; word < words; ++word) {
        const std::uint8_t* b = &wanted.address.bytes[4 * word];
        const std::uint32_t value = static_cast<std::uint32_t>(b[0]) << 24 | static_cast<std::uint32_t>(b[1]) << 16 |
                                    static_cast<std::uint32_t>(b[2]) << 8 | b[3];
        const auto length = std::clamp(static_cast<int>(wanted.length) - static_cast<int>(32 * word), 0, 32);
        const std::uint32_t host_bits = length == 32 ? 0 : 0xffffffffu >> length;
        spans.push_back({value & ~host_bits, value | host_bits});
    }
}

void append_spans(BoxSet& set, const Box& box, const Statement& statement) {
    const KeyLayout& layout = set.layout();
    append_prefix(set.spans, box.src, layout.address_words);
    append_prefix(set.spans, box.dst, layout.address_words);
    for (std::size_t d = 2 * layout.address_words; d < layout.count(); ++d) {
        const auto* ranges = find_ranges(statement, layout.dimensions[d].field);
        set.spans.push_back(ranges == nullptr ? layout.dimensions[d].whole()
                                              : ValueRange{ranges->front().first, ranges->back().last});
    }
}

std::size_t count_of(const std::vector<IpPrefix>& prefixes, IpFamily family) {
    const auto is_of_family = [family](const IpPrefix& candidate) { return candidate.address.family == family; };
    return prefixes.empty() ? 1 : static_cast<std::size_t>(std::count_if(prefixes.begin(), prefixes.end(), is_of_family));
}

/// Calls visit(prefix) for the prefixes of one family; once with length 0 if none is stated.
template <class Visit>
void for_family(const std::vector<IpPrefix>& prefixes, IpFamily family, Visit visit) {
    if (prefixes.empty()) {
        visit(prefix(family, {}, 0));
    }
    for (const IpPrefix& candidate : prefixes) {
        if (candidate.address.family == family) {
            visit(candidate);
        }
    }
}

/// Calls visit(variant) for each way to match; for the only one of most rules nothing is allocated.
template <class Visit>
void for_each_variant(const Match& match, Visit visit) {
    if (!match.excluded) {
        return visit(Variant{&match});
    }
    for (const Variant& variant : variants_of(match)) {
        visit(variant);
    }
}

bool matches_family(const Rule& rule, IpFamily family) {
    return family == IpFamily::v4 ? rule.match.family_v4 : rule.match.family_v6;
}

RuleFields fields_of(BoxSet& set, const Variant& variant, std::uint32_t rank, const Statement& statement) {
    RuleFields fields;
    fields.rank = rank;
    fields.dscp_mask = variant.match().dscp;
    if (auto conditions = conditions_of(variant, statement)) {
        fields.conditions = set.conditions_index(*conditions);
        forget_dimensions(*conditions, variant);
        fields.opaque = set.conditions_index(*conditions);
    }
    for (const FieldRanges& stated : statement) {
        if (stated.ranges.size() > 1) {
            fields.lists.emplace_back(stated.field, stated.ranges);
        }
    }
    return fields;
}

/// Address ranges that the boxes of a rule exclude.
struct Excluded {
    std::uint32_t src = k_nothing_excluded;
    std::uint32_t dst = k_nothing_excluded;
};

Excluded excluded_of(BoxSet& set, const Match& match) {
    if (!match.excluded) {
        return {};
    }
    return {set.excluded_index(address_ranges(match.excluded->src, set.family)),
            set.excluded_index(address_ranges(match.excluded->dst, set.family))};
}

/// What of it concerns the addresses of a prefix. None: all of them are excluded.
std::optional<std::uint32_t> part_of(const BoxSet& set, std::uint32_t index, const IpPrefix& prefix) {
    if (index == k_nothing_excluded || !meets(*set.excluded[index], range_of(prefix))) {
        return k_nothing_excluded;
    }
    return holds(*set.excluded[index], range_of(prefix)) ? std::nullopt : std::optional(index);
}

/// The boxes of one way to match with one piece of its statement.
void add_boxes_with(BoxSet& set, RuleType type, const Variant& variant, std::uint32_t rank, const Statement& statement,
                    const Excluded& excluded) {
    const auto index = static_cast<std::uint32_t>(set.fields.size());
    set.fields.push_back(fields_of(set, variant, rank, statement));
    const bool has_lists = !set.fields.back().lists.empty();
    const Match& match = variant.match();
    for_family(match.src, set.family, [&](const IpPrefix& src) {
        for_family(match.dst, set.family, [&](const IpPrefix& dst) {
            const auto not_src = part_of(set, excluded.src, src);
            const auto not_dst = part_of(set, excluded.dst, dst);
            if (!not_src || !not_dst) {
                return;
            }
            Box box{index, rank, src, dst, 0, 0, has_lists, *not_src, *not_dst};
            set_flags(set, type, variant, box);
            append_spans(set, box, statement);
            set.boxes.push_back(box);
        });
    });
}

}  // namespace

const std::vector<ValueRange>* RuleFields::list(Field field) const {
    const auto found = std::find_if(lists.begin(), lists.end(), [field](const auto& entry) { return entry.first == field; });
    return found == lists.end() ? nullptr : &found->second;
}

void BoxSet::reserve(std::size_t count) {
    fields.reserve(count);
    boxes.reserve(count);
    spans.reserve(count * layout_.count());
}

std::uint32_t BoxSet::excluded_index(AddressRanges ranges) {
    if (ranges.empty()) {
        return k_nothing_excluded;
    }
    const auto [entry, is_new] = excluded_index_.try_emplace(ranges, static_cast<std::uint32_t>(excluded.size()));
    if (is_new) {
        excluded.push_back(std::make_shared<const AddressRanges>(std::move(ranges)));
    }
    return entry->second;
}

std::uint32_t BoxSet::conditions_index(const Conditions& wanted) {
    if (wanted == Conditions{}) {
        return k_no_conditions;
    }
    const auto [entry, is_new] = condition_index_.try_emplace(wanted, static_cast<std::uint32_t>(conditions.size()));
    if (is_new) {
        conditions.push_back(wanted);
    }
    return entry->second;
}

std::size_t box_count(const Rule& rule, IpFamily family) {
    if (!matches_family(rule, family)) {
        return 0;
    }
    std::size_t pieces = 0;
    for_each_variant(rule.match, [&](const Variant& variant) { pieces += piece_count(variant.match()); });
    return pieces * count_of(rule.match.src, family) * count_of(rule.match.dst, family);
}

void add_boxes(BoxSet& set, const Rule& rule, std::uint32_t rank, const HookSet& hooks) {
    if (!matches_family(rule, set.family) || hooks.empty() || rule.match.dscp == 0) {
        return;
    }
    const Excluded excluded = excluded_of(set, rule.match);
    for_each_variant(rule.match, [&](const Variant& variant) {
        Statement whole = statement_of(variant, hooks);
        const bool is_one_piece = !variant.folded && piece_count(rule.match) == 1;
        if (is_one_piece) {
            return add_boxes_with(set, rule.type, variant, rank, whole, excluded);
        }
        for (const Statement& statement : pieces_of(std::move(whole))) {
            add_boxes_with(set, rule.type, variant, rank, statement, excluded);
        }
    });
}

}  // namespace rudder
