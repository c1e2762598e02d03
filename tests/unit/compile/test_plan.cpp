// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "builders.hpp"
#include "core/compile/plan.hpp"
#include "random_policy.hpp"

using namespace rudder;
using namespace rudder::test;

namespace {

/// What apply makes of a plan that succeeds.
Applied after(const Plan& plan, const Image& image, const std::map<std::uint32_t, NextHopEntry>& next_hops) {
    return {plan.generation, image, image.hooks, next_hops};
}

struct Fixture {
    Topology topology = make_topology(3);
    Applied applied;

    Image image(const Policy& policy) const { return *compile(policy, topology, applied.image.slots); }
    Plan plan(const Policy& policy) const {
        const Image next = image(policy);
        return make_plan(applied, next, next_hop_entries(next.slots, topology));
    }
    void apply(const Policy& policy) {
        const Image next = image(policy);
        const auto entries = next_hop_entries(next.slots, topology);
        applied = after(make_plan(applied, next, entries), next, entries);
    }
};

Policy gateway_policy() {
    Rule s = steer("s", "eth0", "eth1");
    s.targets[0].next_hop = address("10.0.0.1");
    return policy({s});
}

}  // namespace

TEST_CASE("the first plan writes next hops, attaches and publishes generation 1") {
    Fixture f;
    const Plan plan = f.plan(gateway_policy());
    CHECK(plan.publishes);
    CHECK(plan.generation == 1);
    CHECK(plan.new_next_hops.size() == 1);
    CHECK(plan.attach == std::vector<HookSpec>{{2, Direction::ingress}});
    CHECK(plan.changed_next_hops.empty());
    CHECK(plan.detach.empty());
}

TEST_CASE("no change gives an empty plan") {
    Fixture f;
    f.apply(gateway_policy());
    CHECK(f.plan(gateway_policy()).is_empty());
}

TEST_CASE("even an empty policy is published once") {
    Fixture f;
    CHECK(f.plan({}).publishes);
    f.apply({});
    CHECK(f.plan({}).is_empty());
}

TEST_CASE("a neighbour that moves changes only its next-hop slot") {
    Fixture f;
    f.apply(gateway_policy());
    f.topology.next_hops[{5, address("10.0.0.1"), true}] = {true, address("10.0.0.1"), MacAddress{{2, 0, 0, 0, 0, 7}}};
    const Plan plan = f.plan(gateway_policy());
    CHECK_FALSE(plan.publishes);
    CHECK(plan.changed_next_hops.size() == 1);
    CHECK(plan.new_next_hops.empty());
    CHECK(plan.attach.empty());
}

TEST_CASE("a device that appears is hooked by a new generation, one that goes is detached") {
    Fixture f;
    const Policy all = policy({rule("all", RuleType::drop, "any")});
    f.apply(all);
    Link link = f.topology.links.at(2);
    link.ifindex = 40;
    link.name = "new0";
    f.topology.links[40] = link;
    const Plan appeared = f.plan(all);
    CHECK(appeared.publishes);
    CHECK(appeared.generation == 2);
    CHECK(appeared.attach == std::vector<HookSpec>{{40, Direction::ingress}});
    f.apply(all);
    f.topology.links.erase(40);
    const Plan gone = f.plan(all);
    CHECK(gone.publishes);
    CHECK(gone.detach == std::vector<HookSpec>{{40, Direction::ingress}});
}

TEST_CASE("what vanishes is released") {
    Fixture f;
    f.apply(gateway_policy());
    const std::uint32_t counter = f.applied.image.slots.counters.at({"s", -1});
    const std::uint32_t next_hop = f.applied.image.slots.next_hops.begin()->second;
    const Plan plan = f.plan({});
    CHECK(plan.released_counters.size() == 1);
    CHECK(std::count(plan.released_counters.begin(), plan.released_counters.end(), counter) == 1);
    CHECK(plan.released_next_hops == std::vector<std::uint32_t>{next_hop});
    CHECK(plan.detach.size() == 1);
}

TEST_CASE("a new next hop does not take the slot of one still in use") {
    Fixture f;
    f.apply(gateway_policy());
    Policy moved = gateway_policy();
    moved.rules[0].targets[0].next_hop = address("10.0.0.2");
    const Plan plan = f.plan(moved);
    REQUIRE(plan.new_next_hops.size() == 1);
    REQUIRE(plan.released_next_hops.size() == 1);
    CHECK(plan.new_next_hops[0].first != plan.released_next_hops[0]);
}
