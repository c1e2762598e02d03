// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "builders.hpp"
#include "core/compile/image.hpp"
#include "lookup.hpp"
#include "random_policy.hpp"
#include "reference.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <functional>
#include <set>

using namespace rudder;
using namespace rudder::test;

namespace {

constexpr Shape k_all_shapes[] = {Shape::sparse, Shape::nested,     Shape::wide,  Shape::overlapping_ports,
                                  Shape::open,   Shape::interfaces, Shape::lists, Shape::vlans,
                                  Shape::rare,   Shape::exclusions, Shape::holes, Shape::open_holes,
                                  Shape::mixed};
constexpr std::size_t k_cache_line = 64;

Image compiled(const Policy& policy, const Topology& topology) {
    auto image = compile(policy, topology, {});
    if (!image) {
        FAIL(image.error().message);
    }
    return *image;
}

const rudder_vectors& vectors_of(const rudder_blob_header& header, bool is_v4) {
    return is_v4 ? header.vectors_v4 : header.vectors_v6;
}

bool has_trees(const rudder_blob_header& header, bool is_v4) {
    return (is_v4 ? header.tree_v4 : header.tree_v6)[0].root != 0;
}

/// `count` rules for all devices and both families; `state(rule, i)` says what is particular of rule i.
Policy numbered(std::uint32_t count, const std::function<void(Rule&, std::uint32_t)>& state) {
    std::vector<Rule> rules;
    for (std::uint32_t i = 0; i < count; ++i) {
        rules.push_back(rule("r" + std::to_string(i), RuleType::drop, "any"));
        state(rules.back(), i);
    }
    return policy(std::move(rules));
}

Probe udp_packet(bool is_v4, std::uint16_t dst_port) {
    Probe probe;
    probe.ifindex = 2;
    probe.packet.family = is_v4 ? 4 : 6;
    const IpAddress source = address(is_v4 ? "10.1.2.3" : "2001:db8::1"), destination = address(is_v4 ? "10.4.5.6" : "2001:db8::2");
    std::memcpy(probe.packet.src_be, source.bytes.data(), 16);
    std::memcpy(probe.packet.dst_be, destination.bytes.data(), 16);
    probe.packet.protocol = 17;
    probe.packet.flags = RUDDER_PKT_HAS_PORTS;
    probe.packet.src_port = 1000;
    probe.packet.dst_port = dst_port;
    probe.packet.ttl = 64;
    return probe;
}

/// Ports that differ in both octets.
std::uint16_t port_of(std::uint32_t number) { return static_cast<std::uint16_t>(number * 259 + 1); }

Policy by_port(std::uint32_t count) {
    return numbered(count, [](Rule& one, std::uint32_t i) { one.match.dst_ports = {{port_of(i), port_of(i)}}; });
}

/// Packets that were looked up by vectors, and those of them that matched.
struct Tally {
    std::size_t by_vectors[2] = {}, matched[2] = {};
};

void compare(const Policy& rules, const Topology& topology, Random& random, Tally& tally) {
    const Image image = compiled(rules, topology);
    const rudder_blob_header header = header_of(image);
    const Reference reference(rules, topology);
    for (int i = 0; i < 1000; ++i) {
        Probe probe = make_probe(random, rules, topology);
        const std::uint32_t expected = reference.first_match(probe);
        if (look_up(image.blob, probe) != expected) {
            FAIL("packet " << i << " of " << rules.rules.size() << " rules: expected " << expected);
        }
        const bool is_v4 = probe.packet.family == 4;
        if (vectors_of(header, is_v4).column_count > 0) {
            tally.by_vectors[is_v4]++;
            tally.matched[is_v4] += expected != RUDDER_NO_RULE ? 1 : 0;
        }
    }
}

}  // namespace

TEST_CASE("bit vectors give the verdicts of the reference for small random policies") {
    const Topology topology = make_topology(4);
    for (const Shape shape : k_all_shapes) {
        Tally tally;
        for (std::uint64_t seed = 0; seed < 24; ++seed) {
            INFO("shape " << static_cast<int>(shape) << " seed " << seed);
            Random random(7000 + seed);
            compare(make_policy(random, shape, 1 + pick(random, 45), 4), topology, random, tally);
        }
        INFO("shape " << static_cast<int>(shape));
        for (const bool is_v4 : {true, false}) {
            CHECK(tally.by_vectors[is_v4] > 2000);
            CHECK(tally.matched[is_v4] > 500);
        }
    }
}

