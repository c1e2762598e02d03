// SPDX-License-Identifier: Apache-2.0
#include "core/compile/forest_price.hpp"

#include "core/compile/leaf_encoding.hpp"
#include "rudder_abi.h"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace rudder {
namespace {

// Each step is a branch that the processor cannot foresee, and mostly a cache line. *Source*: fitted by hand to a few runs of
// the generated sets of tests/bench, 64 and 1,000 rules, 65,536 headers in random order; only the proportions matter.
constexpr double k_tree_ns = 5;
constexpr double k_node_ns = 7;
constexpr double k_entry_ns = 6;
/// A step into memory that is not in the first-level cache, by half hidden.
constexpr double k_far_ns = 2;
constexpr double k_near_bytes = 32768;

struct Steps {
    std::size_t trees = 0;
    std::size_t nodes = 0;
    std::size_t entries = 0;
};

std::uint32_t child_of(const TreeNode& node, const SamplePoint& point) {
    const std::uint32_t window = point.key.word[node.word] >> node.shift;
    if (node.kind == TreeNode::Kind::cut) {
        return node.first_child + (window & node.operand);
    }
    return node.first_child + ((window & 0xffff) >= node.operand ? 1 : 0);
}

/// The look-up of rudder_classifier.h, counted.
Steps walk(const BoxSet& set, const std::vector<Tree>& forest, const SamplePoint& point) {
    Steps steps;
    std::uint32_t best = std::numeric_limits<std::uint32_t>::max();
    for (const Tree& tree : forest) {
        if (tree.best_rank >= best) {
            break;
        }
        ++steps.trees;
        const TreeNode* node = &tree.nodes.front();
        for (; node->kind != TreeNode::Kind::leaf; node = &tree.nodes[child_of(*node, point)]) {
            ++steps.nodes;
        }
        const auto& boxes = tree.leaves[node->first_child].boxes;
        if (boxes.empty() || set.boxes[boxes.front()].rank >= best) {
            continue;
        }
        const auto match =
            std::find_if(boxes.begin(), boxes.end(), [&](std::uint32_t box) { return is_match(set, box, point); });
        steps.entries += static_cast<std::size_t>(match - boxes.begin()) + (match == boxes.end() ? 0 : 1);
        best = match == boxes.end() ? best : std::min(best, set.boxes[*match].rank);
    }
    return steps;
}

double bytes_of(const BoxSet& set, const std::vector<Tree>& forest) {
    double bytes = 0;
    for (const Tree& tree : forest) {
        bytes += static_cast<double>(tree.nodes.size() * sizeof(rudder_node) +
                                     tree.entry_count * leaf_entry_bytes(set.family));
    }
    return bytes;
}

}  // namespace

double forest_price(const BoxSet& set, const std::vector<Tree>& forest, const std::vector<SamplePoint>& packets) {
    Steps sum;
    for (const SamplePoint& point : packets) {
        const Steps steps = walk(set, forest, point);
        sum.trees += steps.trees;
        sum.nodes += steps.nodes;
        sum.entries += steps.entries;
    }
    const double bytes = bytes_of(set, forest);
    const double far_ns = k_far_ns * bytes / (bytes + k_near_bytes);
    const double total = static_cast<double>(sum.trees) * k_tree_ns +
                         static_cast<double>(sum.nodes) * (k_node_ns + far_ns) +
                         static_cast<double>(sum.entries) * (k_entry_ns + far_ns);
    return packets.empty() ? 0 : total / static_cast<double>(packets.size());
}

}  // namespace rudder
