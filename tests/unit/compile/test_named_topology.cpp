// SPDX-License-Identifier: Apache-2.0
#include "core/compile/named_topology.hpp"

#include "builders.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace rudder;
using namespace rudder::test;

namespace {

std::set<std::string> names_for(std::vector<Rule> rules) {
    std::set<std::string> names;
    for (const auto& [ifindex, link] : named_topology(policy(std::move(rules))).links) names.insert(link.name);
    return names;
}

Rule selecting(std::vector<std::string> include, std::vector<std::string> exclude, bool any = false) {
    Rule result = rule("r", RuleType::drop, "any");
    result.match.interface = {any, std::move(include), std::move(exclude)};
    return result;
}

}  // namespace

TEST_CASE("every interface that a policy names is there") {
    CHECK(names_for({}).empty());
    CHECK(names_for({selecting({"lan", "wan"}, {}), steer("s", "lan", "wan0")}) ==
          std::set<std::string>{"lan", "wan", "wan0"});
    CHECK(names_for({selecting({"eth*", "eth?"}, {})}) == std::set<std::string>{"eth0"});
    CHECK(names_for({selecting({"eth*"}, {"eth0", "eth1"})}) == std::set<std::string>{"eth2"});
    CHECK(names_for({selecting({}, {"?"}, true)}) == std::set<std::string>{"net0"});
    CHECK(names_for({selecting({}, {"net0"}, true)}) == std::set<std::string>{"net1"});
}

TEST_CASE("no rule waits in a network that was made for it") {
    Policy rules = policy(
        {selecting({"eth*"}, {"eth0"}), selecting({}, {"lo"}, true), steer("s", "lan", "wan0"), steer("g", "lan", "")});
    rules.rules[2].targets[0].rewrite.is_src_of_interface = true;
    rules.rules[3].targets[0].group = "ways";
    Group group;
    group.name = "ways";
    group.members.resize(2);
    group.members[0].way.via = "wan1";
    group.members[1].way.via = "wan2";
    rules.groups = {group};
    const Topology topology = named_topology(rules);
    const auto image = compile(rules, topology, {});
    REQUIRE(image);
    for (const RuleState& state : image->rules) {
        INFO(state.reason);
        CHECK_FALSE(state.is_deferred);
    }
}
