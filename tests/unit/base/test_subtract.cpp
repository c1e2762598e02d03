// SPDX-License-Identifier: Apache-2.0
#include "core/base/exclusion.hpp"
#include "core/base/subtract.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

using namespace rudder;

namespace {

bool holds(const std::vector<ValueRange>& ranges, std::uint32_t value) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [value](const ValueRange& range) { return range.first <= value && value <= range.last; });
}

/// Disjoint ranges between 0 and 63.
std::vector<ValueRange> random_ranges(std::mt19937& random) {
    const auto below = [&random](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
    std::vector<ValueRange> ranges;
    for (std::uint32_t next = below(16); next < 64; next += 2 + below(16)) {
        const std::uint32_t last = std::min(63u, next + below(8));
        ranges.push_back({next, last});
        next = last;
    }
    return ranges;
}

}  // namespace

TEST_CASE("what is left of ranges are the values that are not taken") {
    std::mt19937 random(1);
    for (int i = 0; i < 2000; ++i) {
        const auto ranges = random_ranges(random);
        const auto taken = random_ranges(random);
        const auto rest = without(ranges, taken);
        for (std::uint32_t value = 0; value < 66; ++value)
            CHECK(holds(rest, value) == (holds(ranges, value) && !holds(taken, value)));
        for (std::size_t n = 1; n < rest.size(); ++n) CHECK(rest[n - 1].last < rest[n].first);
    }
    CHECK(without({{0, 0xffffffff}}, {{5, 0xffffffff}}) == std::vector<ValueRange>{{0, 4}});
    CHECK(without({{7, 0xffffffff}}, {{0, 0xffffffff}}).empty());
}

namespace {

std::vector<Variant> without_ports(Match match, const std::vector<PortRange>& ports) {
    Exclusion excluded;
    excluded.dst_ports = ports;
    match.excluded = excluded;
    std::vector<Variant> variants = variants_of(match);
    for (Variant& variant : variants) variant.stated = nullptr;
    return variants;
}

}  // namespace

TEST_CASE("packets without ports pass for port 0 where a port is excluded") {
    const auto variants = without_ports({}, {{80, 80}});
    REQUIRE(variants.size() == 1);
    CHECK(variants[0].match().dst_ports == std::vector<PortRange>{{0, 79}, {81, 65535}});
    CHECK(variants[0].leftover.ports == Presence::optional);
}

TEST_CASE("packets without ports are a way to match of their own where port 0 is excluded") {
    const auto variants = without_ports({}, {{0, 80}});
    REQUIRE(variants.size() == 2);
    CHECK(variants[0].match().dst_ports == std::vector<PortRange>{{81, 65535}});
    CHECK(variants[0].leftover.ports == Presence::as_stated);
    CHECK(variants[1].match().dst_ports.empty());
    CHECK(variants[1].leftover.ports == Presence::absent);
    CHECK(without_ports({}, {{0, 65535}}).size() == 1);
}

TEST_CASE("packets without ports do not match where a port is asked for") {
    Match match;
    match.src_ports = {{53, 53}};
    REQUIRE(without_ports(match, {{80, 80}}).size() == 1);
    CHECK(without_ports(match, {{80, 80}})[0].leftover.ports == Presence::as_stated);
    match.dst_ports = {{80, 80}};
    CHECK(without_ports(match, {{80, 80}}).empty());
}

TEST_CASE("excluded marks are ranges where their masks allow it and no mark is asked for") {
    Match match;
    Exclusion excluded;
    excluded.rare.fwmarks = {{0x10, 0xfffffff0}, {0x12345678, 0xffffffff}};
    match.excluded = excluded;
    CHECK(variants_of(match)[0].leftover.marks ==
          std::vector<ValueRange>{{0, 0xf}, {0x20, 0x12345677}, {0x12345679, 0xffffffff}});
    excluded.rare.fwmarks.push_back({0x1, 0xff});
    match.excluded = excluded;
    CHECK(variants_of(match)[0].leftover.marks.empty());
    excluded.rare.fwmarks = {{0, 0}};
    match.excluded = excluded;
    CHECK(variants_of(match).empty());
}

TEST_CASE("without an exclusion a match is its only way") {
    Match match;
    match.dst_ports = {{80, 80}};
    REQUIRE(variants_of(match).size() == 1);
    CHECK(&variants_of(match).front().match() == &match);
}
