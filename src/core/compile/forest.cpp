// SPDX-License-Identifier: Apache-2.0
#include "core/compile/forest.hpp"

#include "core/base/hash_index.hpp"
#include "core/compile/forest_price.hpp"
#include "core/compile/leaf_encoding.hpp"
#include "rudder_classifier.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <functional>
#include <iterator>
#include <limits>
#include <span>

namespace rudder {
namespace {

/// Prefixes longer than this are "long". *Units*: bits.
constexpr unsigned k_long_v4 = 8;
constexpr unsigned k_long_v6 = 16;
/// Ranges of ports shorter than this are "narrow".
constexpr std::uint32_t k_narrow_ports = 1024;
/// Where the boxes alone take no more bytes, some memory is spent for speed: the processor's caches hold it all the same. Up
/// to k_small_bytes several forests are built, and the cheapest is taken.
constexpr std::size_t k_tiny_bytes = 4096;
constexpr std::size_t k_small_bytes = 32768;
/// Up to so many boxes some memory still is.
constexpr std::size_t k_generous_boxes = 32768;
/// Two parts begin alike if their first boxes are less than this share of all boxes apart: that share of packets at most visits one tree more.
constexpr std::size_t k_alike_share = 10;

/// Attempts from fast and small to patient: the later ones are for boxes that overlap in many ways.
struct Attempt {
    std::size_t leaf_boxes;
    double copy_price;
    std::size_t entries_per_box;
    std::size_t spare_entries;
    std::size_t work_per_box;
    std::size_t spare_work;
    double cheap_copies = std::numeric_limits<double>::infinity();
};
constexpr Attempt k_tiny = {4, 0.1, 3, 1u << 10, 12, 1u << 12};
constexpr Attempt k_small = {4, 0.3, 3, 1u << 10, 12, 1u << 12};
constexpr Attempt k_generous = {6, 1.0, 3, 1u << 12, 40, 1u << 15};
/// Tried before for IPv4: a few hundredths more memory save as much of the steps, and a fifth for packets that no rule matches. IPv6
/// boxes overlap so much that some sets would get more trees.
constexpr Attempt k_lavish_v4 = {6, 0.5, 3, 1u << 12, 40, 1u << 15};
/// Boxes of two parts in one tree. What crosses too much is to be refused soon; what pays takes less than 2.7 entries and 6 steps of
/// work for each box. *Source*: the generated sets of tests/bench, 1,200 to 32,000 IPv4 rules, ten of each.
constexpr Attempt k_merged_v4 = {6, 0.5, 3, 1u << 10, 8, 1u << 15, 2.0};
constexpr Attempt k_sparing_v4 = {6, 4.0, 3, 1u << 12, 40, 1u << 15};
/// IPv6 entries take a cache line each, and so does nearly every node: a tenth more memory saves a quarter of both.
constexpr Attempt k_sparing_v6 = {6, 1.0, 3, 1u << 12, 40, 1u << 15, 3.0};
constexpr std::array<Attempt, 4> k_patient = {{
    {12, 2.0, 6, 1u << 14, 200, 1u << 20},
    {16, 1.0, 8, 1u << 16, 400, 1u << 22},
    {24, 0.7, 16, 1u << 18, 1000, 1u << 24},
    {RUDDER_MAX_LEAF, 0.5, 32, 1u << 20, 4000, 1u << 26},
}};

using BoxList = std::vector<std::uint32_t>;

/// Boxes with short source and destination prefix, with short and long, with long and short, and with both long; or the tree for each.
using Parts = std::array<BoxList, 4>;
using Division = std::array<std::uint8_t, 4>;
constexpr std::size_t k_long_dst = 1;
constexpr std::size_t k_long_src = 2;
constexpr std::size_t k_both_long = k_long_src + k_long_dst;
constexpr Division k_by_both = {0, 1, 2, 3};
constexpr std::array<Division, 5> k_coarser = {{{0, 0, 0, 0}, {0, 1, 0, 1}, {0, 0, 1, 1}, {0, 1, 2, 2}, {0, 1, 2, 1}}};

/// Some parts may be empty.
Parts divide_by_length(const BoxSet& set, const Division& division) {
    const unsigned limit = set.family == IpFamily::v4 ? k_long_v4 : k_long_v6;
    Parts parts;
    for (std::uint32_t i = 0; i < set.boxes.size(); ++i) {
        const Box& box = set.boxes[i];
        const std::size_t part = (box.src.length > limit ? k_long_src : 0) + (box.dst.length > limit ? k_long_dst : 0);
        parts[division[part]].push_back(i);
    }
    return parts;
}

std::size_t count_trees(const Parts& parts) {
    return parts.size() - static_cast<std::size_t>(std::ranges::count_if(parts, &BoxList::empty));
}

std::optional<Tree> try_tree(const BoxSet& set, const BoxList& boxes, const Attempt& attempt) {
    const std::size_t count = boxes.size();
    TreeLimits limits{attempt.leaf_boxes, count * attempt.entries_per_box + attempt.spare_entries,
                      count * attempt.work_per_box + attempt.spare_work, attempt.copy_price, attempt.cheap_copies};
    std::optional<Tree> tree = build_tree(set, boxes, limits);
    if (!tree && !set.excluded.empty()) {
        limits.cuts_holes = false;  // they cost depth, which other cuts may need
        tree = build_tree(set, boxes, limits);
    }
    return tree;
}

/// Divides boxes that are narrow in one kind of port from those that are not: the two cross in too many places.
std::optional<std::pair<BoxList, BoxList>> divide(const BoxSet& set, const BoxList& boxes) {
    for (const std::size_t dimension : {set.layout().src_port(), set.layout().dst_port()}) {
        std::pair<BoxList, BoxList> halves;
        for (const std::uint32_t box : boxes) {
            const ValueRange range = set.spans_of(box)[dimension];
            (range.last - range.first < k_narrow_ports ? halves.first : halves.second).push_back(box);
        }
        if (!halves.first.empty() && !halves.second.empty()) {
            return halves;
        }
    }
    return std::nullopt;
}

std::size_t least_bytes(const BoxSet& set) {
    return set.boxes.size() * leaf_entry_bytes(set.family);
}

bool is_small(const BoxSet& set) { return least_bytes(set) <= k_small_bytes; }

/// Nothing if it takes more than a few times the memory of its boxes. `set` is small.
std::optional<Tree> try_fast_tree(const BoxSet& set, const BoxList& boxes) {
    return try_tree(set, boxes, least_bytes(set) <= k_tiny_bytes ? k_tiny : k_small);
}

std::optional<Tree> try_first_tree(const BoxSet& set, const BoxList& boxes) {
    auto tree = is_small(set) ? try_fast_tree(set, boxes) : std::nullopt;
    if (tree) {
        return tree;
    }
    const bool is_v4 = set.family == IpFamily::v4;
    if (set.boxes.size() > k_generous_boxes) {
        return try_tree(set, boxes, is_v4 ? k_sparing_v4 : k_sparing_v6);
    }
    if (is_v4 && !is_small(set)) {
        tree = try_tree(set, boxes, k_lavish_v4);
    }
    return tree ? std::move(tree) : try_tree(set, boxes, k_generous);
}

/// The mixed part that shares a tree with the boxes whose prefixes are both long. Empty if there is none.
///
/// A packet that has found a rule does not visit trees whose rules all come later, so the part that begins late is spared by being
/// apart. Where both begin much alike, the smaller one is copied less.
BoxList& part_to_merge(const BoxSet& set, Parts& parts) {
    BoxList& dst = parts[k_long_dst];
    BoxList& src = parts[k_long_src];
    if (dst.empty() || src.empty()) {
        return dst.empty() ? src : dst;
    }
    const std::uint32_t apart = std::max(dst.front(), src.front()) - std::min(dst.front(), src.front());
    if (apart > set.boxes.size() / k_alike_share) {
        return dst.front() < src.front() ? dst : src;
    }
    return dst.size() < src.size() ? dst : src;
}

/// One tree for what would have been two, which are then empty in `parts`. Nothing where that takes much memory: in small sets, whose
/// divisions are chosen by price; above k_generous_boxes; for IPv6, whose boxes cross in more places.
std::optional<Tree> try_merged_tree(const BoxSet& set, Parts& parts) {
    BoxList& mixed = part_to_merge(set, parts);
    BoxList& narrow = parts[k_both_long];
    if (set.family != IpFamily::v4 || is_small(set) || set.boxes.size() > k_generous_boxes || mixed.empty() || narrow.empty()) {
        return std::nullopt;
    }
    BoxList boxes;
    std::ranges::merge(mixed, narrow, std::back_inserter(boxes));
    auto tree = try_tree(set, boxes, k_merged_v4);
    if (tree) {
        mixed.clear();
        narrow.clear();
    }
    return tree;
}

/// Adds the trees for one part, `spare` more than one if that helps. False: impossible.
bool add_trees(const BoxSet& set, const BoxList& boxes, bool is_patient, std::size_t& spare, std::vector<Tree>& forest) {
    if (auto tree = try_first_tree(set, boxes)) {
        forest.push_back(std::move(*tree));
        return true;
    }
    const auto halves = spare > 0 ? divide(set, boxes) : std::nullopt;
    if (halves) {
        --spare;
        return add_trees(set, halves->first, is_patient, spare, forest) &&
               add_trees(set, halves->second, is_patient, spare, forest);
    }
    for (const Attempt& attempt : std::span(k_patient).first(is_patient ? k_patient.size() : 0)) {
        if (auto tree = try_tree(set, boxes, attempt)) {
            forest.push_back(std::move(*tree));
            return true;
        }
    }
    return false;
}

void sort_by_best_rank(std::vector<Tree>& forest) {
    std::sort(forest.begin(), forest.end(), [](const Tree& a, const Tree& b) { return a.best_rank < b.best_rank; });
}

/// One tree for each part; empty if one of them is not to be had fast.
std::vector<Tree> try_forest(const BoxSet& set, const Parts& parts) {
    std::vector<Tree> forest;
    for (const BoxList& part : parts) {
        if (part.empty()) {
            continue;
        }
        auto tree = try_fast_tree(set, part);
        if (!tree) {
            return {};
        }
        forest.push_back(std::move(*tree));
    }
    sort_by_best_rank(forest);
    return forest;
}

/// Fewer trees are fewer steps, unless their boxes cross in too many places. Takes the cheapest of what such divisions give, and
/// `forest`.
std::vector<Tree> choose_forest(const BoxSet& set, std::size_t parts, std::vector<Tree> forest) {
    const auto packets = sample_points(set);
    double least = forest_price(set, forest, packets);
    for (const Division& division : k_coarser) {
        const auto fewer = divide_by_length(set, division);
        if (count_trees(fewer) == parts) {
            continue;
        }
        std::vector<Tree> other = try_forest(set, fewer);
        const double price = other.empty() ? least : forest_price(set, other, packets);
        if (price < least) {
            least = price;
            forest = std::move(other);
        }
    }
    return forest;
}

/// Nodes with offsets into the blob in place of indices.
class TreeWriter {
public:
    TreeWriter(BlobWriter& blob, const BoxSet& set, Extensions& extensions)
        : blob_(blob), set_(set), extensions_(extensions) {}

