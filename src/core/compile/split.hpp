// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/node_view.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

/// The choice of the next split of a node.
namespace rudder {

/// Chooses splits, one node after the other, in memory of its own.
class SplitChooser {
public:
    /// The best split of the node; score below zero: worse than a leaf. A split with no bits and no threshold: nothing
    /// tells the boxes apart. `copy_price` is the price of doubling the entries, in halvings of the boxes left.
    [[nodiscard]] Split choose(const NodeView& node, double copy_price);

private:
    static constexpr unsigned k_max_cut_bits = 12;
    static constexpr std::size_t k_bins = 1u << k_max_cut_bits;

    [[nodiscard]] static Split finest_cut(const NodeView& node, std::size_t dimension);
    void count_boxes(const NodeView& node);
    void try_cuts();
    void try_thresholds();
    void judge(std::uint64_t sum, std::uint64_t squares, const Split& split);

    /// Boxes that reach bins [first, last).
    [[nodiscard]] std::uint64_t count(std::size_t first, std::size_t last) const {
        return begun_[last] - ended_[first];
    }
    [[nodiscard]] std::size_t bins() const { return std::size_t{1} << finest_.bits; }

    double boxes_ = 0;
    double copy_price_ = 0;
    double node_price_ = 0;  ///< a child costs memory even if it is empty, in entries
    Split best_;
    double hopeless_ = 0;  ///< no split that divides the boxes less than this can be better than the best so far

    // How many boxes begin, and end, before each bin of the finest cut of one dimension.
    Split finest_;
    std::array<std::uint32_t, k_bins + 1> begun_{};
    std::array<std::uint32_t, k_bins + 1> ended_{};
};

}  // namespace rudder
