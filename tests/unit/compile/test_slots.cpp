// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "builders.hpp"
#include "core/compile/image.hpp"
#include "random_policy.hpp"

#include "rudder_abi.h"

#include <algorithm>
#include <cstring>

using namespace rudder;
using namespace rudder::test;

namespace {

/// A policy of drop and steer rules with these names.
Policy named(const std::vector<std::string>& names) {
    std::vector<Rule> rules;
    for (const std::string& name : names) {
        rules.push_back(name.front() == 's' ? steer(name, "eth0", "eth1") : rule(name, RuleType::drop, "eth0"));
    }
    return policy(rules);
}

std::set<std::uint32_t> numbers(const Slots& slots) {
    std::set<std::uint32_t> result;
    for (const auto& entry : slots.counters) {
        result.insert(entry.second);
    }
    return result;
}

}  // namespace

TEST_CASE("a name keeps its counter slot whatever happens around it") {
    const Topology topology = make_topology(2);
    const Slots first = compile(named({"a", "s1", "b"}), topology, {})->slots;
    const Slots second = compile(named({"b", "new", "s1"}), topology, first)->slots;
    CHECK(second.counters.at({"b", -1}) == first.counters.at({"b", -1}));
    CHECK(second.counters.at({"s1", -1}) == first.counters.at({"s1", -1}));
    CHECK_FALSE(second.counters.contains({"s1", 0}));  // the rule's counter says it all
    CHECK_FALSE(second.counters.contains({"a", -1}));
}

TEST_CASE("a released slot is not handed out while the generation that used it may still count") {
    const Topology topology = make_topology(2);
    const Slots first = compile(named({"a"}), topology, {})->slots;
    const Slots second = compile(named({"b"}), topology, first)->slots;
    CHECK(second.counters.at({"b", -1}) != first.counters.at({"a", -1}));
    const Slots third = compile(named({"b", "c"}), topology, second)->slots;
    CHECK(third.counters.at({"c", -1}) == first.counters.at({"a", -1}));
}

TEST_CASE("a slot that could not be zeroed is not handed out") {
    const Topology topology = make_topology(2);
    Slots previous;
    previous.uncleared_counters = {0, 1};
    const Slots slots = compile(named({"a"}), topology, previous)->slots;
    CHECK(slots.counters.at({"a", -1}) == 2);
    CHECK(slots.uncleared_counters == previous.uncleared_counters);
}

TEST_CASE("over a chain of random policies names keep unique slots") {
    const Topology topology = make_topology(2);
    Random random(11);
    Slots slots;
    for (int step = 0; step < 50; ++step) {
        std::vector<std::string> names;
        for (int i = 0; i < 30; ++i) {
            if (chance(random, 50)) {
                names.push_back((i % 2 == 0 ? "s" : "d") + std::to_string(i));
            }
        }
        if (names.empty()) {
            continue;
        }
        const auto image = compile(named(names), topology, slots);
        REQUIRE(image.is_ok());
        CHECK(numbers(image->slots).size() == image->slots.counters.size());
        for (const auto& [key, slot] : image->slots.counters) {
            const auto before = slots.counters.find(key);
            if (before != slots.counters.end()) {
                CHECK(before->second == slot);
            } else {
                CHECK_FALSE(numbers(slots).contains(slot));
            }
        }
        slots = image->slots;
        CHECK(*numbers(slots).rbegin() < 200);  // reused, not ever growing
    }
}

TEST_CASE("steer rules with the same way out share next hop and target, not the counter") {
    const auto image = compile(named({"s1", "s2", "s3"}), make_topology(2), {});
    REQUIRE(image);
    CHECK(image->slots.next_hops.size() == 1);
    CHECK(image->slots.counters.size() == 3);
    rudder_blob_header header{};
    std::memcpy(&header, image->blob.data(), sizeof(header));
    CHECK(header.target_count == 1);
}
