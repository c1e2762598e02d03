// SPDX-License-Identifier: Apache-2.0
#include "core/compile/tree_builder.hpp"

#include "core/compile/domination.hpp"
#include "core/compile/split.hpp"
#include "rudder_abi.h"
#include "rudder_classifier.h"

#include <algorithm>
#include <map>
#include <utility>

namespace rudder {
namespace {

class Builder {
public:
    Builder(const BoxSet& set, const TreeLimits& limits) : set_(set), limits_(limits) {}

    std::optional<Tree> build(std::vector<std::uint32_t> boxes) {
        Region region{};
        for (std::size_t d = 0; d < set_.layout().count(); ++d) {
            const unsigned bits = set_.layout().dimensions[d].bits;
            region[d] = {0, bits == 32 ? 0xffffffffu : (1u << bits) - 1};
        }
        tree_.best_rank = set_.boxes[boxes.front()].rank;
        tree_.nodes.resize(1);
        build_node(0, std::move(boxes), region, 0);
        if (has_failed_) {
            return std::nullopt;
        }
        return std::move(tree_);
    }

private:
    struct Child {
        std::vector<std::uint32_t> boxes;
        std::uint32_t first = 0;  ///< child number
        std::uint32_t last = 0;   ///< highest child number with the same boxes
    };

    void build_node(std::uint32_t index, std::vector<std::uint32_t> boxes, const Region& region, unsigned depth) {
        if (has_failed_) {
            return;
        }
        work_ += boxes.size();
        has_failed_ = work_ > limits_.max_work;
        drop_dominated(set_, region, boxes);
        if (boxes.size() <= limits_.leaf_boxes) {
            make_leaf(index, std::move(boxes), region);
            return;
        }
        const NodeView node(set_, boxes, region);
        const Split split = choose_split(node, copy_price(depth));
        const bool is_useless = split.child_count() < 2;
        const std::size_t tolerable = std::min<std::size_t>(limits_.leaf_boxes * 2, RUDDER_MAX_LEAF);
        if (is_useless || depth >= RUDDER_MAX_DEPTH || (split.score < 0 && boxes.size() <= tolerable)) {
            make_leaf(index, std::move(boxes), region);
            return;
        }
        split_node(index, node, split, depth);
    }

    /// Deep down, ending matters more than memory: cautious splits would use up the depth.
    [[nodiscard]] double copy_price(unsigned depth) const {
        return limits_.copy_price * std::max(0.1, 1.0 - depth / (0.5 * RUDDER_MAX_DEPTH));
    }

    void make_leaf(std::uint32_t index, std::vector<std::uint32_t> boxes, const Region& region) {
        tree_.entry_count += boxes.size();
        has_failed_ = has_failed_ || boxes.size() > RUDDER_MAX_LEAF || tree_.entry_count > limits_.max_entries;
        tree_.nodes[index] = {TreeNode::Kind::leaf, 0, 0, 0, static_cast<std::uint32_t>(tree_.leaves.size())};
        tree_.leaves.push_back({std::move(boxes), region});
    }

    void split_node(std::uint32_t index, const NodeView& node, const Split& split, unsigned depth) {
        const std::uint32_t first_child = static_cast<std::uint32_t>(tree_.nodes.size());
        tree_.nodes.resize(tree_.nodes.size() + split.child_count());
        tree_.nodes[index] = inner_node(split, first_child);
        std::map<std::vector<std::uint32_t>, std::pair<std::uint32_t, std::uint32_t>> groups;
        std::vector<std::vector<std::uint32_t>> children = distribute(node, split);
        std::vector<std::uint32_t> representative(children.size());
        for (std::uint32_t child = 0; child < children.size(); ++child) {
            const auto [group, is_new] = groups.try_emplace(children[child], child, child);
            group->second.second = child;
            representative[child] = group->second.first;
        }
        for (std::uint32_t child = 0; child < children.size(); ++child) {
            if (representative[child] != child) {
                tree_.nodes[first_child + child] = tree_.nodes[first_child + representative[child]];
                continue;
            }
            const std::uint32_t last = groups.at(children[child]).second;
            build_node(first_child + child, std::move(children[child]), child_region(node, split, child, last), depth + 1);
        }
    }

    std::vector<std::vector<std::uint32_t>> distribute(const NodeView& node, const Split& split) const {
        std::vector<std::vector<std::uint32_t>> children(split.child_count());
        for (std::size_t i = 0; i < node.size(); ++i) {
            node.for_children(i, split.dimension, split, [&](std::uint32_t first, std::uint32_t last) {
                for (std::uint32_t child = first; child <= last; ++child) {
                    children[child].push_back(node.box(i));
                }
            });
        }
        return children;
    }

    /// From child `first` to child `last`, which holds the same boxes.
    static Region child_region(const NodeView& node, const Split& split, std::uint32_t first, std::uint32_t last) {
        Region region = node.region();
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

    const BoxSet& set_;
    const TreeLimits& limits_;
    Tree tree_;
    std::size_t work_ = 0;
    bool has_failed_ = false;
};

}  // namespace

std::optional<Tree> build_tree(const BoxSet& set, const std::vector<std::uint32_t>& boxes, const TreeLimits& limits) {
    return Builder(set, limits).build(boxes);
}

}  // namespace rudder
