// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "core/compile/image.hpp"
#include "lookup.hpp"
#include "random_policy.hpp"
#include "reference.hpp"

#include "rudder_classifier.h"

#include <algorithm>
#include <cstring>
#include <string>

using namespace rudder;
using namespace rudder::test;

namespace {

std::string describe(const Probe& probe) {
    const rudder_packet& p = probe.packet;
    IpAddress src{p.family == 4 ? IpFamily::v4 : IpFamily::v6, {}};
    IpAddress dst = src;
    std::copy_n(reinterpret_cast<const std::uint8_t*>(p.src_be), 16, src.bytes.begin());
    std::copy_n(reinterpret_cast<const std::uint8_t*>(p.dst_be), 16, dst.bytes.begin());
    return "ifindex " + std::to_string(probe.ifindex) + " " + to_string(probe.direction) + " " + to_string(src) + ":" +
           std::to_string(p.src_port) + " > " + to_string(dst) + ":" + std::to_string(p.dst_port) + " protocol " +
           std::to_string(p.protocol) + " dscp " + std::to_string(p.tos >> 2) + " flags " + std::to_string(p.flags) +
           " vlan tci " + std::to_string(p.vlan_tci);
}

struct Case {
    Shape shape;
    std::size_t rules;
    std::uint32_t devices;
    std::size_t packets;
};

/// Compares `packets` verdicts; returns how many packets matched some rule.
std::size_t compare(const Case& c, std::uint64_t seed) {
    Random random(seed);
    const Topology topology = make_topology(c.devices);
    const Policy policy = make_policy(random, c.shape, c.rules, c.devices);
    const auto image = compile(policy, topology, {});
    INFO("shape " << static_cast<int>(c.shape) << " rules " << c.rules << " seed " << seed);
    if (!image) {
        FAIL(image.error().message);
    }
    const Reference reference(policy, topology);
    std::size_t matched = 0;
    for (std::size_t i = 0; i < c.packets; ++i) {
        Probe probe = make_probe(random, policy, topology);
        const std::uint32_t expected = reference.first_match(probe);
        const std::uint32_t found = look_up(image->blob, probe);
        if (found != expected) {
            const auto match_text = [&](std::uint32_t rank) {
                return rank < policy.rules.size() ? match_to_string(policy.rules[rank].match) : std::string("none");
            };
            INFO(describe(probe));
            INFO("expected " << expected << ": " << match_text(expected));
            INFO("found " << found << ": " << match_text(found));
            FAIL("the classifier disagrees with the reference");
        }
        matched += expected != RUDDER_NO_RULE ? 1 : 0;
    }
    return matched;
}

constexpr Shape k_all_shapes[] = {Shape::sparse, Shape::nested,     Shape::wide,  Shape::overlapping_ports,
                                  Shape::open,   Shape::interfaces, Shape::lists, Shape::vlans,
                                  Shape::rare,   Shape::exclusions, Shape::holes, Shape::open_holes,
                                  Shape::mixed};

}  // namespace

TEST_CASE("small random policies give the verdicts of the reference") {
    for (const Shape shape : k_all_shapes) {
        std::size_t matched = 0;
        for (std::uint64_t seed = 0; seed < 40; ++seed) {
            matched += compare({shape, 1 + seed * 3, 4, 6000}, seed);
        }
        CHECK(matched > 40000);  // the packets do meet the rules
    }
}

TEST_CASE("medium random policies give the verdicts of the reference") {
    for (const Shape shape : k_all_shapes) {
        compare({shape, 1000, 20, 20000}, 1000 + static_cast<std::uint64_t>(shape));
    }
}

TEST_CASE("large random policies give the verdicts of the reference") {
    for (const Shape shape : {Shape::sparse, Shape::nested, Shape::mixed, Shape::lists, Shape::vlans, Shape::exclusions,
                              Shape::holes, Shape::open_holes}) {
        compare({shape, 10000, 20, 3000}, 2000 + static_cast<std::uint64_t>(shape));
    }
}

TEST_CASE("policies too large to spend memory freely give the verdicts of the reference") {
    compare({Shape::sparse, 100000, 5, 500}, 4000);  // 58,000 IPv4 boxes, 39,000 of IPv6
}

