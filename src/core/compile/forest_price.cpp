// SPDX-License-Identifier: Apache-2.0
#include "core/compile/forest_price.hpp"

#include "core/compile/leaf_encoding.hpp"
#include "rudder_abi.h"
#include "rudder_classifier.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <random>

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

constexpr std::size_t k_samples = 256;

/// A packet, as the walk sees it and as values of the dimensions.
struct Point {
    std::array<std::uint32_t, k_max_dimensions> values{};
    rudder_key key{};
};

struct Steps {
    std::size_t trees = 0;
    std::size_t nodes = 0;
    std::size_t entries = 0;
};

class Sampler {
public:
    explicit Sampler(const BoxSet& set) : set_(set) {}

    /// Somewhere in the box.
    Point inside(std::uint32_t box) {
        Point point;
        for (std::size_t d = 0; d < set_.layout().count(); ++d) {
            const auto* list = set_.list_of(box, d);
            point.values[d] = value_of(list == nullptr ? set_.spans_of(box)[d] : (*list)[random_() % list->size()]);
        }
        return finished(point);
    }

    /// The same packet to somewhere else.
    Point elsewhere(Point point) {
        for (std::size_t d = 0; d < set_.layout().count(); ++d) {
            if (set_.layout().dimensions[d].field == Field::dst) {
                point.values[d] = static_cast<std::uint32_t>(random_());
            }
        }
        return finished(point);
    }

private:
    std::uint32_t value_of(const ValueRange& range) {
        return static_cast<std::uint32_t>(range.first + random_() % (std::uint64_t{range.last} - range.first + 1));
    }

    Point finished(Point point) const {
        point.key = {};
        for (std::size_t d = 0; d < set_.layout().count(); ++d) {
            const Dimension& dimension = set_.layout().dimensions[d];
            point.key.word[dimension.word] |= point.values[d] << dimension.shift;
        }
        return point;
    }

    const BoxSet& set_;
    std::mt19937 random_{1};
};

bool contains(const BoxSet& set, std::uint32_t box, const Point& point) {
    for (std::size_t d = 0; d < set.layout().count(); ++d) {
        const auto is_inside = [value = point.values[d]](const ValueRange& range) {
            return value >= range.first && value <= range.last;
        };
        const auto* list = set.list_of(box, d);
        if (list == nullptr ? !is_inside(set.spans_of(box)[d]) : std::none_of(list->begin(), list->end(), is_inside)) {
            return false;
        }
    }
    return true;
}

std::uint32_t child_of(const TreeNode& node, const Point& point) {
    const std::uint32_t window = point.key.word[node.word] >> node.shift;
    if (node.kind == TreeNode::Kind::cut) {
        return node.first_child + (window & node.operand);
    }
    return node.first_child + ((window & 0xffff) >= node.operand ? 1 : 0);
}

/// The look-up of rudder_classifier.h, counted.
Steps walk(const BoxSet& set, const std::vector<Tree>& forest, const Point& point) {
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
            std::find_if(boxes.begin(), boxes.end(), [&](std::uint32_t box) { return contains(set, box, point); });
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

double forest_price(const BoxSet& set, const std::vector<Tree>& forest) {
    Sampler sampler(set);
    Steps sum;
    std::size_t packets = 0;
    const std::size_t stride = std::max<std::size_t>(1, set.boxes.size() / k_samples);
    for (std::size_t box = 0; box < set.boxes.size(); box += stride) {
        const Point hit = sampler.inside(static_cast<std::uint32_t>(box));
        for (const Point& point : {hit, sampler.elsewhere(hit)}) {
            const Steps steps = walk(set, forest, point);
            sum.trees += steps.trees;
            sum.nodes += steps.nodes;
            sum.entries += steps.entries;
            ++packets;
        }
    }
    const double bytes = bytes_of(set, forest);
    const double far_ns = k_far_ns * bytes / (bytes + k_near_bytes);
    const double total = static_cast<double>(sum.trees) * k_tree_ns +
                         static_cast<double>(sum.nodes) * (k_node_ns + far_ns) +
                         static_cast<double>(sum.entries) * (k_entry_ns + far_ns);
    return packets == 0 ? 0 : total / static_cast<double>(packets);
}

}  // namespace rudder
