// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/engine.hpp"

#include "fake_network.hpp"

#include <catch2/catch.hpp>

namespace rudder::test {
namespace {

Policy drop_policy(const std::string& name, const std::string& interface) {
    Rule rule;
    rule.name = name;
    rule.priority = 1;
    rule.type = RuleType::drop;
    rule.match.interface.include = {interface};
    return {{rule}, name};
}

const HookSpec k_eth0{2, Direction::ingress};
const HookSpec k_eth1{3, Direction::ingress};

}  // namespace

TEST_CASE("running a policy publishes it and running it again does not") {
    Machine machine;
    Engine engine(machine.kernel, machine.network);
    const Engine::Outcome first = engine.run(drop_policy("a", "eth0"));
    REQUIRE(first.status);
    CHECK(first.has_published);
    CHECK(machine.kernel.state.hooks == std::set<HookSpec>{k_eth0});
    CHECK(engine.verify());
    const Engine::Outcome again = engine.run(drop_policy("a", "eth0"));
    CHECK(again.status);
    CHECK_FALSE(again.has_published);
    CHECK(machine.kernel.violations.empty());
}

TEST_CASE("an empty policy is published too, so that there is a generation to verify") {
    Machine machine;
    Engine engine(machine.kernel, machine.network);
    CHECK(engine.run({}).has_published);
    CHECK(engine.applied().generation == 1);
    CHECK(engine.verify());
}

TEST_CASE("a failure at any call before the publish keeps the old policy, and the retry brings the new one") {
    for (std::uint64_t call = 1; call < 20; ++call) {
        CAPTURE(call);
        Machine machine;
        Engine engine(machine.kernel, machine.network);
        REQUIRE(engine.run(drop_policy("old", "eth0")).status);
        const std::uint64_t generation = engine.applied().generation;
        machine.kernel.fail_at({call});
        const Engine::Outcome outcome = engine.run(drop_policy("new", "eth1"));
        machine.kernel.fail_at({});
        CHECK(outcome.status.is_ok() == !engine.has_pending());
        CHECK(engine.policy().rules.at(0).name == (outcome.status ? "new" : "old"));
        if (!outcome.status) CHECK(engine.applied().generation >= generation);
        CHECK(engine.reconcile().status);
        CHECK(engine.policy().rules.at(0).name == "new");
        CHECK(engine.verify());
        CHECK(machine.kernel.violations.empty());
    }
}

TEST_CASE("while a new policy cannot be applied the old one follows the network") {
    Machine machine;
    Engine engine(machine.kernel, machine.network);
    REQUIRE(engine.run(drop_policy("old", "eth*")).status);
    machine.kernel.devices.erase(3);  // attaching to it fails, but it is in the topology
    machine.network.now.links.erase(3);
    REQUIRE(engine.reconcile().status);
    Policy bad = drop_policy("new", "bad0");
    machine.network.now.links[9] = machine.network.now.links[2];
    machine.network.now.links[9].ifindex = 9;
    machine.network.now.links[9].name = "bad0";
    CHECK_FALSE(engine.run(bad).status);
    CHECK(engine.has_pending());
    machine.add_link(3, "eth1");
    CHECK_FALSE(engine.reconcile().status);
    CHECK(machine.kernel.state.hooks == std::set<HookSpec>{k_eth0, k_eth1});
    CHECK(engine.policy().rules.at(0).name == "old");
}

TEST_CASE("a rule waits for its device and leaves with it") {
    Machine machine;
    Engine engine(machine.kernel, machine.network);
    REQUIRE(engine.run(drop_policy("a", "eth7")).status);
    CHECK(machine.kernel.state.hooks.empty());
    machine.add_link(7, "eth7");
    REQUIRE(engine.reconcile().status);
    CHECK(machine.kernel.state.hooks == std::set<HookSpec>{{7, Direction::ingress}});
    machine.remove_link(7);
    REQUIRE(engine.reconcile().status);
    CHECK(machine.kernel.state.hooks.empty());
}

TEST_CASE("a program that vanished behind our back is put back") {
    Machine machine;
    Engine engine(machine.kernel, machine.network);
    REQUIRE(engine.run(drop_policy("a", "eth0")).status);
    machine.kernel.remove_device(2);  // and another device gets its number
    machine.kernel.devices.insert(2);
    const Result<std::vector<HookSpec>> lost = engine.forget_lost_hooks();
    REQUIRE(lost.is_ok());
    CHECK(*lost == std::vector<HookSpec>{k_eth0});
    REQUIRE(engine.reconcile().status);
    CHECK(machine.kernel.state.hooks == std::set<HookSpec>{k_eth0});
}

TEST_CASE("unanswered questions do not keep a policy from being applied, but ask for a retry") {
    Machine machine;
    Engine engine(machine.kernel, machine.network);
    machine.network.is_failing = true;
    const Engine::Outcome outcome = engine.run(drop_policy("a", "eth0"));
    CHECK(outcome.status);
    CHECK(outcome.warnings.size() == 1);
}

TEST_CASE("detaching everything leaves no hook of ours") {
    Machine machine;
    Engine engine(machine.kernel, machine.network);
    REQUIRE(engine.run(drop_policy("a", "eth*")).status);
    REQUIRE(machine.kernel.state.hooks.size() == 2);
    CHECK(engine.detach_all());
    CHECK(machine.kernel.state.hooks.empty());
}

}  // namespace rudder::test
