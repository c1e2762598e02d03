// SPDX-License-Identifier: Apache-2.0
#include "core/compile/tree_builder.hpp"

#include "core/compile/domination.hpp"
#include "core/compile/excluded_addresses.hpp"
#include "core/compile/node_view.hpp"
#include "core/compile/split.hpp"
#include "rudder_abi.h"
#include "rudder_classifier.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

namespace rudder {
namespace {

/// The boxes of the children of one node, side by side in the builder's pool.
struct Children {
    std::vector<std::size_t> starts;         ///< [child]; one more for the end
    std::vector<std::uint32_t> first_alike;  ///< [child]: the first child with the same boxes
    std::vector<std::uint32_t> last_alike;   ///< [first_alike]: the last one

    explicit Children(std::size_t count) : starts(count + 1), first_alike(count), last_alike(count) {}
    [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(first_alike.size()); }
    [[nodiscard]] std::size_t size_of(std::uint32_t child) const { return starts[child + 1] - starts[child]; }
    /// Those that are alike counted once.
    [[nodiscard]] std::size_t all_boxes() const {
        std::size_t sum = 0;
        for (std::uint32_t child = 0; child < count(); ++child) {
            sum += first_alike[child] == child ? size_of(child) : 0;
        }
        return sum;
    }
};

class Builder {
public:
    Builder(const BoxSet& set, const TreeLimits& limits) : set_(set), limits_(limits) {}

    std::optional<Tree> build(const std::vector<std::uint32_t>& boxes) {
        Region region{};
        for (std::size_t d = 0; d < set_.layout().count(); ++d) {
            region[d] = set_.layout().dimensions[d].whole();
        }
        tree_.best_rank = set_.boxes[boxes.front()].rank;
        tree_.nodes.resize(1);
        pool_ = boxes;
        build_node(0, {0, pool_.size()}, region, (DimensionMask{1} << set_.layout().count()) - 1, {});
        if (has_failed_) {
            return std::nullopt;
        }
        return std::move(tree_);
    }

private:
    /// Boxes of a node: a range of the pool.
    struct Slice {
        std::size_t begin = 0;
        std::size_t end = 0;
        [[nodiscard]] std::size_t size() const { return end - begin; }
    };

    /// From the root to a node.
    struct Way {
        unsigned depth = 0;
        double copies = 1;  ///< of a box by the cuts on the way, on average
    };

    /// A box that goes to children `first` to `last`.
    struct Run {
        std::uint32_t box = 0;
        std::uint32_t first = 0;
        std::uint32_t last = 0;
    };

    [[nodiscard]] std::span<std::uint32_t> boxes_of(Slice slice) {
        return std::span(pool_).subspan(slice.begin, slice.size());
    }

    void build_node(std::uint32_t index, Slice slice, const Region& region, DimensionMask candidates, Way way) {
        if (has_failed_) {
            return;
        }
        work_ += slice.size();
        has_failed_ = work_ > limits_.max_work;
        const std::size_t arrived = slice.size();
        slice.end = slice.begin + drop_dominated(set_, region, candidates, boxes_of(slice));
        if (slice.size() <= limits_.leaf_boxes) {
            make_leaf(index, slice, region);
            return;
        }
        way.copies *= static_cast<double>(slice.size()) / static_cast<double>(arrived);
        const NodeView node(set_, boxes_of(slice), region, candidates);
        const Split split = choose(node, copy_price(way));
        const bool is_useless = split.child_count() < 2;
        const std::size_t tolerable = std::min<std::size_t>(limits_.leaf_boxes * 2, RUDDER_MAX_LEAF);
        if (is_useless || way.depth >= RUDDER_MAX_DEPTH || (split.score < 0 && slice.size() <= tolerable)) {
            make_leaf(index, slice, region);
            return;
        }
        split_node(index, node, split, way);
    }

    /// Where a box would hide many others but for the addresses that it excludes, those are cut out: the counts that
    /// the chooser goes by do not show what that gains.
    Split choose(const NodeView& node, double copy_price) {
        if (set_.excluded.empty() || !limits_.cuts_holes) {
            return chooser_.choose(node, copy_price);
        }
        if (const auto split = split_at_hider(node, node.size() / 2)) {
            return *split;
        }
        const Split split = chooser_.choose(node, copy_price);
        if (split.score >= 0) {
            return split;
        }
        const auto late = split_at_hider(node, node.size());
        return late ? *late : split.child_count() < 2 ? split_at_any(node).value_or(split) : split;
    }

