// SPDX-License-Identifier: Apache-2.0
#include "core/compile/excluded_addresses.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <span>

namespace rudder {
namespace {

constexpr std::size_t k_most_words = 4;
constexpr unsigned k_threshold_bits = 16;

enum class Side : std::uint8_t { src, dst };

std::uint32_t index_of(const BoxSet& set, std::uint32_t box, Side side) {
    return side == Side::src ? set.boxes[box].not_src : set.boxes[box].not_dst;
}

using Words = std::array<ValueRange, k_most_words>;

std::size_t first_dimension(const BoxSet& set, Side side) {
    return side == Side::src ? 0 : set.layout().address_words;
}

/// The address words of the box, clipped to the region.
Words words_of(const BoxSet& set, std::uint32_t box, Side side, const Region& region) {
    Words words{};
    const std::size_t start = first_dimension(set, side);
    for (std::size_t word = 0; word < set.layout().address_words; ++word) {
        const ValueRange& own = set.spans_of(box)[start + word];
        const ValueRange& limit = region[start + word];
        words[word] = {std::max(own.first, limit.first), std::min(own.last, limit.last)};
    }
    return words;
}

/// The addresses of the box that lie in the region, and perhaps some more.
AddressRange addresses(const BoxSet& set, std::uint32_t box, Side side, const Region& region) {
    const Words words = words_of(set, box, side, region);
    return range_around(std::span(words).first(set.layout().address_words));
}

bool meets_on(const BoxSet& set, std::uint32_t box, Side side, const Region& region) {
    const std::uint32_t index = index_of(set, box, side);
    return index != k_nothing_excluded && meets(*set.excluded[index], addresses(set, box, side, region));
}

std::size_t count_on(const BoxSet& set, std::uint32_t box, Side side, const Region& region) {
    const std::uint32_t index = index_of(set, box, side);
    return index == k_nothing_excluded ? 0 : count_meeting(*set.excluded[index], addresses(set, box, side, region));
}

std::shared_ptr<const AddressRanges> excluded_on(const BoxSet& set, std::uint32_t box, Side side,
                                                 const Region& region) {
    return meets_on(set, box, side, region) ? set.excluded[index_of(set, box, side)] : nullptr;
}

bool is_all_excluded_on(const BoxSet& set, std::uint32_t box, Side side, const Region& region) {
    const std::uint32_t index = index_of(set, box, side);
    return index != k_nothing_excluded && holds(*set.excluded[index], addresses(set, box, side, region));
}

bool excludes_no_more_on(const BoxSet& set, std::uint32_t a, std::uint32_t b, Side side, const Region& region) {
    const std::uint32_t index = index_of(set, a, side);
    return index == k_nothing_excluded || index == index_of(set, b, side) ||
           !meets(*set.excluded[index], addresses(set, b, side, region));
}

/// A threshold near the edges of `hole`, between the first and last value of `hull`. Thresholds compare the upper 16
/// bits in which values of the hull differ; so a hole is first cut out roughly.
Split threshold_at(std::size_t dimension, ValueRange hull, ValueRange hole) {
    const auto width = static_cast<unsigned>(std::bit_width(hull.first ^ hull.last));
    const std::uint64_t inside = (std::uint64_t{1} << (width > k_threshold_bits ? width - k_threshold_bits : 0)) - 1;
    const std::uint64_t begin = hole.first & ~inside;
    const std::uint64_t end = (std::uint64_t{hole.last} + 1 + inside) & ~inside;
    // Neither edge can be told from the ends of the hull: the first or last part that it shares, or the middle.
    const std::uint64_t middle = (std::uint64_t{hull.first} + hull.last + 1) / 2;
    const std::uint64_t second = (hull.first & ~inside) + inside + 1;
    const std::uint64_t last = hull.last & ~inside;
    const std::uint64_t rough = hole.first <= hull.first ? last : second;
    const std::uint64_t other = inside == 0 ? middle : rough;
    Split split;
    split.dimension = dimension;
    split.is_threshold = split.is_at_hole = true;
    split.bits = std::min(width, k_threshold_bits);
    split.shift = width - split.bits;
    split.base = width >= 32 ? 0 : hull.first >> width << width;
    split.threshold = static_cast<std::uint32_t>(begin > hull.first ? begin : end <= hull.last ? end : other);
    return split;
}

std::optional<Split> split_on(const NodeView& node, std::uint32_t box, Side side) {
    const BoxSet& set = node.set();
    const std::uint32_t index = index_of(set, box, side);
    const auto hole = index == k_nothing_excluded
                          ? std::nullopt
                          : first_meeting(*set.excluded[index], addresses(set, box, side, node.region()));
    if (!hole) {
        return std::nullopt;
    }
    const Words words = words_of(set, box, side, node.region());
    for (std::size_t word = 0; word < set.layout().address_words; ++word) {
        const std::size_t dimension = first_dimension(set, side) + word;
        const ValueRange hull = node.hull(dimension);
        if (words[word].first != words[word].last) {
            return threshold_at(dimension, hull, {word_of(hole->first, word), word_of(hole->last, word)});
        }
    }
    return std::nullopt;
}

}  // namespace

std::optional<Split> split_at_hole(const NodeView& node, std::uint32_t box) {
    const auto split = split_on(node, box, Side::src);
    return split ? split : split_on(node, box, Side::dst);
}

ExcludedHere excluded_here(const BoxSet& set, std::uint32_t box, const Region& region) {
    return {excluded_on(set, box, Side::src, region), excluded_on(set, box, Side::dst, region)};
}

std::size_t count_holes(const BoxSet& set, std::uint32_t box, const Region& region) {
    return count_on(set, box, Side::src, region) + count_on(set, box, Side::dst, region);
}

bool excludes_some(const BoxSet& set, std::uint32_t box, const Region& region) {
    return meets_on(set, box, Side::src, region) || meets_on(set, box, Side::dst, region);
}

bool is_all_excluded(const BoxSet& set, std::uint32_t box, const Region& region) {
    return is_all_excluded_on(set, box, Side::src, region) || is_all_excluded_on(set, box, Side::dst, region);
}

bool excludes_no_more(const BoxSet& set, std::uint32_t a, std::uint32_t b, const Region& region) {
    return excludes_no_more_on(set, a, b, Side::src, region) && excludes_no_more_on(set, a, b, Side::dst, region);
}

}  // namespace rudder
