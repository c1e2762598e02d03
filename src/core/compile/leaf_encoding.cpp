// SPDX-License-Identifier: Apache-2.0
#include "core/compile/leaf_encoding.hpp"

#include <algorithm>
#include <bit>

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

std::uint16_t first_of(const Piece& piece) { return static_cast<std::uint16_t>(piece.range.first); }
std::uint16_t span_of(const Piece& piece) { return static_cast<std::uint16_t>(piece.range.last - piece.range.first); }

/// Value and mask of an aligned block of DSCP values; false if the range is none.
bool set_dscp(const Piece& piece, rudder_leaf_tail& tail) {
    const std::uint32_t count = piece.range.last - piece.range.first + 1;
    if (!piece.is_exact || !std::has_single_bit(count) || piece.range.first % count != 0) {
        return false;
    }
    tail.dscp = static_cast<std::uint8_t>(piece.range.first);
    tail.dscp_mask = static_cast<std::uint8_t>(0x3fu & ~(count - 1));
    return true;
}

rudder_leaf_tail tail_of(const BoxSet& set, std::uint32_t index, const Region& region, Extensions& extensions) {
    const KeyLayout& layout = set.layout();
    const Box& box = set.boxes[index];
    const Piece src_port = piece_of(set, index, layout.src_port(), region);
    const Piece dst_port = piece_of(set, index, layout.dst_port(), region);
    const Piece hook = piece_of(set, index, layout.hook_class(), region);
    const ValueRange protocol = set.spans_of(index)[layout.protocol()];
    rudder_leaf_tail tail{};
    tail.src_port_first = first_of(src_port);
    tail.src_port_span = span_of(src_port);
    tail.dst_port_first = first_of(dst_port);
    tail.dst_port_span = span_of(dst_port);
    tail.hook_first = first_of(hook);
    tail.hook_span = span_of(hook);
    tail.protocol_mask = protocol.first == protocol.last ? 0xff : 0;
    tail.protocol = static_cast<std::uint8_t>(protocol.first & tail.protocol_mask);
    tail.flag_mask = box.flag_mask;
    tail.flag_value = box.flag_value;
    const bool has_dscp = set_dscp(piece_of(set, index, layout.dscp(), region), tail);
    const bool is_complete = has_dscp && src_port.is_exact && dst_port.is_exact && hook.is_exact;
    tail.result = is_complete ? box.rank : RUDDER_LEAF_EXTENDED | extensions.unit_of(set.fields[box.fields]);
    return tail;
}

std::uint64_t join(const ValueRange* spans) { return std::uint64_t{spans[0].first} << 32 | spans[1].first; }

std::uint8_t host_bits(const IpPrefix& prefix, int from) {
    return static_cast<std::uint8_t>(64 - std::clamp(static_cast<int>(prefix.length) - from, 0, 64));
}

template <class Entry>
std::string bytes_of(const Entry& entry) {
    return {reinterpret_cast<const char*>(&entry), sizeof(entry)};
}

std::string encode_v4(const BoxSet& set, std::uint32_t index, const rudder_leaf_tail& tail) {
    const Box& box = set.boxes[index];
    rudder_leaf_v4 entry{};
    entry.src = set.spans_of(index)[0].first;
    entry.dst = set.spans_of(index)[1].first;
    entry.tail = tail;
    entry.tail.src_shift = static_cast<std::uint8_t>(32 - box.src.length);
    entry.tail.dst_shift = static_cast<std::uint8_t>(32 - box.dst.length);
    return bytes_of(entry);
}

std::string encode_v6(const BoxSet& set, std::uint32_t index, const rudder_leaf_tail& tail) {
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
    return bytes_of(entry);
}

}  // namespace

std::string encode_leaf(const BoxSet& set, const TreeLeaf& leaf, Extensions& extensions) {
    std::string bytes;
    for (const std::uint32_t box : leaf.boxes) {
        const rudder_leaf_tail tail = tail_of(set, box, leaf.region, extensions);
        bytes += set.family == IpFamily::v4 ? encode_v4(set, box, tail) : encode_v6(set, box, tail);
    }
    return bytes;
}

}  // namespace rudder
