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

const IpAddress k_gateway = parse_ip_address("10.0.0.1").value();

Policy steer_policy(const std::string& interface, const std::string& via) {
    Policy policy = drop_policy("steer", interface);
    Rule& rule = policy.rules.at(0);
    rule.type = RuleType::steer;
    rule.match.family_v6 = false;
    Target target;
    target.via = via;
    target.next_hop = k_gateway;
    rule.targets = {target};
    return policy;
}

MacAddress mac_ending(std::uint8_t last) { return {{2, 0, 0, 1, 0, last}}; }

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

TEST_CASE("neighbours are followed while a hook cannot be attached") {
    Machine machine;
    Engine engine(machine.kernel, machine.network);
    REQUIRE(engine.run(steer_policy("eth0", "eth1")).status);
    machine.add_link(4, "eth0b");
    machine.network.now.links[4].altnames = {"eth0"};  // a second device to attach to
    machine.kernel.devices.erase(4);                   // which refuses
    machine.network.answer(k_gateway, 0x11);
    CHECK_FALSE(engine.run(drop_policy("b", "eth0b")).status);
    CHECK(machine.kernel.state.next_hops.begin()->second.dst_mac == mac_ending(0x11));
    machine.network.answer(k_gateway, 0x22);
    CHECK_FALSE(engine.reconcile().status);
    CHECK(machine.kernel.state.next_hops.begin()->second.dst_mac == mac_ending(0x22));
    CHECK(machine.kernel.violations.empty());
}

TEST_CASE("a next hop that could not be written is written by the next reconcile") {
    Machine machine;
    Engine engine(machine.kernel, machine.network);
    REQUIRE(engine.run(steer_policy("eth0", "eth1")).status);
    machine.network.answer(k_gateway, 0x11);
    machine.kernel.fail_at({1, 2});
    const Engine::Outcome failed = engine.reconcile();
    CHECK(failed.status);
    CHECK_FALSE(failed.warnings.empty());
    machine.kernel.fail_at({});
    CHECK(engine.reconcile().warnings.empty());
    CHECK(machine.kernel.state.next_hops.begin()->second.dst_mac == mac_ending(0x11));
}

TEST_CASE("a change of neighbours alone neither stages nor attaches") {
    Machine machine;
    Engine engine(machine.kernel, machine.network);
    REQUIRE(engine.run(steer_policy("eth0", "eth1")).status);
    REQUIRE(engine.reconcile().status);  // gives up the questions of the policy before
    machine.network.answer(k_gateway, 0x11);
    machine.kernel.log.clear();
    machine.network.watches = 0;
    CHECK(engine.reconcile().status);
    CHECK(machine.kernel.log == std::vector<std::string>{"next-hop", "free"});
    CHECK(machine.network.watches == 0);
}

TEST_CASE("what could not be freed or zeroed is tried again although nothing changes") {
    for (std::uint64_t call = 1; call < 12; ++call) {
        CAPTURE(call);
        Machine machine;
        Engine engine(machine.kernel, machine.network);
        REQUIRE(engine.run(steer_policy("eth0", "eth1")).status);
        machine.kernel.fail_at({call});
        const Engine::Outcome outcome = engine.run(drop_policy("b", "eth0"));
        machine.kernel.fail_at({call});
        const bool is_left_over = !outcome.status || !outcome.warnings.empty();
        if (is_left_over && outcome.status) CHECK((!engine.reconcile().warnings.empty() || call > 2));
        machine.kernel.fail_at({});
        CHECK(engine.reconcile().warnings.empty());
        CHECK(machine.kernel.state.previous.empty());
        CHECK(machine.kernel.state.next_hops.empty());
        CHECK(engine.applied().image.slots.uncleared_counters.empty());
        CHECK(machine.kernel.violations.empty());
    }
}

TEST_CASE("another sha256 is another generation although the image is the same") {
    Machine machine;
    Engine engine(machine.kernel, machine.network);
    REQUIRE(engine.run(drop_policy("a", "eth0")).status);
    Policy moved = drop_policy("a", "eth0");
    moved.rules[0].priority = 2;
    moved.sha256 = "other";
    const Engine::Outcome outcome = engine.run(moved);
    CHECK(outcome.has_published);
    REQUIRE(outcome.replaced);
    CHECK(outcome.replaced->sha256 == "a");
    CHECK(engine.applied().generation == 2);
    CHECK(engine.verify());
    CHECK_FALSE(engine.run(moved).has_published);
}

TEST_CASE("who shares policy and image keeps them as they were, and others share them until something is applied") {
    Machine machine;
    Engine engine(machine.kernel, machine.network);
    CHECK(engine.shared_image()->rules.empty());
    REQUIRE(engine.run(drop_policy("old", "eth0")).status);
    const auto policy = engine.shared_policy();
    const auto image = engine.shared_image();
    CHECK(image->blob == engine.applied().image.blob);
    CHECK(engine.shared_image() == image);
    REQUIRE(engine.reconcile().status);
    CHECK(engine.shared_image() == image);
    REQUIRE(engine.run(drop_policy("new", "eth0")).status);
    CHECK(policy->rules.at(0).name == "old");
    CHECK(image->slots.counters.contains({"old", -1}));
    CHECK(engine.shared_policy()->rules.at(0).name == "new");
    CHECK(engine.shared_image()->slots.counters.contains({"new", -1}));
}

