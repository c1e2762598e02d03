// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/tree_builder.hpp"

#include <cstdint>
#include <vector>

/// The choice of the next split of a node.
namespace rudder {

/// Children are the values of `bits` bits above `shift` of one dimension, or the two sides of `threshold`.
struct Split {
    std::size_t dimension = 0;
    bool is_threshold = false;
    std::uint32_t base = 0;       ///< lowest value of the hull, aligned to its block
    unsigned shift = 0;           ///< cut: bits below the window
    unsigned bits = 0;            ///< cut: bits of the window
    std::uint32_t threshold = 0;  ///< first value of the right child
    double score = 0;

    [[nodiscard]] std::uint32_t child_count() const { return is_threshold ? 2 : 1u << bits; }
    [[nodiscard]] std::uint32_t child_of(std::uint32_t value) const {
        return is_threshold ? (value >= threshold ? 1u : 0u) : (value >> shift) & ((1u << bits) - 1);
    }
};

/// Boxes of a node with their spans clipped to its region, in memory order for the chooser.
class NodeView {
public:
    NodeView(const BoxSet& set, const std::vector<std::uint32_t>& boxes, const Region& region)
        : set_(set), boxes_(boxes), region_(region) {}

    [[nodiscard]] std::size_t size() const { return boxes_.size(); }
    [[nodiscard]] std::uint32_t box(std::size_t i) const { return boxes_[i]; }
    [[nodiscard]] const BoxSet& set() const { return set_; }
    [[nodiscard]] const Region& region() const { return region_; }

    /// Span of box i in `dimension`, clipped; of a list: its hull, clipped.
    [[nodiscard]] ValueRange span(std::size_t i, std::size_t dimension) const {
        const ValueRange& own = set_.spans_of(boxes_[i])[dimension];
        const ValueRange& limit = region_[dimension];
        return {own.first > limit.first ? own.first : limit.first, own.last < limit.last ? own.last : limit.last};
    }

    /// Calls visit(first child, last child) for each run of children that box i reaches, ascending, disjoint.
    template <class Visit>
    void for_children(std::size_t i, std::size_t dimension, const Split& split, Visit visit) const;

private:
    const BoxSet& set_;
    const std::vector<std::uint32_t>& boxes_;
    const Region& region_;
};

template <class Visit>
void NodeView::for_children(std::size_t i, std::size_t dimension, const Split& split, Visit visit) const {
    const std::vector<ValueRange>* list = set_.list_of(boxes_[i], dimension);
    if (list == nullptr) {
        const ValueRange own = span(i, dimension);
        visit(split.child_of(own.first), split.child_of(own.last));
        return;
    }
    std::uint32_t next = 0;
    for (const ValueRange& range : *list) {
        const ValueRange& limit = region_[dimension];
        if (range.last < limit.first || range.first > limit.last) {
            continue;
        }
        const std::uint32_t first = split.child_of(range.first > limit.first ? range.first : limit.first);
        const std::uint32_t last = split.child_of(range.last < limit.last ? range.last : limit.last);
        if (last >= next) {
            visit(first > next ? first : next, last);
            next = last + 1;
        }
    }
}

/// The best split of the node; score below zero: worse than a leaf. A split with no bits and no threshold: nothing
/// tells the boxes apart. `copy_price` is the price of doubling the entries, in halvings of the boxes left.
[[nodiscard]] Split choose_split(const NodeView& node, double copy_price);

}  // namespace rudder
