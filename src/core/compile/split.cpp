// SPDX-License-Identifier: Apache-2.0
#include "core/compile/split.hpp"

#include "core/compile/leaf_encoding.hpp"
#include "rudder_classifier.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace rudder {
namespace {

/// Price of one step down the tree in halvings of the boxes left.
constexpr double k_step_price = 0.3;

/// Below this, children are hardly smaller than their parent: such a split is the last resort. It is needed where one
/// box far away from all others keeps a cut from telling those apart.
constexpr double k_least_gain = 0.01;
constexpr double k_last_resort = -1e6;
constexpr double k_useless = -1e9;

}  // namespace

Split SplitChooser::choose(const NodeView& node, double copy_price) {
    boxes_ = static_cast<double>(node.size());
    copy_price_ = copy_price;
    node_price_ =
        static_cast<double>(sizeof(rudder_node)) / static_cast<double>(leaf_entry_bytes(node.set().family));
    best_ = {};
    best_.score = k_useless;
    hopeless_ = 0;
    for (std::size_t dimension = 0; dimension < node.set().layout().count(); ++dimension) {
        if ((node.open() >> dimension & 1) == 0 || node.hull(dimension).first == node.hull(dimension).last) {
            continue;
        }
        finest_ = finest_cut(node, dimension);
        count_boxes(node);
        try_cuts();
        if (node.set().layout().dimensions[dimension].has_threshold) {
            try_thresholds();
        }
    }
    return best_;
}

/// The widest cut of the block around the hull that the number of boxes is worth.
Split SplitChooser::finest_cut(const NodeView& node, std::size_t dimension) {
    const ValueRange hull = node.hull(dimension);
    const unsigned width = static_cast<unsigned>(std::bit_width(hull.first ^ hull.last));
    const unsigned worth = static_cast<unsigned>(std::bit_width(node.size())) + 2;
    Split cut;
    cut.dimension = dimension;
    cut.bits = std::min({width, k_max_cut_bits, worth});
    cut.shift = width - cut.bits;
    cut.base = width >= 32 ? 0 : hull.first >> width << width;
    return cut;
}

void SplitChooser::count_boxes(const NodeView& node) {
    std::fill_n(begun_.begin(), bins() + 1, 0);
    std::fill_n(ended_.begin(), bins() + 1, 0);
    for (std::size_t i = 0; i < node.size(); ++i) {
        node.for_children(i, finest_, [this](std::uint32_t first, std::uint32_t last) {
            ++begun_[first + 1];
            ++ended_[last + 1];
        });
    }
    for (std::size_t bin = 1; bin <= bins(); ++bin) {
        begun_[bin] += begun_[bin - 1];
        ended_[bin] += ended_[bin - 1];
    }
}

void SplitChooser::try_cuts() {
    for (unsigned bits = 1; bits <= finest_.bits; ++bits) {
        const std::size_t step = bins() >> bits;
        std::uint64_t sum = 0;
        std::uint64_t squares = 0;
        for (std::size_t bin = 0; bin < bins(); bin += step) {
            const std::uint64_t inside = count(bin, bin + step);
            sum += inside;
            squares += inside * inside;
        }
        Split cut = finest_;
        cut.shift = finest_.shift + finest_.bits - bits;
        cut.bits = bits;
        judge(sum, squares, cut);
    }
}

void SplitChooser::try_thresholds() {
    for (std::size_t bin = 1; bin < bins(); ++bin) {
        if (begun_[bin] == begun_[bin - 1] && ended_[bin] == ended_[bin - 1]) {
            continue;  // the same two sides as the threshold before
        }
        const std::uint64_t left = count(0, bin);
        const std::uint64_t right = count(bin, bins());
        Split threshold = finest_;
        threshold.is_threshold = true;
        threshold.threshold = finest_.base + (static_cast<std::uint32_t>(bin) << finest_.shift);
        judge(left + right, left * left + right * right, threshold);
    }
}

/// Halvings gained less prices; takes the split if it is the best so far. `sum` and `squares` of the boxes of each
/// child. Most candidates end at the first comparison: logarithms would be most of the work.
void SplitChooser::judge(std::uint64_t sum, std::uint64_t squares, const Split& split) {
    const double divided = boxes_ * static_cast<double>(sum);
    if (divided <= static_cast<double>(squares) * hopeless_) {
        return;
    }
    const double gain = std::log2(divided / static_cast<double>(squares));
    double score = gain > 0 ? k_last_resort + gain : k_useless;
    if (gain >= k_least_gain) {
        const double entries = static_cast<double>(sum) + node_price_ * split.child_count();
        score = gain - copy_price_ * std::log2(std::max(entries, boxes_) / boxes_) - k_step_price;
    }
    if (score > best_.score) {
        best_ = split;
        best_.score = score;
        hopeless_ = std::exp2(score + k_step_price);
    }
}

}  // namespace rudder
