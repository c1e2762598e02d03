// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "builders.hpp"
#include "core/compile/forest.hpp"
#include "core/compile/forest_price.hpp"
#include "core/compile/sample_points.hpp"
#include "lookup.hpp"
#include "random_policy.hpp"
#include "ruleset_generator.hpp"

#include <algorithm>
#include <initializer_list>
#include <set>

using namespace rudder;
using namespace rudder::test;
using bench::Kind;

namespace {

/// Rules one after the other that are alike in which of their prefixes are long.
struct Part {
    bool long_src = false;
    bool long_dst = false;
    std::size_t rules = 0;
};
constexpr bool k_long = true;
constexpr bool k_any = false;

std::vector<IpPrefix> some_prefix(IpFamily family, const std::string& first, std::size_t number) {
    const std::string high = std::to_string(number / 250);
    const std::string low = std::to_string(number % 250);
    return {family == IpFamily::v4 ? prefix(first + "." + high + "." + low + ".0/24") : prefix(first + ":" + high + ":" + low + "::/48")};
}

BoxSet set_of(IpFamily family, std::initializer_list<Part> parts) {
    BoxSet set(family, {}, {});
    std::uint32_t rank = 0;
    for (const Part& part : parts) {
        for (std::size_t i = 0; i < part.rules; ++i, ++rank) {
            Rule rule;
            (family == IpFamily::v4 ? rule.match.family_v6 : rule.match.family_v4) = false;
            if (part.long_src) rule.match.src = some_prefix(family, "10", rank);
            if (part.long_dst) rule.match.dst = some_prefix(family, "11", rank);
            add_boxes(set, rule, rank, {{0, 0}});
        }
    }
    return set;
}

std::size_t count_boxes(const Tree& tree) {
    std::set<std::uint32_t> boxes;
    for (const TreeLeaf& leaf : tree.leaves) {
        boxes.insert(leaf.boxes.begin(), leaf.boxes.end());
    }
    return boxes.size();
}

/// How many boxes lie in each tree, ascending.
std::vector<std::size_t> boxes_of_trees(const BoxSet& set) {
    const auto forest = build_forest(set);
    REQUIRE(forest);
    std::vector<std::size_t> counts;
    for (const Tree& tree : *forest) {
        counts.push_back(count_boxes(tree));
    }
    std::sort(counts.begin(), counts.end());
    return counts;
}

using Counts = std::vector<std::size_t>;

/// Between one pair of networks: half for many ports, half to many places inside. In one tree each would be copied into each of the others.
Policy crossing(std::size_t count) {
    std::vector<Rule> rules;
    for (std::size_t i = 0; i < count; ++i) {
        rules.push_back(rule(std::to_string(i), RuleType::drop, "any"));
        Match& match = rules.back().match;
        match.src = {prefix("10.0.0.0/16")};
        match.ip_proto = std::uint8_t{17};
        if (i % 2 == 0) {
            match.dst = some_prefix(IpFamily::v4, "11", i);
        } else {
            const auto port = static_cast<std::uint16_t>(i * 7);
            match.dst_ports = {{port, port}};
        }
    }
    return policy(std::move(rules));
}

std::size_t count_trees(const Image& image) {
    const rudder_blob_header header = header_of(image);
    return static_cast<std::size_t>(
        std::ranges::count_if(header.tree_v4, [](const rudder_tree& tree) { return tree.root != 0; }));
}

Image compiled(const Policy& policy) {
    auto image = compile(policy, make_topology(3), {});
    REQUIRE(image);
    return std::move(*image);
}

/// By packets at the corners of the rules.
void compare_with_reference(const Policy& rules, const Image& image) {
    const Topology topology = make_topology(3);
    const Reference reference(rules, topology);
    Random random(1);
    std::size_t matched = 0;
    for (int i = 0; i < 5000; ++i) {
        Probe probe = make_probe(random, rules, topology);
        const std::uint32_t expected = reference.first_match(probe);
        REQUIRE(look_up(image.blob, probe) == expected);
        matched += expected != RUDDER_NO_RULE ? 1 : 0;
    }
    CHECK(matched > 1000);
}

Policy generated(Kind kind, std::size_t rules) { return bench::generate_policy({kind, IpFamily::v4, rules, 1}); }

}  // namespace

TEST_CASE("boxes between networks share a tree with the smaller of the parts that are wide on one side") {
    CHECK(boxes_of_trees(set_of(IpFamily::v4, {{k_long, k_long, 1500}, {k_any, k_long, 40}, {k_long, k_any, 30}, {k_any, k_any, 1}})) ==
          Counts{1, 40, 1530});
    CHECK(boxes_of_trees(set_of(IpFamily::v4, {{k_long, k_long, 1500}, {k_any, k_long, 30}, {k_long, k_any, 40}, {k_any, k_any, 1}})) ==
          Counts{1, 40, 1530});
}

