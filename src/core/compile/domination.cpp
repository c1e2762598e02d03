// SPDX-License-Identifier: Apache-2.0
#include "core/compile/domination.hpp"

#include <algorithm>

namespace rudder {
namespace {

/// Nodes up to this size are compared pair by pair.
constexpr std::size_t k_pairwise_boxes = 64;

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

/// The first box that fills the whole region: only its flags can let a packet through to the boxes after it.
std::size_t find_full(const BoxSet& set, const Region& region, const std::vector<std::uint32_t>& boxes) {
    for (std::size_t i = 0; i < boxes.size(); ++i) {
        const ValueRange* spans = set.spans_of(boxes[i]);
        bool is_full = !set.boxes[boxes[i]].has_lists;
        for (std::size_t d = 0; is_full && d < set.layout().count(); ++d) {
            is_full = covers(spans[d], region[d]);
        }
        if (is_full) {
            return i;
        }
    }
    return boxes.size();
}

}  // namespace

void drop_dominated(const BoxSet& set, const Region& region, std::vector<std::uint32_t>& boxes) {
    const bool is_small = boxes.size() <= k_pairwise_boxes;
    std::vector<std::uint32_t> kept;
    const std::size_t full = is_small ? boxes.size() : find_full(set, region, boxes);
    for (std::size_t i = 0; i < boxes.size(); ++i) {
        const auto hides = [&](std::uint32_t other) { return dominates(set, region, other, boxes[i]); };
        const bool is_hidden = is_small ? std::any_of(kept.begin(), kept.end(), hides) : i > full && hides(boxes[full]);
        if (!is_hidden) {
            kept.push_back(boxes[i]);
        }
    }
    boxes = std::move(kept);
}

}  // namespace rudder