TEST_CASE("the box of each place is found where it is the only one that matches") {
    for (const std::uint32_t count : {1u, 2u, 31u, 32u, 33u, 63u, 64u}) {
        const Image image = compiled(by_port(count), make_topology(2));
        for (const bool is_v4 : {true, false}) {
            INFO(count << " rules, IPv" << (is_v4 ? 4 : 6));
            REQUIRE((vectors_of(header_of(image), is_v4).column_count > 0) == (count > 1));  // one entry alone is cheaper
            REQUIRE(has_trees(header_of(image), is_v4) == (count == 1));
            for (std::uint32_t i = 0; i < count; ++i) {
                Probe probe = udp_packet(is_v4, port_of(i));
                CHECK(look_up(image.blob, probe) == i);
            }
            Probe other = udp_packet(is_v4, 0);
            CHECK(look_up(image.blob, other) == RUDDER_NO_RULE);
        }
    }
}

TEST_CASE("a number below 64 of its own is the place of each bit") {
    std::set<std::uint32_t> places;
    for (unsigned i = 0; i < RUDDER_VECTOR_BOXES; ++i) {
        places.insert(rudder_vector_place(std::uint64_t{1} << i));
    }
    CHECK(places.size() == RUDDER_VECTOR_BOXES);
    CHECK(*places.rbegin() < RUDDER_VECTOR_BOXES);
}

TEST_CASE("a set of 64 boxes gets bit vectors, one of 65 a forest, and none neither") {
    for (const std::uint32_t count : {0u, 64u, 65u}) {
        const rudder_blob_header header = header_of(compiled(by_port(count), make_topology(2)));
        for (const bool is_v4 : {true, false}) {
            INFO(count << " rules, IPv" << (is_v4 ? 4 : 6));
            CHECK((vectors_of(header, is_v4).column_count > 0) == (count == 64));
            CHECK(has_trees(header, is_v4) == (count == 65));
        }
    }
}

TEST_CASE("each family has what suits it") {
    Policy rules = by_port(100);
    for (std::size_t i = 0; i < rules.rules.size(); ++i) {
        rules.rules[i].match.family_v4 = i < 50;
    }
    const Image image = compiled(rules, make_topology(2));
    CHECK(header_of(image).vectors_v4.column_count > 0);
    CHECK_FALSE(has_trees(header_of(image), true));
    CHECK(header_of(image).vectors_v6.column_count == 0);
    CHECK(has_trees(header_of(image), false));
    for (std::uint32_t i = 0; i < 100; ++i) {
        Probe v4 = udp_packet(true, port_of(i)), v6 = udp_packet(false, port_of(i));
        CHECK(look_up(image.blob, v4) == (i < 50 ? i : RUDDER_NO_RULE));
        CHECK(look_up(image.blob, v6) == i);
    }
}

TEST_CASE("the last of 64 candidates is found behind conditions that no column shows") {
    // Sets of ECN values and kinds of fragments without the packet's own, ECN 0 and whole; none within an earlier one.
    std::vector<RareMatch> others;
    for (unsigned both = 1; both < 1u << 7; ++both) {
        RareMatch rare;
        rare.ecn = static_cast<std::uint8_t>(both & 0xf);
        rare.fragment = static_cast<std::uint8_t>(both >> 4);
        if (rare.ecn != 0 && rare.fragment != 0 && !(rare.ecn & 1 && rare.fragment & 1)) others.push_back(rare);
    }
    std::stable_sort(others.begin(), others.end(), [](const RareMatch& a, const RareMatch& b) {
        return std::popcount(a.ecn) + std::popcount(a.fragment) < std::popcount(b.ecn) + std::popcount(b.fragment);
    });
    REQUIRE(others.size() >= 63);
    REQUIRE(others[0].fragment == 1);
    const Policy rules = numbered(64, [&](Rule& one, std::uint32_t i) {
        if (i < 63) one.match.rare = others[i];
    });
    const Image image = compiled(rules, make_topology(2));
    for (const bool is_v4 : {true, false}) {
        REQUIRE(vectors_of(header_of(image), is_v4).column_count > 0);
        Probe last = udp_packet(is_v4, 80);
        CHECK(look_up(image.blob, last) == 63);
        Probe first = udp_packet(is_v4, 80);
        first.packet.tos = static_cast<std::uint8_t>(std::countr_zero(others[0].ecn));
        CHECK(look_up(image.blob, first) == 0);
    }
}