    rudder_tree write(const Tree& tree) {
        blocks_.assign(tree.nodes.size(), k_unwritten);
        return {encode(tree, tree.nodes[0]).word, tree.best_rank, 0};
    }

private:
    rudder_node encode(const Tree& tree, const TreeNode& node) {
        if (node.kind == TreeNode::Kind::leaf) {
            const TreeLeaf& leaf = tree.leaves[node.first_child];
            const std::uint64_t best = leaf.boxes.empty() ? 0 : set_.boxes[leaf.boxes.front()].rank;
            return {RUDDER_NODE_LEAF | write_leaf(leaf) << 32 | best << 8 | leaf.boxes.size()};
        }
        if (node.kind == TreeNode::Kind::cut) {
            const auto width = static_cast<std::uint32_t>(std::bit_width(node.operand));
            return encode_inner(node, write_block(tree, node.first_child, node.operand + 1u), width, RUDDER_NODE_CARRY - width, 0);
        }
        return encode_inner(node, write_block(tree, node.first_child, 2), k_threshold_width, RUDDER_NODE_CARRY, 0x10000u - node.operand);
    }

    /// *Shapes*: `first_child` in units of 8 bytes, the window's `width` in bits.
    static rudder_node encode_inner(const TreeNode& node, std::uint64_t first_child, std::uint32_t width, std::uint32_t right,
                                    std::uint32_t addend) {
        assert(width + node.shift >= 1 && width + node.shift <= 64 && addend <= 0xffff);
        const std::uint32_t left = 64u - width - node.shift;
        return {first_child << 32 | addend << 16 | right << 10 | static_cast<std::uint32_t>(node.word) << 6 | left};
    }

