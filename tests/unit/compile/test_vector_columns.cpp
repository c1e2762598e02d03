// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "builders.hpp"
#include "core/compile/bit_vectors.hpp"
#include "random_policy.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

using namespace rudder;
using namespace rudder::test;

namespace {

using Values = std::array<std::uint32_t, k_max_dimensions>;

const std::set<Field> k_every_field = {Field::vlan,   Field::length,  Field::ttl,     Field::tcp_flags, Field::icmp_type,
                                       Field::fwmark, Field::src_mac, Field::dst_mac};

/// What the walk looks at of a packet with these values.
rudder_key key_of(const BoxSet& set, const Values& values) {
    rudder_key key{};
    for (std::size_t d = 0; d < set.layout().count(); ++d) {
        key.word[set.layout().dimensions[d].word] |= values[d] << set.layout().dimensions[d].shift;
    }
    return key;
}

std::uint64_t left_by(const BitVectors::Column& column, const rudder_key& key) {
    return column.boxes.boxes[reinterpret_cast<const std::uint8_t*>(key.word)[column.octet]];
}

/// A value of the range: its ends, the ends of an octet in it, or any.
std::uint32_t some_value(Random& random, const ValueRange& range) {
    switch (pick(random, 4)) {
        case 0: return range.first;
        case 1: return range.last;
        case 2: {
            const std::uint32_t edge = (range.first | 0xff) + pick(random, 2);
            return edge >= range.first && edge <= range.last ? edge : range.last;
        }
        default: break;
    }
    return static_cast<std::uint32_t>(range.first + random() % (std::uint64_t{range.last} - range.first + 1));
}

Values some_point(Random& random, const BoxSet& set, std::uint32_t box) {
    Values values{};
    for (std::size_t d = 0; d < set.layout().count(); ++d) {
        const auto* list = set.list_of(box, d);
        const ValueRange range = list == nullptr ? set.spans_of(box)[d] : (*list)[pick(random, static_cast<std::uint32_t>(list->size()))];
        values[d] = some_value(random, range);
    }
    return values;
}

/// All columns leave each box to the packets in it. Returns the columns' octets.
std::set<std::size_t> check_points(Random& random, const BoxSet& set) {
    const auto vectors = build_bit_vectors(set, sample_points(set));
    REQUIRE(vectors.has_value());
    std::set<std::size_t> octets;
    for (const BitVectors::Column& column : vectors->columns) {
        octets.insert(column.octet);
    }
    for (std::uint32_t box = 0; box < set.boxes.size(); ++box) {
        for (int i = 0; i < 60; ++i) {
            const rudder_key key = key_of(set, some_point(random, set, box));
            for (const BitVectors::Column& column : vectors->columns) {
                if ((left_by(column, key) >> box & 1) == 0) {
                    FAIL("box " << box << " is dropped by the column of octet " << unsigned{column.octet});
                }
            }
        }
    }
    return octets;
}

BoxSet random_boxes(Random& random, Shape shape, IpFamily family) {
    BoxSet set(family, k_every_field, {});
    std::uint32_t rank = 0;
    for (const Rule& one : make_policy(random, shape, 40, 2).rules) {
        if (set.boxes.size() + box_count(one, family) <= RUDDER_VECTOR_BOXES) {
            const std::uint32_t first = pick(random, 600);
            add_boxes(set, one, rank++, {{first, first + pick(random, 600)}});
        }
    }
    return set;
}

/// Boxes that differ in nothing but the octet of this dimension from bit `shift` on.
BoxSet boxes_by_octet(IpFamily family, std::size_t dimension, unsigned shift) {
    BoxSet set(family, k_every_field, {});
    for (std::uint32_t i = 0; i < 16; ++i) {
        Rule one;
        one.match.vlan = k_vlan_any;
        add_boxes(set, one, i, {{0, 0}});
        const std::uint32_t first = i << shift;
        set.spans[i * set.layout().count() + dimension] = {first, first | ((1u << shift) - 1)};
    }
    return set;
}

/// Where that octet lies in the key.
std::size_t octet_of(const Dimension& dimension, unsigned shift) {
    rudder_key key{};
    key.word[dimension.word] = 1u << (dimension.shift + shift);
    std::array<std::uint8_t, sizeof(key)> octets{};
    std::memcpy(octets.data(), &key, sizeof(key));
    return static_cast<std::size_t>(std::find(octets.begin(), octets.end(), 1) - octets.begin());
}

/// Boxes that differ in nothing but their destination ports.
BoxSet boxes_by_port(const std::vector<std::vector<PortRange>>& lists) {
    BoxSet set(IpFamily::v4, {}, {});
    for (std::size_t i = 0; i < lists.size(); ++i) {
        Rule one;
        one.match.dst_ports = lists[i];
        add_boxes(set, one, static_cast<std::uint32_t>(i), {{0, 0}});
    }
    return set;
}

}  // namespace