    /// At a hole of that one of the first boxes that fill the region but for holes which hides most boxes for the cuts
    /// it takes.
    [[nodiscard]] std::optional<Split> split_at_hider(const NodeView& node, std::size_t first_boxes) {
        work_ += first_boxes;
        std::optional<std::uint32_t> best;
        double best_gain = 0;
        for (std::size_t i = 0; i < first_boxes; ++i) {
            const std::uint32_t box = node.box(i);
            if (!is_full_but_for_holes(set_, node.hulls(), node.open(), box)) {
                continue;
            }
            const std::size_t holes = count_holes(set_, box, node.region());
            const double gain =
                std::log2(static_cast<double>(node.size()) / static_cast<double>(i + 1)) / static_cast<double>(holes);
            if (holes > 0 && (!best || gain > best_gain)) {
                best = box;
                best_gain = gain;
            }
        }
        return best ? split_at_hole(node, *best) : std::nullopt;
    }

    [[nodiscard]] std::optional<Split> split_at_any(const NodeView& node) const {
        for (std::size_t i = 0; i < node.size(); ++i) {
            if (const auto split = split_at_hole(node, node.box(i))) {
                return split;
            }
        }
        return std::nullopt;
    }

    /// Deep down, ending matters more than memory: cautious splits would use up the depth. Where boxes overlap so much that
    /// each exists many times, memory does: else such a place would take what is meant for all.
    [[nodiscard]] double copy_price(const Way& way) const {
        const double excess = std::max(1.0, way.copies / limits_.cheap_copies);
        return limits_.copy_price * std::min(k_most_dearer, excess * excess) *
               std::max(0.1, 1.0 - way.depth / (0.5 * RUDDER_MAX_DEPTH));
    }

    void make_leaf(std::uint32_t index, Slice slice, const Region& region) {
        tree_.entry_count += slice.size();
        has_failed_ = has_failed_ || slice.size() > RUDDER_MAX_LEAF || tree_.entry_count > limits_.max_entries;
        tree_.nodes[index] = {TreeNode::Kind::leaf, 0, 0, 0, static_cast<std::uint32_t>(tree_.leaves.size())};
        const auto boxes = boxes_of(slice);
        tree_.leaves.push_back({{boxes.begin(), boxes.end()}, region});
    }

    void split_node(std::uint32_t index, const NodeView& node, const Split& split, Way way) {
        const std::uint32_t first_child = static_cast<std::uint32_t>(tree_.nodes.size());
        tree_.nodes.resize(tree_.nodes.size() + split.child_count());
        tree_.nodes[index] = inner_node(split, first_child);
        const std::size_t pool_size = pool_.size();
        const DimensionMask open = node.open();
        const double size = static_cast<double>(node.size());
        const Children children = distribute(node, split);  // moves the boxes of the node
        const Way down{way.depth + 1, way.copies * static_cast<double>(children.all_boxes()) / size};
        for (std::uint32_t child = 0; child < children.count(); ++child) {
            const std::uint32_t first = children.first_alike[child];
            if (first != child) {
                tree_.nodes[first_child + child] = tree_.nodes[first_child + first];
                continue;
            }
            const Region inside = child_region(node.region(), split, child, children.last_alike[child]);
            build_node(first_child + child, {children.starts[child], children.starts[child + 1]}, inside, open,
                       down);
        }
        pool_.resize(pool_size);
    }