    /// Children, their leaves, then the blocks below them: what one packet visits lies close together.
    std::uint64_t write_block(const Tree& tree, std::uint32_t first, std::uint32_t count) {
        if (blocks_[first] != k_unwritten) {
            return blocks_[first];
        }
        const std::size_t start = blob_.align(8);
        blob_.reserve<rudder_node>(count);
        for (const bool wants_leaves : {true, false}) {
            for (std::uint32_t i = 0; i < count; ++i) {
                const TreeNode& node = tree.nodes[first + i];
                if ((node.kind == TreeNode::Kind::leaf) == wants_leaves) {
                    blob_.put(start + i * sizeof(rudder_node), encode(tree, node));
                }
            }
        }
        const auto unit = static_cast<std::uint32_t>(start / 8);
        blocks_[first] = unit;
        return unit;
    }

    /// No entry lies across two cache lines.
    std::uint64_t write_leaf(const TreeLeaf& leaf) {
        const std::string bytes = encode_leaf(set_, leaf, extensions_);
        const std::size_t hash = std::hash<std::string>()(bytes);
        const std::uint32_t known = leaf_index_.find(hash, [&](std::uint32_t earlier) {
            return leaves_[earlier].size == bytes.size() && blob_.view(leaves_[earlier].offset, bytes.size()) == bytes;
        });
        if (known != HashIndex::k_none) {
            return leaves_[known].offset / 8;
        }
        const std::size_t offset = blob_.align(leaf_entry_bytes(set_.family));
        leaf_index_.add(hash, static_cast<std::uint32_t>(leaves_.size()));
        leaves_.push_back({offset, bytes.size()});
        blob_.append_bytes(bytes);
        return offset / 8;
    }

