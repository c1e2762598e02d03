// SPDX-License-Identifier: Apache-2.0
#include "core/compile/node_view.hpp"

#include <algorithm>

namespace rudder {
namespace {

/// Dimensions of which the box has a list.
DimensionMask listed(const BoxSet& set, std::uint32_t box) {
    DimensionMask mask = 0;
    for (std::size_t d = 0; d < set.layout().count(); ++d) {
        mask |= set.list_of(box, d) != nullptr ? DimensionMask{1} << d : 0;
    }
    return mask;
}

/// What the spans of several boxes come to in one dimension.
struct Extent {
    std::uint32_t lowest_first = 0xffffffff;
    std::uint32_t highest_first = 0;
    std::uint32_t lowest_last = 0xffffffff;
    std::uint32_t highest_last = 0;

    void add(const ValueRange& span) {
        lowest_first = std::min(lowest_first, span.first);
        highest_first = std::max(highest_first, span.first);
        lowest_last = std::min(lowest_last, span.last);
        highest_last = std::max(highest_last, span.last);
    }

    /// Clipping the extremes is clipping each span.
    [[nodiscard]] bool is_alike(const ValueRange& limit) const {
        return std::max(lowest_first, limit.first) == std::max(highest_first, limit.first) &&
               std::min(lowest_last, limit.last) == std::min(highest_last, limit.last);
    }
};

}  // namespace

NodeView::NodeView(const BoxSet& set, std::span<const std::uint32_t> boxes, const Region& region,
                   DimensionMask candidates)
    : set_(set), boxes_(boxes), region_(region) {
    std::array<std::uint8_t, k_max_dimensions> dimensions{};
    std::size_t count = 0;
    for (std::size_t d = 0; d < set.layout().count(); ++d) {
        if ((candidates >> d & 1) != 0) {
            dimensions[count++] = static_cast<std::uint8_t>(d);
        } else if (!boxes.empty()) {
            hulls_[d] = clipped(set.spans_of(boxes.front())[d], d);
        }
    }
    std::array<Extent, k_max_dimensions> extents;
    DimensionMask lists = 0;  // equal hulls of lists say nothing about the lists
    for (const std::uint32_t box : boxes) {
        const ValueRange* spans = set.spans_of(box);
        for (std::size_t i = 0; i < count; ++i) {
            extents[i].add(spans[dimensions[i]]);
        }
        if (set.boxes[box].has_lists) {
            lists |= listed(set, box);
        }
    }
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t d = dimensions[i];
        const Extent& extent = extents[i];
        if (!extent.is_alike(region[d])) {
            open_ |= DimensionMask{1} << d;
        }
        hulls_[d] = {std::max(extent.lowest_first, region[d].first), std::min(extent.highest_last, region[d].last)};
    }
    open_ |= lists & candidates;
}

}  // namespace rudder
