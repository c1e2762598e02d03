// SPDX-License-Identifier: Apache-2.0
#include "core/compile/domination.hpp"

#include <algorithm>
#include <array>

namespace rudder {
namespace {

/// Nodes up to this size are compared pair by pair; in larger ones only so many boxes that fill the node hide others.
constexpr std::size_t k_pairwise_boxes = 128;
constexpr std::size_t k_most_full_boxes = 16;

ValueRange clip(ValueRange own, ValueRange limit) {
    return {std::max(own.first, limit.first), std::min(own.last, limit.last)};
}

bool covers(ValueRange outer, ValueRange inner) {
    return outer.first <= inner.first && outer.last >= inner.last;
}

/// Does a list cover `inner` in one piece?
bool covers(const std::vector<ValueRange>& list, ValueRange inner) {
    return std::any_of(list.begin(), list.end(), [inner](ValueRange range) { return covers(range, inner); });
}

/// Whatever `b` demands of the flags, `a` does not demand more.
bool flags_cover(const Box& a, const Box& b) {
    return (a.flag_mask & ~b.flag_mask) == 0 && (b.flag_value & a.flag_mask) == a.flag_value;
}

/// Likewise of the conditions that dimensions do not say.
bool conditions_cover(const BoxSet& set, std::uint32_t a, std::uint32_t b) {
    const std::uint32_t outer = set.fields_of(a).opaque;
    return outer == k_no_conditions || outer == set.fields_of(b).opaque;
}

/// The node whose boxes are compared.
struct Node {
    const BoxSet& set;
    const Region& region;
    std::array<std::uint8_t, k_max_dimensions> dimensions{};  ///< in which the boxes may differ
    std::size_t dimension_count = 0;

    Node(const BoxSet& boxes, const Region& limits, DimensionMask candidates) : set(boxes), region(limits) {
        for (std::uint8_t d = 0; d < set.layout().count(); ++d) {
            if ((candidates >> d & 1) != 0) {
                dimensions[dimension_count++] = d;
            }
        }
    }

    [[nodiscard]] std::span<const std::uint8_t> candidates() const {
        return std::span(dimensions).first(dimension_count);
    }
};

bool dominates(const Node& node, std::uint32_t a, std::uint32_t b) {
    const Box& outer = node.set.boxes[a];
    if (!flags_cover(outer, node.set.boxes[b]) || !conditions_cover(node.set, a, b)) {
        return false;
    }
    const ValueRange* spans_a = node.set.spans_of(a);
    const ValueRange* spans_b = node.set.spans_of(b);
    for (const std::size_t d : node.candidates()) {
        if (!covers(spans_a[d], clip(spans_b[d], node.region[d]))) {
            return false;
        }
    }
    if (!outer.has_lists) {
        return true;
    }
    const auto is_covered = [&](std::size_t d) {
        const auto* list = node.set.list_of(a, d);
        return list == nullptr || covers(*list, clip(spans_b[d], node.region[d]));
    };
    const auto dimensions = node.candidates();
    return std::all_of(dimensions.begin(), dimensions.end(), is_covered);
}

/// Fills the whole region: only its flags can let a packet through to the boxes after it.
bool is_full(const Node& node, std::uint32_t box) {
    if (node.set.boxes[box].has_lists || node.set.fields_of(box).opaque != k_no_conditions) {
        return false;
    }
    const ValueRange* spans = node.set.spans_of(box);
    for (std::size_t d = 0; d < node.set.layout().count(); ++d) {
        if (!covers(spans[d], node.region[d])) {
            return false;
        }
    }
    return true;
}

bool is_hidden(const Node& node, std::uint32_t box, std::span<const std::uint32_t> hiders) {
    return std::any_of(hiders.begin(), hiders.end(), [&](std::uint32_t hider) { return dominates(node, hider, box); });
}

}  // namespace

std::size_t drop_dominated(const BoxSet& set, const Region& region, DimensionMask candidates,
                           std::span<std::uint32_t> boxes) {
    const Node node(set, region, candidates);
    const bool is_small = boxes.size() <= k_pairwise_boxes;
    std::array<std::uint32_t, k_most_full_boxes> full{};
    std::size_t full_count = 0;
    std::size_t kept = 0;
    for (const std::uint32_t box : boxes) {
        if (is_hidden(node, box, is_small ? boxes.first(kept) : std::span(full).first(full_count))) {
            continue;
        }
        boxes[kept++] = box;
        if (!is_small && full_count < full.size() && is_full(node, box)) {
            full[full_count++] = box;
        }
    }
    return kept;
}

}  // namespace rudder