    static constexpr std::uint32_t k_unwritten = ~std::uint32_t{0};
    static constexpr std::uint32_t k_threshold_width = 16;

    /// In the blob. *Units*: bytes.
    struct KnownLeaf {
        std::size_t offset = 0;
        std::size_t size = 0;
    };

    BlobWriter& blob_;
    const BoxSet& set_;
    Extensions& extensions_;
    HashIndex leaf_index_;  ///< of `leaves_`, by the hash of their bytes
    std::vector<KnownLeaf> leaves_;
    std::vector<std::uint32_t> blocks_;  ///< of this tree: [first child], unit
};

}  // namespace

Result<std::vector<Tree>> build_forest(const BoxSet& set, bool is_patient) {
    std::vector<Tree> forest;
    Parts parts = divide_by_length(set, k_by_both);
    const std::size_t most = count_trees(parts);
    if (auto merged = try_merged_tree(set, parts)) {
        forest.push_back(std::move(*merged));
    }
    std::size_t spare = RUDDER_MAX_TREES - forest.size() - count_trees(parts);
    for (const BoxList& part : parts) {
        if (!part.empty() && !add_trees(set, part, is_patient, spare, forest)) {
            return Error{"the rules overlap in too many ways to be compiled into bounded memory: make port ranges and "
                         "prefixes of overlapping rules and of their `not` equal or disjoint, and let no more than 32 rules differ in "
                         "`ecn`, `fragment` or masks of marks and MAC addresses only"};
        }
    }
    sort_by_best_rank(forest);
    return is_small(set) ? choose_forest(set, most, std::move(forest)) : std::move(forest);
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
