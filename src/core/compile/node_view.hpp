// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/tree_builder.hpp"

#include <array>
#include <cstdint>
#include <span>

namespace rudder {

/// Children are the values of `bits` bits above `shift` of one dimension, or the two sides of `threshold`.
struct Split {
    std::size_t dimension = 0;
    bool is_threshold = false;
    std::uint32_t base = 0;       ///< lowest value of the hull, aligned to its block
    unsigned shift = 0;           ///< cut: bits below the window
    unsigned bits = 0;            ///< cut: bits of the window
    std::uint32_t threshold = 0;  ///< first value of the right child
    bool is_at_hole = false;      ///< children with the same boxes differ in what these exclude there
    double score = 0;

    [[nodiscard]] std::uint32_t child_count() const { return is_threshold ? 2 : 1u << bits; }
    [[nodiscard]] std::uint32_t child_of(std::uint32_t value) const {
        return is_threshold ? (value >= threshold ? 1u : 0u) : (value >> shift) & ((1u << bits) - 1);
    }
};

/// A set of dimensions, one bit each.
using DimensionMask = std::uint32_t;
static_assert(k_max_dimensions <= 32);

/// The boxes of a node with their spans clipped to its region.
class NodeView {
public:
    /// Boxes differ at most in `candidates`. *Ownership*: borrows all.
    NodeView(const BoxSet& set, std::span<const std::uint32_t> boxes, const Region& region, DimensionMask candidates);

    [[nodiscard]] std::size_t size() const { return boxes_.size(); }
    [[nodiscard]] std::uint32_t box(std::size_t i) const { return boxes_[i]; }
    [[nodiscard]] const BoxSet& set() const { return set_; }
    [[nodiscard]] const Region& region() const { return region_; }
    /// Dimensions in which the boxes are not all alike: those worth a split. Children differ in no others.
    [[nodiscard]] DimensionMask open() const { return open_; }
    /// From the lowest to the highest value of all boxes, clipped.
    [[nodiscard]] const ValueRange& hull(std::size_t dimension) const { return hulls_[dimension]; }
    [[nodiscard]] const Region& hulls() const { return hulls_; }

    /// Calls visit(first child, last child) for each run of children that box i reaches, ascending, disjoint.
    template <class Visit>
    void for_children(std::size_t i, const Split& split, Visit visit) const;

private:
    [[nodiscard]] ValueRange clipped(ValueRange own, std::size_t dimension) const;

    const BoxSet& set_;
    std::span<const std::uint32_t> boxes_;
    const Region& region_;
    DimensionMask open_ = 0;
    Region hulls_{};
};

inline ValueRange NodeView::clipped(ValueRange own, std::size_t dimension) const {
    const ValueRange& limit = region_[dimension];
    return {own.first > limit.first ? own.first : limit.first, own.last < limit.last ? own.last : limit.last};
}

template <class Visit>
void NodeView::for_children(std::size_t i, const Split& split, Visit visit) const {
    const std::vector<ValueRange>* list = set_.list_of(boxes_[i], split.dimension);
    if (list == nullptr) {
        const ValueRange own = clipped(set_.spans_of(boxes_[i])[split.dimension], split.dimension);
        visit(split.child_of(own.first), split.child_of(own.last));
        return;
    }
    std::uint32_t next = 0;
    for (const ValueRange& range : *list) {
        const ValueRange own = clipped(range, split.dimension);
        if (own.first > own.last) {
            continue;
        }
        const std::uint32_t first = split.child_of(own.first);
        const std::uint32_t last = split.child_of(own.last);
        if (last >= next) {
            visit(first > next ? first : next, last);
            next = last + 1;
        }
    }
}

}  // namespace rudder
