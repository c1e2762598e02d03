// SPDX-License-Identifier: Apache-2.0
#include "core/compile/split.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace rudder {
namespace {

constexpr unsigned k_max_cut_bits = 12;
constexpr std::size_t k_bins = 1u << k_max_cut_bits;
/// Price of one step down the tree in halvings of the boxes left.
constexpr double k_step_price = 0.3;
/// A child costs memory even if it is empty, in entries.
constexpr double k_node_price = 0.25;

/// Below this, children are hardly smaller than their parent: such a split is the last resort. It is needed where one
/// box far away from all others keeps a cut from telling those apart.
constexpr double k_least_gain = 0.01;
constexpr double k_last_resort = -1e6;
constexpr double k_useless = -1e9;

/// How many boxes begin at or before, and end before, each bin of the finest cut of one dimension.
struct Histogram {
    Split finest;
    std::array<std::uint32_t, k_bins + 1> begun{};  ///< [b]: begin in a bin < b
    std::array<std::uint32_t, k_bins + 1> ended{};  ///< [b]: end in a bin < b

    /// Boxes that reach bins [first, last).
    [[nodiscard]] std::uint32_t count(std::size_t first, std::size_t last) const { return begun[last] - ended[first]; }
    [[nodiscard]] std::size_t bins() const { return std::size_t{1} << finest.bits; }
};

ValueRange hull_of(const NodeView& node, std::size_t dimension) {
    ValueRange hull = node.span(0, dimension);
    for (std::size_t i = 1; i < node.size(); ++i) {
        const ValueRange own = node.span(i, dimension);
        hull.first = std::min(hull.first, own.first);
        hull.last = std::max(hull.last, own.last);
    }
    return hull;
}

/// The widest cut of the block around the hull that the number of boxes is worth.
Split finest_cut(const NodeView& node, std::size_t dimension, ValueRange hull) {
    const unsigned width = static_cast<unsigned>(std::bit_width(hull.first ^ hull.last));
    const unsigned worth = static_cast<unsigned>(std::bit_width(node.size())) + 2;
    Split cut;
    cut.dimension = dimension;
    cut.bits = std::min({width, k_max_cut_bits, worth});
    cut.shift = width - cut.bits;
    cut.base = width >= 32 ? 0 : hull.first >> width << width;
    return cut;
}

void fill(const NodeView& node, Histogram& histogram) {
    const std::size_t bins = histogram.bins();
    std::fill_n(histogram.begun.begin(), bins + 1, 0);
    std::fill_n(histogram.ended.begin(), bins + 1, 0);
    for (std::size_t i = 0; i < node.size(); ++i) {
        node.for_children(i, histogram.finest.dimension, histogram.finest, [&](std::uint32_t first, std::uint32_t last) {
            ++histogram.begun[first + 1];
            ++histogram.ended[last + 1];
        });
    }
    for (std::size_t bin = 1; bin <= bins; ++bin) {
        histogram.begun[bin] += histogram.begun[bin - 1];
        histogram.ended[bin] += histogram.ended[bin - 1];
    }
}

/// Halvings gained less prices. `sum` and `squares` of the boxes of each child.
double score_of(double boxes, double sum, double squares, double children, double copy_price) {
    const double gain = std::log2(boxes * sum / squares);
    const double copies = std::max(sum + k_node_price * children, boxes) / boxes;
    if (gain < k_least_gain) {
        return gain > 0 ? k_last_resort + gain : k_useless;
    }
    return gain - copy_price * std::log2(copies) - k_step_price;
}

void try_cuts(const NodeView& node, const Histogram& histogram, double copy_price, Split& best) {
    for (unsigned bits = 1; bits <= histogram.finest.bits; ++bits) {
        const std::size_t step = histogram.bins() >> bits;
        double sum = 0;
        double squares = 0;
        for (std::size_t bin = 0; bin < histogram.bins(); bin += step) {
            const double count = histogram.count(bin, bin + step);
            sum += count;
            squares += count * count;
        }
        const double score = score_of(static_cast<double>(node.size()), sum, squares, std::exp2(bits), copy_price);
        if (score > best.score) {
            best = histogram.finest;
            best.shift = histogram.finest.shift + histogram.finest.bits - bits;
            best.bits = bits;
            best.score = score;
        }
    }
}

void try_thresholds(const NodeView& node, const Histogram& histogram, double copy_price, Split& best) {
    if (!node.set().layout().dimensions[histogram.finest.dimension].has_threshold) {
        return;
    }
    for (std::size_t bin = 1; bin < histogram.bins(); ++bin) {
        const double left = histogram.count(0, bin);
        const double right = histogram.count(bin, histogram.bins());
        const double score =
            score_of(static_cast<double>(node.size()), left + right, left * left + right * right, 2, copy_price);
        if (score > best.score) {
            best = histogram.finest;
            best.is_threshold = true;
            best.threshold = histogram.finest.base + (static_cast<std::uint32_t>(bin) << histogram.finest.shift);
            best.score = score;
        }
    }
}

}  // namespace

Split choose_split(const NodeView& node, double copy_price) {
    Split best;
    best.score = k_useless;
    Histogram histogram;
    for (std::size_t dimension = 0; dimension < node.set().layout().count(); ++dimension) {
        const ValueRange hull = hull_of(node, dimension);
        if (hull.first == hull.last) {
            continue;
        }
        histogram.finest = finest_cut(node, dimension, hull);
        fill(node, histogram);
        if (histogram.count(0, 1) >= node.size() && histogram.begun[1] == node.size() &&
            histogram.ended[histogram.bins() - 1] == 0) {
            continue;  // every box spans the whole hull
        }
        try_cuts(node, histogram, copy_price, best);
        try_thresholds(node, histogram, copy_price, best);
    }
    return best;
}

}  // namespace rudder
