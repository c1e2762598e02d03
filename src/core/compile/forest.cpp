// SPDX-License-Identifier: Apache-2.0
#include "core/compile/forest.hpp"

#include "core/compile/leaf_encoding.hpp"
#include "rudder_classifier.h"

#include <algorithm>
#include <bit>
#include <unordered_map>

namespace rudder {
namespace {

/// Prefixes longer than this are "long". *Units*: bits.
constexpr unsigned k_long_v4 = 8;
constexpr unsigned k_long_v6 = 16;
/// Attempts from fast and small to patient: the later ones are for boxes that overlap in many ways.
struct Attempt {
    std::size_t leaf_boxes;
    double copy_price;
    std::size_t entries_per_box;
    std::size_t spare_entries;
};
constexpr std::array<Attempt, 5> k_attempts = {{
    {8, 3.0, 3, 1u << 12},
    {12, 2.0, 6, 1u << 14},
    {16, 1.0, 8, 1u << 16},
    {24, 0.7, 16, 1u << 18},
    {RUDDER_MAX_LEAF, 0.5, 32, 1u << 20},
}};

std::vector<std::vector<std::uint32_t>> partition(const BoxSet& set) {
    const unsigned limit = set.family == IpFamily::v4 ? k_long_v4 : k_long_v6;
    std::vector<std::vector<std::uint32_t>> parts(RUDDER_MAX_TREES);
    for (std::uint32_t i = 0; i < set.boxes.size(); ++i) {
        const Box& box = set.boxes[i];
        parts[(box.src.length > limit ? 2u : 0u) + (box.dst.length > limit ? 1u : 0u)].push_back(i);
    }
    std::erase_if(parts, [](const auto& part) { return part.empty(); });
    return parts;
}

std::optional<Tree> build_within_budget(const BoxSet& set, const std::vector<std::uint32_t>& boxes) {
    for (const Attempt& attempt : k_attempts) {
        const TreeLimits limits{attempt.leaf_boxes, boxes.size() * attempt.entries_per_box + attempt.spare_entries,
                                attempt.copy_price};
        if (auto tree = build_tree(set, boxes, limits)) {
            return tree;
        }
    }
    return std::nullopt;
}

/// Nodes with offsets into the blob in place of indices.
class TreeWriter {
public:
    TreeWriter(BlobWriter& blob, const BoxSet& set, Extensions& extensions)
        : blob_(blob), set_(set), extensions_(extensions) {}

    rudder_tree write(const Tree& tree) {
        std::vector<std::uint32_t> leaf_units;
        for (const TreeLeaf& leaf : tree.leaves) {
            leaf_units.push_back(write_leaf(leaf));
        }
        blob_.align(8);
        const std::size_t start = blob_.reserve<rudder_node>(tree.nodes.size());
        for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
            blob_.put(start + i * sizeof(rudder_node), encode(tree, tree.nodes[i], start, leaf_units));
        }
        return {static_cast<std::uint32_t>(start), tree.best_rank};
    }

private:
    std::uint32_t write_leaf(const TreeLeaf& leaf) {
        const std::string bytes = encode_leaf(set_, leaf, extensions_);
        const auto [known, is_new] = known_leaves_.try_emplace(bytes, 0);
        if (is_new) {
            const std::size_t offset = blob_.align(leaf_entry_bytes(set_.family));
            for (const char byte : bytes) {
                blob_.append(byte);
            }
            known->second = static_cast<std::uint32_t>(offset / 8);
        }
        return known->second;
    }

    rudder_node encode(const Tree& tree, const TreeNode& node, std::size_t start,
                       const std::vector<std::uint32_t>& leaf_units) const {
        if (node.kind == TreeNode::Kind::leaf) {
            const auto& boxes = tree.leaves[node.first_child].boxes;
            const std::uint32_t best = boxes.empty() ? 0 : set_.boxes[boxes.front()].rank;
            return {RUDDER_NODE_LEAF | leaf_units[node.first_child], best << 8 | static_cast<std::uint32_t>(boxes.size())};
        }
        const bool is_cut = node.kind == TreeNode::Kind::cut;
        const std::uint32_t width = is_cut ? static_cast<std::uint32_t>(std::bit_width(node.operand)) : RUDDER_THRESHOLD_WIDTH;
        const std::uint32_t addend = is_cut ? 0u : 0x10000u - node.operand;
        return {static_cast<std::uint32_t>(node.word) << 24 | static_cast<std::uint32_t>(start / 8 + node.first_child),
                width << 24 | static_cast<std::uint32_t>(node.shift) << 16 | addend};
    }

    BlobWriter& blob_;
    const BoxSet& set_;
    Extensions& extensions_;
    std::unordered_map<std::string, std::uint32_t> known_leaves_;
};

}  // namespace

Result<std::vector<Tree>> build_forest(const BoxSet& set) {
    std::vector<Tree> forest;
    for (const auto& part : partition(set)) {
        auto tree = build_within_budget(set, part);
        if (!tree) {
            return Error{"the rules overlap in too many ways to be compiled into bounded memory: make port ranges and "
                         "prefixes of overlapping rules equal or disjoint"};
        }
        forest.push_back(std::move(*tree));
    }
    std::sort(forest.begin(), forest.end(), [](const Tree& a, const Tree& b) { return a.best_rank < b.best_rank; });
    return forest;
}

std::array<rudder_tree, RUDDER_MAX_TREES> write_forest(BlobWriter& blob, const BoxSet& set,
                                                       const std::vector<Tree>& forest, Extensions& extensions) {
    TreeWriter writer(blob, set, extensions);
    std::array<rudder_tree, RUDDER_MAX_TREES> trees{};
    for (std::size_t i = 0; i < forest.size(); ++i) {
        trees[i] = writer.write(forest[i]);
    }
    return trees;
}

}  // namespace rudder
