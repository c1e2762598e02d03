// SPDX-License-Identifier: Apache-2.0
#include "core/compile/domination.hpp"

#include <algorithm>

namespace rudder {
namespace {

/// Nodes up to this size are compared pair by pair; in larger ones only so many boxes that fill the node hide others.
constexpr std::size_t k_pairwise_boxes = 128;
constexpr std::size_t k_most_full_boxes = 16;

ValueRange clip(ValueRange own, ValueRange limit) {
    return {std::max(own.first, limit.first), std::min(own.last, limit.last)};
}

bool covers(ValueRange outer, ValueRange inner) { return outer.first <= inner.first && outer.last >= inner.last; }

/// Does a list cover `inner` in one piece?
bool covers(const std::vector<ValueRange>& list, ValueRange inner) {
    return std::any_of(list.begin(), list.end(), [inner](ValueRange range) { return covers(range, inner); });
}

/// Whatever `b` demands of the flags, `a` does not demand more.
bool flags_cover(const Box& a, const Box& b) {
    return (a.flag_mask & ~b.flag_mask) == 0 && (b.flag_value & a.flag_mask) == a.flag_value;
}

bool dominates(const BoxSet& set, const Region& region, std::uint32_t a, std::uint32_t b) {
    if (!flags_cover(set.boxes[a], set.boxes[b])) {
        return false;
    }
    const ValueRange* spans_a = set.spans_of(a);
    const ValueRange* spans_b = set.spans_of(b);
    for (std::size_t d = 0; d < set.layout().count(); ++d) {
        const ValueRange wanted = clip(spans_b[d], region[d]);
        if (!covers(spans_a[d], wanted)) {
            return false;
        }
        const auto* list = set.list_of(a, d);
        if (list != nullptr && !covers(*list, wanted)) {
            return false;
        }
    }
    return true;
}

/// Fills the whole region: only its flags can let a packet through to the boxes after it.
bool is_full(const BoxSet& set, const Region& region, std::uint32_t box) {
    if (set.boxes[box].has_lists) {
        return false;
    }
    const ValueRange* spans = set.spans_of(box);
    for (std::size_t d = 0; d < set.layout().count(); ++d) {
        if (!covers(spans[d], region[d])) {
            return false;
        }
    }
    return true;
}

}  // namespace

void drop_dominated(const BoxSet& set, const Region& region, std::vector<std::uint32_t>& boxes) {
    const bool is_small = boxes.size() <= k_pairwise_boxes;
    std::vector<std::uint32_t> hiders;
    const auto is_hidden = [&](std::uint32_t box) {
        const auto hides = [&](std::uint32_t hider) { return dominates(set, region, hider, box); };
        if (std::any_of(hiders.begin(), hiders.end(), hides)) {
            return true;
        }
        if (is_small || (hiders.size() < k_most_full_boxes && is_full(set, region, box))) {
            hiders.push_back(box);
        }
        return false;
    };
    std::erase_if(boxes, is_hidden);
}

}  // namespace rudder
