// SPDX-License-Identifier: Apache-2.0
#include "core/compile/domination.hpp"

#include "core/compile/excluded_addresses.hpp"

#include <algorithm>
#include <array>

namespace rudder {
namespace {

/// Nodes up to this size are compared pair by pair; in larger ones only so many boxes that fill the node hide others,
/// and so many that do but for what they exclude: those hide others that exclude the same.
constexpr std::size_t k_pairwise_boxes = 128;
constexpr std::size_t k_most_full_boxes = 16;
constexpr std::size_t k_most_boxes_with_holes = 16;

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
        return excludes_no_more(node.set, a, b, node.region);
    }
    const auto is_covered = [&](std::size_t d) {
        const auto* list = node.set.list_of(a, d);
        return list == nullptr || covers(*list, clip(spans_b[d], node.region[d]));
    };
    const auto dimensions = node.candidates();
    return std::all_of(dimensions.begin(), dimensions.end(), is_covered) &&
           excludes_no_more(node.set, a, b, node.region);
}

/// The boxes of a large node that may hide others.
class Hiders {
public:
    /// What a box must cover; only rules that exclude something are worth a closer look than at the region.
    Hiders(const Node& node, DimensionMask candidates, std::span<const std::uint32_t> boxes)
        : hull_(node.region), dimensions_(~DimensionMask{0}) {
        if (node.set.excluded.empty()) {
            return;
        }
        dimensions_ = candidates;
        for (const std::size_t d : node.candidates()) {
            ValueRange hull{0xffffffff, 0};
            for (const std::uint32_t box : boxes) {
                const ValueRange own = clip(node.set.spans_of(box)[d], node.region[d]);
                hull = {std::min(hull.first, own.first), std::max(hull.last, own.last)};
            }
            hull_[d] = hull;
        }
    }

    void offer(const Node& node, std::uint32_t box) {
        if (is_all_taken() || !is_full_but_for_holes(node.set, hull_, dimensions_, box)) {
            return;
        }
        std::size_t& left = excludes_some(node.set, box, node.region) ? with_holes_left_ : full_left_;
        if (left > 0) {
            --left;
            boxes_[count_++] = box;
        }
    }
    [[nodiscard]] std::span<const std::uint32_t> boxes() const { return std::span(boxes_).first(count_); }

private:
    [[nodiscard]] bool is_all_taken() const { return full_left_ == 0 && with_holes_left_ == 0; }

    Region hull_;
    DimensionMask dimensions_;
    std::array<std::uint32_t, k_most_full_boxes + k_most_boxes_with_holes> boxes_{};
    std::size_t count_ = 0;
    std::size_t full_left_ = k_most_full_boxes;
    std::size_t with_holes_left_ = k_most_boxes_with_holes;
};

bool is_hidden(const Node& node, std::uint32_t box, std::span<const std::uint32_t> hiders) {
    return std::any_of(hiders.begin(), hiders.end(), [&](std::uint32_t hider) { return dominates(node, hider, box); });
}

}  // namespace

bool is_full_but_for_holes(const BoxSet& set, const Region& hull, DimensionMask dimensions, std::uint32_t box) {
    if (set.fields_of(box).opaque != k_no_conditions) {
        return false;
    }
    const ValueRange* spans = set.spans_of(box);
    for (std::size_t d = 0; d < set.layout().count(); ++d) {
        if ((dimensions >> d & 1) == 0) {
            continue;
        }
        const auto* list = set.list_of(box, d);
        if (!covers(spans[d], hull[d]) || (list != nullptr && !covers(*list, hull[d]))) {
            return false;
        }
    }
    return true;
}

std::size_t drop_dominated(const BoxSet& set, const Region& region, DimensionMask candidates,
                           std::span<std::uint32_t> boxes) {
    const Node node(set, region, candidates);
    std::size_t kept = 0;
    if (boxes.size() <= k_pairwise_boxes) {
        for (const std::uint32_t box : boxes) {
            if (!is_all_excluded(set, box, region) && !is_hidden(node, box, boxes.first(kept))) {
                boxes[kept++] = box;
            }
        }
        return kept;
    }
    Hiders hiders(node, candidates, boxes);
    for (const std::uint32_t box : boxes) {
        if (!is_all_excluded(set, box, region) && !is_hidden(node, box, hiders.boxes())) {
            boxes[kept++] = box;
            hiders.offer(node, box);
        }
    }
    return kept;
}

}  // namespace rudder