TEST_CASE("no column drops a box that a packet lies in") {
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        for (std::uint64_t seed = 0; seed < 60; ++seed) {
            static constexpr Shape k_shapes[] = {Shape::rare, Shape::mixed, Shape::lists, Shape::vlans, Shape::overlapping_ports,
                                                 Shape::exclusions};
            Random random(seed);
            INFO("seed " << seed);
            const BoxSet set = random_boxes(random, k_shapes[seed % 6], family);
            REQUIRE(!set.boxes.empty());
            check_points(random, set);
        }
    }
}

TEST_CASE("each octet of each dimension can have a column, which drops no box") {
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        std::set<std::size_t> octets;
        const KeyLayout layout = key_layout(family, k_every_field);
        for (std::size_t d = 0; d < layout.count(); ++d) {
            for (unsigned shift = 0; shift < layout.dimensions[d].bits; shift += 8) {
                INFO("dimension " << d << " shift " << shift);
                Random random(d);
                const auto of_set = check_points(random, boxes_by_octet(family, d, shift));
                octets.insert(of_set.begin(), of_set.end());
                CHECK(of_set.contains(octet_of(layout.dimensions[d], shift)));
            }
        }
        CHECK(octets.size() == (family == IpFamily::v4 ? 8 : 32) + 8 + 20);
    }
}

TEST_CASE("the columns of a port range leave its box to the octets of its ports, and to no other") {
    const std::vector<std::vector<PortRange>> lists = {
        {{0, 0}},           {{65535, 65535}},   {{0, 65535}},       {{255, 255}},       {{256, 256}},       {{255, 256}},
        {{10, 20}},         {{0x1234, 0x1240}}, {{0x12f0, 0x1310}}, {{0x12f0, 0x13ef}}, {{0x12f0, 0x13ee}}, {{0x12f0, 0x14f0}},
        {{0x00ff, 0xff00}}, {{0xff00, 0xffff}}, {{0, 255}},         {{1, 256}},         {{80, 80}, {443, 443}, {0x20fe, 0x2101}},
    };
    const BoxSet set = boxes_by_port(lists);
    REQUIRE(set.boxes.size() == lists.size());
    const auto vectors = build_bit_vectors(set, sample_points(set));
    REQUIRE(vectors.has_value());
    std::size_t columns = 0;
    for (const BitVectors::Column& column : vectors->columns) {
        rudder_key low{}, high{};
        low.word[RUDDER_KEY_PORTS] = 0xff;
        high.word[RUDDER_KEY_PORTS] = 0xff00;
        const bool is_low = reinterpret_cast<const std::uint8_t*>(low.word)[column.octet] != 0;
        const bool is_high = reinterpret_cast<const std::uint8_t*>(high.word)[column.octet] != 0;
        columns += is_low || is_high ? 1 : 0;
        for (std::size_t box = 0; box < lists.size() && (is_low || is_high); ++box) {
            std::set<std::uint32_t> expected, left;
            for (const PortRange& range : lists[box]) {
                for (std::uint32_t port = range.first; port <= range.last; ++port) {
                    expected.insert(is_low ? port & 0xff : port >> 8);
                }
            }
            for (std::uint32_t value = 0; value < 256; ++value) {
                if ((column.boxes.boxes[value] >> box & 1) != 0) left.insert(value);
            }
            INFO("box " << box << ", " << (is_low ? "low" : "high") << " octet");
            CHECK(left == expected);
        }
    }
    CHECK(columns == 2);
}

TEST_CASE("columns tell boxes apart that differ in octets") {
    std::vector<std::vector<PortRange>> lists;
    for (std::uint16_t i = 0; i < RUDDER_VECTOR_BOXES; ++i) {
        const auto port = static_cast<std::uint16_t>(i * 259 + 1);
        lists.push_back({{port, port}});
    }
    const BoxSet set = boxes_by_port(lists);
    const auto vectors = build_bit_vectors(set, sample_points(set));
    REQUIRE(vectors.has_value());
    for (std::uint32_t box = 0; box < set.boxes.size(); ++box) {
        Random random(box);
        const rudder_key key = key_of(set, some_point(random, set, box));
        std::uint64_t left = ~std::uint64_t{0};
        for (const BitVectors::Column& column : vectors->columns) {
            left &= left_by(column, key);
        }
        CHECK(left == std::uint64_t{1} << box);
    }
}

