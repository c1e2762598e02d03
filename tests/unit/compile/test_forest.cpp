// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "builders.hpp"
#include "core/compile/forest.hpp"
#include "core/compile/forest_price.hpp"
#include "core/compile/sample_points.hpp"

#include <numeric>

using namespace rudder;
using namespace rudder::test;

namespace {

std::string octets(const std::string& first, std::size_t number) {
    return first + "." + std::to_string(number / 250) + "." + std::to_string(number % 250) + ".0/24";
}

/// Half of the boxes are for many sources and one destination, half for one source and many destinations.
BoxSet crossing(std::size_t count) {
    BoxSet set(IpFamily::v4, {}, {});
    for (std::size_t i = 0; i < count; ++i) {
        Rule rule;
        if (i % 2 == 0) {
            rule.match.src = {prefix(octets("10", i))};
        } else {
            rule.match.dst = {prefix(octets("11", i))};
        }
        add_boxes(set, rule, static_cast<std::uint32_t>(i), {{0, 0}});
    }
    return set;
}

/// Boxes between many networks, then one for any destination, one for any source, one for all.
BoxSet narrow_but_for_three(std::size_t count) {
    BoxSet set(IpFamily::v4, {}, {});
    for (std::size_t i = 0; i < count; ++i) {
        Rule rule;
        const std::size_t left = count - i;
        if (left != 1 && left != 2) {
            rule.match.src = {prefix(octets("10", i))};
        }
        if (left != 1 && left != 3) {
            rule.match.dst = {prefix(octets("11", i))};
        }
        add_boxes(set, rule, static_cast<std::uint32_t>(i), {{0, 0}});
    }
    return set;
}

/// A tree of one leaf with these boxes.
Tree list_of(const BoxSet& set, const std::vector<std::uint32_t>& boxes) {
    Tree tree;
    tree.nodes.resize(1);
    tree.leaves.push_back({boxes, {}});
    tree.best_rank = set.boxes[boxes.front()].rank;
    tree.entry_count = boxes.size();
    return tree;
}

}  // namespace

TEST_CASE("a few wide rules beside narrow ones are no reason for trees of their own") {
    const auto forest = build_forest(narrow_but_for_three(40));
    REQUIRE(forest);
    CHECK(forest->size() <= 2);  // by both prefixes there are four
}

TEST_CASE("rules that cross each other are") {
    const auto forest = build_forest(crossing(40));
    REQUIRE(forest);
    CHECK(forest->size() == 2);
}

TEST_CASE("a large set is divided where one tree would copy each wide rule into each narrow place") {
    const auto forest = build_forest(crossing(4000));
    REQUIRE(forest);
    CHECK(forest->size() == 2);
    std::size_t entries = 0;
    for (const Tree& tree : *forest) {
        entries += tree.entry_count;
    }
    CHECK(entries < 2 * 4000);
}

TEST_CASE("the price of a forest counts trees and entries up to the first match") {
    const BoxSet set = crossing(2);
    const auto packets = sample_points(set);
    const double both = forest_price(set, {list_of(set, {0, 1})}, packets);
    const double apart = forest_price(set, {list_of(set, {0}), list_of(set, {1})}, packets);
    // Two packets of the first box look at one entry, two of the second at both; each looks at one tree.
    CHECK(both == Approx((4 * 5 + 6 * 6) / 4.0).margin(0.1));
    // Nobody looks at the second tree who has found the best rank that there is.
    CHECK(apart == Approx((6 * 5 + 6 * 6) / 4.0).margin(0.1));
}

TEST_CASE("the forest that is built is far cheaper than a list of its boxes") {
    const BoxSet set = crossing(60);
    std::vector<std::uint32_t> all(set.boxes.size());
    std::iota(all.begin(), all.end(), 0u);
    const auto forest = build_forest(set);
    REQUIRE(forest);
    const auto packets = sample_points(set);
    CHECK(forest_price(set, *forest, packets) < forest_price(set, {list_of(set, all)}, packets) / 4);
}