TEST_CASE("a thousand interfaces give the verdicts of the reference") {
    compare({Shape::interfaces, 3000, 1000, 10000}, 3000);
}

namespace {

/// `count` rules, each with what `state(i)` says of its rare fields, against the reference.
template <class State>
void tell_apart(std::uint32_t count, std::uint8_t protocol, State state) {
    const Topology topology = make_topology(2);
    Policy policy;
    for (std::uint32_t i = 0; i < count; ++i) {
        Rule rule;
        rule.name = "r" + std::to_string(i);
        rule.type = RuleType::drop;
        rule.match.interface.any = true;
        rule.match.ip_proto = protocol;
        RareMatch rare;
        state(rare, i);
        rule.match.rare = rare;
        policy.rules.push_back(rule);
    }
    const auto image = compile(policy, topology, {});
    REQUIRE(image);
    const Reference reference(policy, topology);
    Random random(count);
    for (int i = 0; i < 2000; ++i) {
        Probe probe = make_probe(random, policy, topology);
        REQUIRE(look_up(image->blob, probe) == reference.first_match(probe));
    }
}

}  // namespace

TEST_CASE("many rules that differ in one rare field only are told apart") {
    tell_apart(4000, 17, [](RareMatch& rare, std::uint32_t i) { rare.fwmarks = {{i, 0xffffffff}}; });
    tell_apart(4000, 17, [](RareMatch& rare, std::uint32_t i) {
        rare.src_macs = {{{{2, 0, 0, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}}}};
    });
    tell_apart(1000, 17, [](RareMatch& rare, std::uint32_t i) { rare.lengths = {{i + 40, i + 40}}; });
    tell_apart(256, 17, [](RareMatch& rare, std::uint32_t i) { rare.ttls = {{i, i}}; });
    tell_apart(256, 1, [](RareMatch& rare, std::uint32_t i) { rare.icmp_types = {{i * 256, i * 256 + 255}}; });
    tell_apart(256, 6, [](RareMatch& rare, std::uint32_t i) {
        rare.tcp_flags = {{static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(~i)}};
    });
}

namespace {

/// Counts the leaves below `node` that do not begin at a multiple of an entry's size; `leaves`: all of them.
std::size_t count_askew(const std::vector<std::uint8_t>& blob, rudder_node node, std::size_t entry_bytes, std::size_t& leaves) {
    const std::size_t at = rudder_node_offset(node.word);
    if ((node.word & RUDDER_NODE_LEAF) != 0) {
        const bool is_empty = (node.word & 0xff) == 0;
        leaves += is_empty ? 0 : 1;
        return !is_empty && at % entry_bytes != 0 ? 1 : 0;
    }
    const bool is_threshold = (node.word & 0xffff0000) != 0;
    const std::size_t children = is_threshold ? 2 : std::size_t{1} << (RUDDER_NODE_CARRY - (node.word >> 10 & 63));
    std::size_t askew = 0;
    for (std::size_t child = 0; child < children; ++child) {
        rudder_node below{};
        std::memcpy(&below, blob.data() + at + child * sizeof(below), sizeof(below));
        askew += count_askew(blob, below, entry_bytes, leaves);
    }
    return askew;
}

}  // namespace

TEST_CASE("no leaf entry lies across two cache lines") {
    Random random(1);
    const auto image = compile(make_policy(random, Shape::mixed, 2000, 4), make_topology(4), {});
    REQUIRE(image);
    const auto* header = reinterpret_cast<const rudder_blob_header*>(image->blob.data());
    for (const rudder_tree& tree : header->tree_v6) {
        std::size_t leaves = 0;
        if (tree.root != 0) {
            CHECK(count_askew(image->blob, {tree.root}, sizeof(rudder_leaf_v6), leaves) == 0);
            CHECK(leaves > 0);
        }
    }
    for (const rudder_tree& tree : header->tree_v4) {
        std::size_t leaves = 0;
        if (tree.root != 0) {
            CHECK(count_askew(image->blob, {tree.root}, sizeof(rudder_leaf_v4), leaves) == 0);
            CHECK(leaves > 0);
        }
    }
}