TEST_CASE("why a rule waits is told anew although the image stays the same") {
    Machine machine;
    Engine engine(machine.kernel, machine.network);
    Policy policy = steer_policy("eth7", "eth8");
    REQUIRE(engine.run(policy).status);
    const std::string before = engine.applied().image.rules.at(0).reason;
    machine.add_link(7, "eth7");
    REQUIRE(engine.reconcile().status);
    CHECK(engine.applied().image.rules.at(0).reason != before);
}

TEST_CASE("the sha256 of the running policy takes a pending one back") {
    Machine machine;
    Engine engine(machine.kernel, machine.network);
    REQUIRE(engine.run(drop_policy("old", "eth0")).status);
    machine.network.now.links[9] = machine.network.now.links[2];
    machine.network.now.links[9].ifindex = 9;
    machine.network.now.links[9].name = "bad0";
    REQUIRE_FALSE(engine.run(drop_policy("new", "bad0")).status);
    CHECK(engine.run(drop_policy("old", "eth0")).status);
    CHECK_FALSE(engine.has_pending());
    CHECK(engine.applied().generation == 1);
}

TEST_CASE("detaching everything leaves no hook of ours") {
    Machine machine;
    Engine engine(machine.kernel, machine.network);
    REQUIRE(engine.run(drop_policy("a", "eth*")).status);
    REQUIRE(machine.kernel.state.hooks.size() == 2);
    CHECK(engine.detach_all());
    CHECK(machine.kernel.state.hooks.empty());
}

namespace {

Policy group_policy() {
    Policy policy = steer_policy("eth0", "");
    policy.rules[0].targets[0] = Target{};
    policy.rules[0].targets[0].group = "g";
    Group group;
    group.name = "g";
    group.members.resize(2);
    group.members[0].way.via = "eth1";
    group.members[0].way.next_hop = k_gateway;
    group.members[1].way.via = "eth0";
    group.members[1].way.next_hop = k_gateway;
    policy.groups = {group};
    return policy;
}

}  // namespace

TEST_CASE("a link that goes down takes its next hops and members out at once, without a generation") {
    Machine machine;
    Engine engine(machine.kernel, machine.network);
    REQUIRE(engine.run(group_policy()).status);
    REQUIRE(machine.kernel.state.groups.size() == 1);
    CHECK(machine.kernel.state.groups.at(0).alive == 0b11);
    const std::uint64_t generation = engine.applied().generation;
    machine.network.now.links.at(3).is_up = false;
    machine.kernel.log.clear();
    CHECK(engine.follow_devices({3}).empty());
    CHECK(machine.kernel.log == std::vector<std::string>{"group", "next-hop"});
    CHECK(machine.kernel.state.groups.at(0).alive == 0b10);
    CHECK(engine.applied().generation == generation);
    machine.network.now.links.at(3).is_up = true;
    REQUIRE(engine.reconcile().status);
    CHECK(machine.kernel.state.groups.at(0).alive == 0b11);
    CHECK(machine.kernel.violations.empty());
}

TEST_CASE("a member found dead loses its places at once and gets them back, across reloads too") {
    Machine machine;
    Engine engine(machine.kernel, machine.network);
    REQUIRE(engine.run(group_policy()).status);
    const DeadMembers dead{{"g", member_identity(group_policy().groups[0].members[1])}};
    CHECK(engine.set_dead_members(dead).empty());
    CHECK(machine.kernel.state.groups.at(0).alive == 0b01);
    Policy other = group_policy();
    other.sha256 = "other";
    other.groups[0].members[0].weight = 7;
    REQUIRE(engine.run(other).status);
    const std::uint32_t slot = engine.applied().image.slots.groups.begin()->second;
    CHECK(slot != 0);
    CHECK(machine.kernel.state.groups.at(slot).alive == 0b01);
    CHECK(engine.set_dead_members({}).empty());
    CHECK(machine.kernel.state.groups.at(slot).alive == 0b11);
    CHECK(machine.kernel.violations.empty());
}

TEST_CASE("a table that could not be written is written by the next reconcile") {
    Machine machine;
    Engine engine(machine.kernel, machine.network);
    REQUIRE(engine.run(group_policy()).status);
    machine.network.now.links.at(3).is_up = false;
    machine.kernel.fail_at({1, 2});
    CHECK(engine.follow_devices({3}).size() == 2);
    machine.kernel.fail_at({});
    REQUIRE(engine.reconcile().status);
    CHECK(machine.kernel.state.groups.at(0).alive == 0b10);
}

TEST_CASE("a policy that asks for what the kernel has not is rejected before anything is touched") {
    Machine machine;
    machine.kernel.has_tables = false;
    Engine engine(machine.kernel, machine.network);
    REQUIRE(engine.run(drop_policy("old", "eth0")).status);
    const FakeState before = machine.kernel.state;
    Policy policy = steer_policy("eth0", "");
    policy.rules[0].targets[0] = Target{};
    policy.rules[0].targets[0].table = 100;
    const Engine::Outcome outcome = engine.run(policy);
    CHECK_FALSE(outcome.status);
    CHECK(outcome.is_rejected);
    CHECK_FALSE(engine.has_pending());
    CHECK(is_same(machine.kernel.state, before));
}

}  // namespace rudder::test
