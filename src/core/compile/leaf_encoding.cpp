// SPDX-License-Identifier: Apache-2.0
#include "core/compile/leaf_encoding.hpp"

#include "core/compile/excluded_addresses.hpp"

#include <algorithm>
#include <utility>

namespace rudder {
namespace {

struct Piece {
    ValueRange range;
    bool is_exact = true;  ///< one range says it all
};

/// What a dimension of a box demands of packets in `region`.
Piece piece_of(const BoxSet& set, std::uint32_t box, std::size_t dimension, const Region& region) {
    const std::vector<ValueRange>* list = set.list_of(box, dimension);
    if (list == nullptr) {
        return {set.spans_of(box)[dimension], true};
    }
    Piece piece{set.spans_of(box)[dimension], false};
    std::size_t pieces = 0;
    for (const ValueRange& range : *list) {
        if (range.last >= region[dimension].first && range.first <= region[dimension].last) {
            piece.range = ++pieces == 1 ? range : ValueRange{piece.range.first, range.last};
        }
    }
    piece.is_exact = pieces == 1;
    return piece;
}

/// Puts a range into its lane of the entry.
void set_lane(rudder_leaf_tail& tail, unsigned lane, ValueRange range) {
    tail.first |= std::uint64_t{range.first} << lane;
    tail.last |= std::uint64_t{range.last} << lane;
}

/// A flag that must be set, must be clear, or does not matter.
void set_flag_lane(rudder_leaf_tail& tail, unsigned lane, const Box& box, std::uint8_t flag) {
    const bool matters = (box.flag_mask & flag) != 0;
    const bool is_set = (box.flag_value & flag) != 0;
    set_lane(tail, lane, {matters && is_set ? 1u : 0u, matters && !is_set ? 0u : 1u});
}

ValueRange origins_of(const Box& box) {
    const bool takes_special = (box.flag_mask & RUDDER_PKT_SPECIAL) == 0;
    const bool takes_own = (box.flag_mask & RUDDER_PKT_OWN_SOURCE) == 0;
    if (takes_special && takes_own) {
        return {RUDDER_ORIGIN_OWN, RUDDER_ORIGIN_BOTH};
    }
    return {takes_own ? RUDDER_ORIGIN_OWN : RUDDER_ORIGIN_ORDINARY,
            takes_special ? RUDDER_ORIGIN_SPECIAL : RUDDER_ORIGIN_ORDINARY};
}

std::uint32_t extension_of(const BoxSet& set, std::uint32_t index, const ExcludedHere& excluded, Extensions& extensions) {
    const RuleFields& fields = set.fields_of(index);
    const Conditions* conditions = fields.conditions == k_no_conditions ? nullptr : &set.conditions[fields.conditions];
    return extensions.unit_of(fields, conditions, excluded);
}

rudder_leaf_tail tail_of(const BoxSet& set, std::uint32_t index, const Region& region, Extensions& extensions) {
    const KeyLayout& layout = set.layout();
    const Box& box = set.boxes[index];
    const ValueRange protocol = set.spans_of(index)[layout.protocol()];
    rudder_leaf_tail tail{};
    tail.last = RUDDER_LANE_GUARDS;
    const std::uint32_t conditions = set.fields_of(index).conditions;
    const ExcludedHere excluded = excluded_here(set, index, region);
    bool is_complete = conditions == k_no_conditions && excluded.src == nullptr && excluded.dst == nullptr;
    const std::pair<unsigned, std::size_t> lanes[] = {{RUDDER_LANE_SRC_PORT, layout.src_port()},
                                                      {RUDDER_LANE_DST_PORT, layout.dst_port()},
                                                      {RUDDER_LANE_HOOK, layout.hook_class()},
                                                      {RUDDER_LANE_DSCP, layout.dscp()}};
    for (const auto& [lane, dimension] : lanes) {
        const Piece piece = piece_of(set, index, dimension, region);
        set_lane(tail, lane, piece.range);
        is_complete = is_complete && piece.is_exact;
    }
    set_flag_lane(tail, RUDDER_LANE_HAS_PORTS, box, RUDDER_PKT_HAS_PORTS);
    set_flag_lane(tail, RUDDER_LANE_TAGGED, box, RUDDER_PKT_TAGGED);
    set_lane(tail, RUDDER_LANE_ORIGIN, origins_of(box));
    set_flag_lane(tail, RUDDER_LANE_GROUP, box, RUDDER_PKT_GROUP);
    tail.protocol_mask = protocol.first == protocol.last ? 0xff : 0;
    tail.protocol = static_cast<std::uint8_t>(protocol.first & tail.protocol_mask);
    tail.result = is_complete ? box.rank : RUDDER_LEAF_EXTENDED | extension_of(set, index, excluded, extensions);
    return tail;
}

std::uint64_t join(const ValueRange* spans) { return std::uint64_t{spans[0].first} << 32 | spans[1].first; }

std::uint8_t host_bits(const IpPrefix& prefix, int from) {
    return static_cast<std::uint8_t>(64 - std::clamp(static_cast<int>(prefix.length) - from, 0, 64));
}

template <class Entry>
void append(const Entry& entry, std::string& bytes) {
    bytes.append(reinterpret_cast<const char*>(&entry), sizeof(entry));
}

void append_v4(const BoxSet& set, std::uint32_t index, const rudder_leaf_tail& tail, std::string& bytes) {
    const Box& box = set.boxes[index];
    rudder_leaf_v4 entry{};
    entry.src = set.spans_of(index)[0].first;
    entry.dst = set.spans_of(index)[1].first;
    entry.tail = tail;
    entry.tail.src_shift = static_cast<std::uint8_t>(32 - box.src.length);
    entry.tail.dst_shift = static_cast<std::uint8_t>(32 - box.dst.length);
    append(entry, bytes);
}

void append_v6(const BoxSet& set, std::uint32_t index, const rudder_leaf_tail& tail, std::string& bytes) {
    const Box& box = set.boxes[index];
    const ValueRange* spans = set.spans_of(index);
    rudder_leaf_v6 entry{};
    entry.src_high = join(spans);
    entry.src_low = join(spans + 2);
    entry.dst_high = join(spans + 4);
    entry.dst_low = join(spans + 6);
    entry.src_high_shift = host_bits(box.src, 0);
    entry.src_low_shift = host_bits(box.src, 64);
    entry.dst_high_shift = host_bits(box.dst, 0);
    entry.dst_low_shift = host_bits(box.dst, 64);
    entry.tail = tail;
    append(entry, bytes);
}

}  // namespace

std::string encode_leaf(const BoxSet& set, const TreeLeaf& leaf, Extensions& extensions) {
    const auto append_entry = set.family == IpFamily::v4 ? append_v4 : append_v6;
    // The boxes of a leaf lie anywhere in the set: their lines of memory are asked for together.
    for (const std::uint32_t box : leaf.boxes) {
        set.prefetch(box);
    }
    std::string bytes;
    bytes.reserve(leaf.boxes.size() * (set.family == IpFamily::v4 ? sizeof(rudder_leaf_v4) : sizeof(rudder_leaf_v6)));
    for (const std::uint32_t box : leaf.boxes) {
        append_entry(set, box, tail_of(set, box, leaf.region, extensions), bytes);
    }
    return bytes;
}

}  // namespace rudder