TEST_CASE("they share it with the part that begins far earlier, even if that is larger") {
    CHECK(boxes_of_trees(set_of(IpFamily::v4, {{k_long, k_long, 700}, {k_any, k_long, 40}, {k_long, k_long, 800}, {k_long, k_any, 30}})) ==
          Counts{30, 1540});
    CHECK(boxes_of_trees(set_of(IpFamily::v4, {{k_long, k_long, 700}, {k_long, k_any, 40}, {k_long, k_long, 800}, {k_any, k_long, 30}})) ==
          Counts{30, 1540});
}

TEST_CASE("where only one part is wide on one side, they share a tree with that") {
    CHECK(boxes_of_trees(set_of(IpFamily::v4, {{k_long, k_long, 1500}, {k_any, k_long, 40}})) == Counts{1540});
    CHECK(boxes_of_trees(set_of(IpFamily::v4, {{k_long, k_any, 40}, {k_long, k_long, 1500}})) == Counts{1540});
}

TEST_CASE("there is nothing to share without boxes between networks, or without others") {
    CHECK(boxes_of_trees(set_of(IpFamily::v4, {{k_any, k_long, 800}, {k_long, k_any, 700}, {k_any, k_any, 1}})) == Counts{1, 700, 800});
    CHECK(boxes_of_trees(set_of(IpFamily::v4, {{k_long, k_long, 1500}, {k_any, k_any, 1}})) == Counts{1, 1500});
}

TEST_CASE("where memory is dear each part has a tree of its own") {
    CHECK(boxes_of_trees(set_of(IpFamily::v4, {{k_long, k_long, 33000}, {k_any, k_long, 40}, {k_long, k_any, 30}, {k_any, k_any, 1}})) ==
          Counts{1, 30, 40, 33000});
    CHECK(boxes_of_trees(set_of(IpFamily::v6, {{k_long, k_long, 1500}, {k_any, k_long, 40}, {k_long, k_any, 30}, {k_any, k_any, 1}})) ==
          Counts{1, 30, 40, 1500});
}

TEST_CASE("boxes that cross too much do not share a tree, and are told apart as ever") {
    const Policy rules = crossing(3000);
    const Image image = compiled(rules);
    CHECK(count_trees(image) == 2);
    CHECK(image.blob.size() < 3000 * 130);
    compare_with_reference(rules, image);
}

TEST_CASE("boxes that share a tree are told apart as ever") {
    const Policy rules = generated(Kind::ipc, 2000);
    const Image image = compiled(rules);
    CHECK(count_trees(image) == 3);
    compare_with_reference(rules, image);
}

TEST_CASE("generated sets are compiled into few trees, within their memory, and to the same bytes each time") {
    struct Row {
        Kind kind;
        std::size_t rules, trees, bytes;
    };
    // Trees by both prefixes alone: 4, 4, 6, 6, 4, 4. The bytes: 1.2 MB for 10,000 rules, two thirds of the 6 MB for 100,000.
    for (const Row& row : {Row{Kind::fw, 1000, 3, 160000}, Row{Kind::acl, 10000, 3, 1200000}, Row{Kind::fw, 10000, 5, 1200000},
                           Row{Kind::ipc, 30000, 5, 4000000}, Row{Kind::ipc, 10000, 3, 1200000}, Row{Kind::ipc, 2000, 3, 240000}}) {
        INFO(to_string(row.kind) << " " << row.rules);
        const Policy rules = generated(row.kind, row.rules);
        const Image image = compiled(rules);
        CHECK(count_trees(image) == row.trees);
        CHECK(image.blob.size() < row.bytes);
        const bool is_same = compiled(rules).blob == image.blob;  // nobody wants to read both
        CHECK(is_same);
    }
}

TEST_CASE("a part that would need two trees at the low price of copies gets one at the usual price") {
    CHECK(count_trees(compiled(bench::generate_policy({Kind::ipc, IpFamily::v4, 20000, 9}))) == 3);
}

TEST_CASE("packets in a generated set take far fewer steps than in trees by both prefixes alone") {
    const Policy rules = generated(Kind::ipc, 10000);
    BoxSet set(IpFamily::v4, {}, {});
    for (std::size_t rank = 0; rank < rules.rules.size(); ++rank) {
        add_boxes(set, rules.rules[rank], static_cast<std::uint32_t>(rank), {{0, 0}});
    }
    const auto forest = build_forest(set);
    REQUIRE(forest);
    // 129.8 with four trees, 115.0 where long sources share one, 88.1 where the others buy speed as well.
    CHECK(forest_price(set, *forest, sample_points(set)) < 0.72 * 129.8);
}