TEST_CASE("a rule for all packets that may yet refuse them does not blind the choice of columns") {
    Match fragments, outside;
    RareMatch rare;
    rare.fragment = 2 | 4;
    fragments.rare = rare;
    Exclusion excluded;
    excluded.dst = {prefix("172.16.0.0/12")};
    outside.excluded = excluded;
    for (const Match& first : {fragments, outside}) {
        BoxSet set(IpFamily::v4, {}, {});
        Rule wide = rule("wide", RuleType::drop, "any");
        wide.match = first;
        add_boxes(set, wide, 0, {{0, 0}});
        for (std::uint32_t i = 1; i < RUDDER_VECTOR_BOXES; ++i) {
            Rule narrow = rule("narrow", RuleType::drop, "any");
            narrow.match.dst = {prefix("10." + std::to_string(i) + ".0.0/16")};
            add_boxes(set, narrow, i, {{0, 0}});
        }
        REQUIRE(set.boxes.size() == RUDDER_VECTOR_BOXES);
        const auto vectors = build_bit_vectors(set, sample_points(set));
        REQUIRE(vectors.has_value());
        Random random(1);
        for (std::uint32_t box = 1; box < set.boxes.size(); ++box) {
            std::uint64_t left = ~std::uint64_t{0};
            const rudder_key key = key_of(set, some_point(random, set, box));
            for (const BitVectors::Column& column : vectors->columns) left &= left_by(column, key);
            CHECK(left == (std::uint64_t{1} << box | 1));
        }
    }
}

TEST_CASE("no bit is left for a box that does not exist") {
    const BoxSet set = boxes_by_port({{{1, 1}}, {{2, 3}}, {{4, 500}}});
    const auto vectors = build_bit_vectors(set, sample_points(set));
    REQUIRE(vectors.has_value());
    for (const BitVectors::Column& column : vectors->columns) {
        CHECK(std::all_of(std::begin(column.boxes.boxes), std::end(column.boxes.boxes), [](std::uint64_t left) { return left < 8; }));
    }
}

TEST_CASE("there are no more columns than the record holds, however many more would pay") {
    BoxSet set(IpFamily::v6, k_every_field, {});
    const std::size_t dimensions = set.layout().count();
    REQUIRE(dimensions > RUDDER_MAX_COLUMNS + RUDDER_COLUMN_GROUP);
    for (std::uint32_t i = 0; i < RUDDER_VECTOR_BOXES; ++i) {
        Rule one;
        one.match.vlan = k_vlan_any;
        add_boxes(set, one, i, {{0, 0xffff}});
        // Open but for the highest octet of one dimension: each column that is left out leaves three boxes.
        const std::size_t d = i % dimensions;
        const int shift = (set.layout().dimensions[d].bits - 1) / 8 * 8;
        const std::uint32_t first = static_cast<std::uint32_t>(1 + i / dimensions) << shift;
        set.spans[i * dimensions + d] = {first, first | ((1u << shift) - 1)};
    }
    const auto vectors = build_bit_vectors(set, sample_points(set));
    REQUIRE(vectors.has_value());
    CHECK(vectors->columns.size() == RUDDER_MAX_COLUMNS);
}

TEST_CASE("sets of 1 to 64 boxes are built in whole groups of columns, others not") {
    const auto built = [](std::size_t count) {
        const BoxSet set = boxes_by_port(std::vector<std::vector<PortRange>>(count, {{7, 7}}));
        REQUIRE(set.boxes.size() == count);
        return build_bit_vectors(set, sample_points(set));
    };
    for (std::size_t count = 0; count <= RUDDER_VECTOR_BOXES + 1; ++count) {
        INFO(count << " boxes");
        const auto vectors = built(count);
        REQUIRE(vectors.has_value() == (count >= 1 && count <= RUDDER_VECTOR_BOXES));
        if (vectors) {
            CHECK(!vectors->columns.empty());
            CHECK(vectors->columns.size() % RUDDER_COLUMN_GROUP == 0);
            CHECK(vectors->columns.size() <= RUDDER_MAX_COLUMNS);
        }
    }
}
