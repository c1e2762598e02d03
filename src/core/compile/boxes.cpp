// SPDX-License-Identifier: Apache-2.0
#include "core/compile/boxes.hpp"

#include "rudder_abi.h"
#include "rudder_classifier.h"

#include <algorithm>

namespace rudder {
namespace {

constexpr KeyLayout make_layout(std::size_t address_words) {
    KeyLayout layout;
    layout.address_words = address_words;
    const auto add = [&layout](Dimension dimension) { layout.dimensions[layout.dimension_count++] = dimension; };
    for (std::size_t word = 0; word < 2 * address_words; ++word) {
        add({static_cast<std::uint8_t>(word), 0, 32, true});
    }
    add({RUDDER_KEY_PORTS, 16, 16, true});
    add({RUDDER_KEY_PORTS, 0, 16, true});
    add({RUDDER_KEY_MISC, 24, 8, true});
    add({RUDDER_KEY_MISC, 16, 6, false});
    add({RUDDER_KEY_MISC, 0, 16, true});
    return layout;
}

IpPrefix prefix(IpFamily family, std::initializer_list<std::uint8_t> head, std::uint8_t length) {
    IpPrefix result;
    result.address.family = family;
    std::copy(head.begin(), head.end(), result.address.bytes.begin());
    result.length = length;
    return result;
}

IpPrefix multicast(IpFamily family) {
    return family == IpFamily::v4 ? prefix(family, {224}, 4) : prefix(family, {0xff}, 8);
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
    return std::any_of(ranges.begin(), ranges.end(), [&](const IpPrefix& range) { return range.contains(wanted); });
}

/// Does the operator ask for special-purpose addresses with this pair of prefixes?
bool asks_for_special(const Box& box) {
    return lies_in_special(box.src) || lies_in_special(box.dst) || multicast(box.src.address.family).contains(box.src);
}

bool asks_for_group(const Rule& rule, const Box& box) {
    const bool takes_all = rule.type == RuleType::drop || rule.type == RuleType::pass;
    return takes_all || multicast(box.dst.address.family).contains(box.dst);
}

void set_flags(const Rule& rule, Box& box) {
    box.flag_mask = RUDDER_PKT_TAGGED;
    if (!rule.match.src_ports.empty() || !rule.match.dst_ports.empty()) {
        box.flag_mask |= RUDDER_PKT_HAS_PORTS;
        box.flag_value |= RUDDER_PKT_HAS_PORTS;
    }
    if (!asks_for_special(box)) {
        box.flag_mask |= RUDDER_PKT_SPECIAL;
    }
    if (!asks_for_group(rule, box)) {
        box.flag_mask |= RUDDER_PKT_GROUP;
    }
}

std::vector<ValueRange> port_ranges(const std::vector<PortRange>& ports) {
    std::vector<ValueRange> ranges;
    for (const PortRange& range : ports) {
        ranges.push_back({range.first, range.last});
    }
    if (ranges.empty()) {
        ranges.push_back({0, 65535});
    }
    return ranges;
}

std::vector<ValueRange> dscp_ranges(std::uint64_t mask) {
    if (mask == k_dscp_any) {
        return {{0, 63}};
    }
    std::vector<ValueRange> ranges;
    for (std::uint32_t value = 0; value < 64; ++value) {
        if (((mask >> value) & 1) == 0) {
            continue;
        }
        if (!ranges.empty() && ranges.back().last + 1 == value) {
            ranges.back().last = value;
        } else {
            ranges.push_back({value, value});
        }
    }
    return ranges;
}

ValueRange hull(const std::vector<ValueRange>& list) { return {list.front().first, list.back().last}; }

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

void append_spans(BoxSet& set, const Rule& rule, const Box& box, const RuleFields& fields) {
    const std::size_t words = set.layout().address_words;
    append_prefix(set.spans, box.src, words);
    append_prefix(set.spans, box.dst, words);
    set.spans.push_back(hull(fields.src_ports));
    set.spans.push_back(hull(fields.dst_ports));
    set.spans.push_back(rule.match.ip_proto ? ValueRange{*rule.match.ip_proto, *rule.match.ip_proto} : ValueRange{0, 255});
    set.spans.push_back(hull(fields.dscps));
    set.spans.push_back(hull(fields.hook_classes));
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

bool matches_family(const Rule& rule, IpFamily family) {
    return family == IpFamily::v4 ? rule.match.family_v4 : rule.match.family_v6;
}

/// Lists longer than an extension holds, in pieces.
std::vector<std::vector<ValueRange>> chunks(const std::vector<ValueRange>& list) {
    if (list.size() <= RUDDER_MAX_LIST) {
        return {list};
    }
    std::vector<std::vector<ValueRange>> result;
    for (std::size_t at = 0; at < list.size(); at += RUDDER_MAX_LIST) {
        const auto begin = list.begin() + static_cast<std::ptrdiff_t>(at);
        const auto end = list.begin() + static_cast<std::ptrdiff_t>(std::min(list.size(), at + RUDDER_MAX_LIST));
        result.emplace_back(begin, end);
    }
    return result;
}

bool has_lists(const RuleFields& fields) {
    return fields.src_ports.size() > 1 || fields.dst_ports.size() > 1 || fields.dscps.size() > 1 ||
           fields.hook_classes.size() > 1;
}

/// The boxes of one rule with the fields at `index`.
void add_boxes_with(BoxSet& set, const Rule& rule, std::uint32_t index) {
    const RuleFields& fields = set.fields[index];
    for_family(rule.match.src, set.family, [&](const IpPrefix& src) {
        for_family(rule.match.dst, set.family, [&](const IpPrefix& dst) {
            Box box{index, fields.rank, src, dst, 0, 0, has_lists(fields)};
            set_flags(rule, box);
            append_spans(set, rule, box, fields);
            set.boxes.push_back(box);
        });
    });
}

}  // namespace

constexpr KeyLayout k_layout_v4 = make_layout(1);
constexpr KeyLayout k_layout_v6 = make_layout(4);

const std::vector<ValueRange>* BoxSet::list_of(std::uint32_t box, std::size_t dimension) const {
    if (!boxes[box].has_lists) {
        return nullptr;
    }
    const RuleFields& shared = fields[boxes[box].fields];
    const std::vector<ValueRange>* list = nullptr;
    if (dimension == layout().src_port()) {
        list = &shared.src_ports;
    } else if (dimension == layout().dst_port()) {
        list = &shared.dst_ports;
    } else if (dimension == layout().dscp()) {
        list = &shared.dscps;
    } else if (dimension == layout().hook_class()) {
        list = &shared.hook_classes;
    }
    return list != nullptr && list->size() > 1 ? list : nullptr;
}

std::size_t box_count(const Rule& rule, IpFamily family) {
    return matches_family(rule, family) ? count_of(rule.match.src, family) * count_of(rule.match.dst, family) : 0;
}

void add_boxes(BoxSet& set, const Rule& rule, std::uint32_t rank, const HookSet& hooks) {
    if (!matches_family(rule, set.family) || hooks.empty() || rule.match.dscp == 0) {
        return;
    }
    for (const auto& src_ports : chunks(port_ranges(rule.match.src_ports))) {
        for (const auto& dst_ports : chunks(port_ranges(rule.match.dst_ports))) {
            const auto index = static_cast<std::uint32_t>(set.fields.size());
            set.fields.push_back({rank, src_ports, dst_ports, dscp_ranges(rule.match.dscp), hooks, rule.match.dscp});
            add_boxes_with(set, rule, index);
        }
    }
}

}  // namespace rudder