    /// Puts the boxes of each child on top of the pool.
    Children distribute(const NodeView& node, const Split& split) {
        Children children(split.child_count());
        std::vector<std::size_t> sizes(split.child_count() + 1);  // at first: differences to the child before
        runs_.clear();
        for (std::size_t i = 0; i < node.size(); ++i) {
            node.for_children(i, split, [&](std::uint32_t first, std::uint32_t last) {
                runs_.push_back({node.box(i), first, last});
                ++sizes[first];
                --sizes[last + 1];
            });
        }
        children.starts[0] = pool_.size();
        for (std::uint32_t child = 0; child < children.count(); ++child) {
            sizes[child] += child == 0 ? 0 : sizes[child - 1];
            children.starts[child + 1] = children.starts[child] + sizes[child];
        }
        pool_.resize(children.starts.back());
        std::vector<std::size_t> next = children.starts;
        std::vector<std::uint64_t> fingerprints(split.child_count());
        for (const Run& run : runs_) {
            for (std::uint32_t child = run.first; child <= run.last; ++child) {
                pool_[next[child]++] = run.box;
                fingerprints[child] = (fingerprints[child] + run.box + 1) * k_mixer;
            }
        }
        if (split.is_at_hole) {
            std::iota(children.first_alike.begin(), children.first_alike.end(), 0u);
            children.last_alike = children.first_alike;
        } else {
            group(children, fingerprints);
        }
        return children;
    }

    /// Finds the children with the same boxes.
    void group(Children& children, const std::vector<std::uint64_t>& fingerprints) const {
        const std::size_t places = std::bit_ceil(2 * fingerprints.size());
        std::vector<std::uint32_t> known(places, children.count());  // hash table of first children
        for (std::uint32_t child = 0; child < children.count(); ++child) {
            std::size_t place = (fingerprints[child] >> 32) & (places - 1);
            while (known[place] != children.count() && !is_alike(children, child, known[place])) {
                place = (place + 1) & (places - 1);
            }
            if (known[place] == children.count()) {
                known[place] = child;
            }
            children.first_alike[child] = known[place];
            children.last_alike[known[place]] = child;
        }
    }

    [[nodiscard]] bool is_alike(const Children& children, std::uint32_t a, std::uint32_t b) const {
        const auto boxes_of_child = [&](std::uint32_t child) {
            return std::span(pool_).subspan(children.starts[child], children.size_of(child));
        };
        return std::ranges::equal(boxes_of_child(a), boxes_of_child(b));
    }

    /// From child `first` to child `last`, which holds the same boxes.
    static Region child_region(Region region, const Split& split, std::uint32_t first, std::uint32_t last) {
        ValueRange& range = region[split.dimension];
        if (split.is_threshold) {
            range.last = last == 0 ? std::min(range.last, split.threshold - 1) : range.last;
            range.first = first == 1 ? std::max(range.first, split.threshold) : range.first;
            return region;
        }
        const std::uint32_t inside = split.shift == 0 ? 0 : (1u << split.shift) - 1;
        range.first = std::max(range.first, split.base + (first << split.shift));
        range.last = std::min(range.last, split.base + (last << split.shift) + inside);
        return region;
    }

    [[nodiscard]] TreeNode inner_node(const Split& split, std::uint32_t first_child) const {
        const Dimension& dimension = set_.layout().dimensions[split.dimension];
        TreeNode node;
        node.word = dimension.word;
        node.first_child = first_child;
        if (!split.is_threshold) {
            node.kind = TreeNode::Kind::cut;
            node.shift = static_cast<std::uint8_t>(dimension.shift + split.shift);
            node.operand = static_cast<std::uint16_t>((1u << split.bits) - 1);
            return node;
        }
        const unsigned width = split.shift + split.bits;
        const unsigned below = width > 16 ? width - 16 : 0;
        node.kind = TreeNode::Kind::threshold;
        node.shift = static_cast<std::uint8_t>(dimension.shift + below);
        node.operand = static_cast<std::uint16_t>(split.threshold >> below);
        return node;
    }

    static constexpr std::uint64_t k_mixer = 0x9e3779b97f4a7c15;
    static constexpr double k_most_dearer = 8;  ///< times the copy price

    const BoxSet& set_;
    const TreeLimits& limits_;
    SplitChooser chooser_;
    std::vector<std::uint32_t> pool_;  ///< boxes of the nodes on the way from the root and of their children
    std::vector<Run> runs_;
    Tree tree_;
    std::size_t work_ = 0;
    bool has_failed_ = false;
};

}  // namespace

std::optional<Tree> build_tree(const BoxSet& set, const std::vector<std::uint32_t>& boxes, const TreeLimits& limits) {
    return Builder(set, limits).build(boxes);
}

}  // namespace rudder