TEST_CASE("64 rules that exclude sources get trees, which cut those out and spare a packet 63 comparisons") {
    const Policy rules = numbered(64, [](Rule& one, std::uint32_t i) {
        Exclusion excluded;
        excluded.src = {prefix("10." + std::to_string(i) + ".0.0/16"), prefix("11.0.0.0/8")};
        one.match.family_v6 = false;
        if (i < 63) one.match.excluded = excluded;
    });
    const Image image = compiled(rules, make_topology(2));
    REQUIRE(header_of(image).vectors_v4.column_count == 0);
    REQUIRE(has_trees(header_of(image), true));
    const std::array<std::pair<const char*, std::uint32_t>, 4> sources{
        {{"11.2.3.4", 63}, {"10.0.9.9", 1}, {"10.1.9.9", 0}, {"12.1.1.1", 0}}};
    for (const auto& [source, rank] : sources) {
        Probe probe = udp_packet(true, 80);
        std::memcpy(probe.packet.src_be, address(source).bytes.data(), 4);
        INFO(source);
        CHECK(look_up(image.blob, probe) == rank);
    }
}

namespace {

struct Part {
    std::size_t begin = 0, end = 0;
    friend auto operator<=>(const Part&, const Part&) = default;
};

/// Where columns and entries lie, which the header must cover.
void check_layout(const Image& image, bool is_v4, std::vector<Part>& parts) {
    const rudder_vectors vectors = vectors_of(header_of(image), is_v4);
    const std::size_t entry_bytes = is_v4 ? sizeof(rudder_leaf_v4) : sizeof(rudder_leaf_v6);
    CHECK(vectors.column_count % RUDDER_COLUMN_GROUP == 0);
    REQUIRE(vectors.column_count <= RUDDER_MAX_COLUMNS);
    CHECK(vectors.column_offset % alignof(rudder_column) == 0);
    for (std::size_t i = 0; i < RUDDER_MAX_COLUMNS; ++i) {
        CHECK(vectors.octet[i] < (i < vectors.column_count ? sizeof(rudder_key) : 1));
    }
    for (std::size_t place = 0; place < RUDDER_VECTOR_BOXES; ++place) {
        const std::size_t at = vectors.entry_offset + place * entry_bytes;
        CHECK(at / k_cache_line == (at + entry_bytes - 1) / k_cache_line);
    }
    parts.push_back({vectors.column_offset, vectors.column_offset + vectors.column_count * sizeof(rudder_column)});
    parts.push_back({vectors.entry_offset, vectors.entry_offset + RUDDER_VECTOR_BOXES * entry_bytes});
}

}  // namespace

TEST_CASE("columns and entries lie in the blob, each in a place of its own, and no entry across two cache lines") {
    std::size_t seen[2] = {};
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        Random random(seed);
        const Image image = compiled(make_policy(random, k_all_shapes[seed % std::size(k_all_shapes)], 1 + pick(random, 40), 4),
                                     make_topology(4));
        const rudder_blob_header header = header_of(image);
        std::vector<Part> parts{{0, sizeof(rudder_blob_header)}, {header.used_bytes, header.used_bytes}};
        parts.push_back({header.rule_offset, header.rule_offset + header.rule_count * sizeof(rudder_rule)});
        parts.push_back({header.extension_offset, header.extension_offset + header.extension_bytes});
        for (const bool is_v4 : {true, false}) {
            if (vectors_of(header, is_v4).column_count > 0) {
                check_layout(image, is_v4, parts);
                seen[is_v4]++;
            }
        }
        std::sort(parts.begin(), parts.end());
        for (std::size_t i = 1; i < parts.size(); ++i) {
            INFO("seed " << seed << " part at " << parts[i].begin);
            CHECK(parts[i - 1].end <= parts[i].begin);
        }
        CHECK(header.used_bytes <= image.blob.size());
    }
    CHECK(seen[true] > 30);
    CHECK(seen[false] > 30);
}

TEST_CASE("equal small policies give equal bytes") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        Random first(seed), second(seed);
        const Shape shape = k_all_shapes[seed % std::size(k_all_shapes)];
        const Image a = compiled(make_policy(first, shape, 20, 4), make_topology(4));
        const Image b = compiled(make_policy(second, shape, 20, 4), make_topology(4));
        CHECK(a.blob == b.blob);
    }
}
