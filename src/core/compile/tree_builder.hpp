// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/boxes.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

/// Cuts boxes into a decision tree.
///
/// What makes a tree right: *a packet that reaches a node and matches one of its boxes lies in the node's region*, and
/// each box that such a packet can match is in the node. Packets outside the region may arrive, too: they match nothing
/// there, since the leaf compares every field.
namespace rudder {

/// The part of the key space that a node is responsible for, one range for each dimension.
using Region = std::array<ValueRange, k_max_dimensions>;

struct TreeNode {
    enum class Kind : std::uint8_t { leaf, cut, threshold } kind = Kind::leaf;
    std::uint8_t word = 0;
    std::uint8_t shift = 0;
    std::uint16_t operand = 0;       ///< cut: mask; threshold: first value of the right child
    std::uint32_t first_child = 0;   ///< index of a node; of a leaf: of a TreeLeaf
};

struct TreeLeaf {
    std::vector<std::uint32_t> boxes;  ///< ascending rank
    Region region{};
};

/// Node 0 is the root; the children of a node are neighbours. Several nodes may share children.
struct Tree {
    std::vector<TreeNode> nodes;
    std::vector<TreeLeaf> leaves;
    std::uint32_t best_rank = 0;
    std::size_t entry_count = 0;  ///< sum over leaves
};

/// How hard the builder may try: small leaves are fast, large ones save memory where boxes overlap.
struct TreeLimits {
    std::size_t leaf_boxes = 8;      ///< a node with no more becomes a leaf
    std::size_t max_entries = 0;     ///< give up beyond
    std::size_t max_work = 0;        ///< likewise; boxes looked at, summed over nodes
    double copy_price = 3.0;         ///< see SplitChooser::choose; at the root, less below
    double cheap_copies = std::numeric_limits<double>::infinity();  ///< of a box down to one node; further ones are dearer
    bool cuts_holes = true;          ///< cut out what boxes exclude where that lets them hide others
};

/// The tree over `boxes` (indices into `set`, ascending rank). Empty if it exceeds `limits`.
[[nodiscard]] std::optional<Tree> build_tree(const BoxSet& set, const std::vector<std::uint32_t>& boxes,
                                             const TreeLimits& limits);

}  // namespace rudder
