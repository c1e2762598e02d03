// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "builders.hpp"
#include "core/compile/groups.hpp"
#include "random_policy.hpp"

using namespace rudder;
using namespace rudder::test;

namespace {

GroupMember member(const std::string& via, const std::string& next_hop = {}) {
    GroupMember result;
    result.way.via = via;
    if (!next_hop.empty()) {
        result.way.next_hop = address(next_hop);
    }
    return result;
}

Group group(const std::string& name, std::vector<GroupMember> members) {
    Group result;
    result.name = name;
    result.hash = RUDDER_HASH_5_TUPLE;
    result.members = std::move(members);
    return result;
}

Rule steer_to_group(const std::string& name, const std::string& group) {
    Rule result = rule(name, RuleType::steer, "eth0");
    result.targets.emplace_back();
    result.targets.back().group = group;
    return result;
}

Policy with_groups(std::vector<Rule> rules, std::vector<Group> groups) {
    Policy result = policy(std::move(rules));
    result.groups = std::move(groups);
    return result;
}

Policy two_ways() { return with_groups({steer_to_group("r", "g")}, {group("g", {member("eth1", "10.0.0.1"), member("eth2")})}); }

/// make_topology: eth0 is 2, eth1 is 5, eth2 is 8, ...
std::uint32_t index_of(const Topology& topology, const std::string& name) { return find_link(topology, name)->ifindex; }

GroupEntry only_entry(const Image& image, const Topology& topology, const DeadMembers& dead = {}) {
    const auto entries = group_entries(image, topology, dead);
    REQUIRE(entries.size() == 1);
    return entries.begin()->second;
}

}  // namespace

TEST_CASE("a rule's target leads to the group's slot, the members' own targets come behind") {
    const Topology topology = make_topology(3);
    const Image image = *compile(two_ways(), topology, {});
    const rudder_target record = target_of(image, 0);
    CHECK(rule_of(image, 0).target_count == 1);
    CHECK(record.flags == RUDDER_TARGET_GROUP);
    CHECK(record.hash_fields == RUDDER_HASH_5_TUPLE);
    CHECK(record.next_hop == image.slots.groups.begin()->second);
    CHECK((rule_of(image, 0).flags & RUDDER_RULE_FORWARDS) == 0);
    CHECK(record.first_member == rule_of(image, 0).first_target + 1);
    CHECK(header_of(image).target_count == 3);
    for (std::size_t i = 0; i < 2; ++i) {
        const rudder_target way = target_of(image, 0, 1 + i);
        const std::uint64_t identity = member_identity(two_ways().groups[0].members[i]);
        CHECK(way.counter_slot == image.slots.counters.at({"r", 0, identity}));
        CHECK((way.flags & (RUDDER_TARGET_GROUP | RUDDER_TARGET_DEFERRED)) == 0);
    }
}

TEST_CASE("targets of a replicate rule stay consecutive, whatever groups are among them") {
    Rule copies = rule("c", RuleType::replicate, "eth0");
    for (const char* name : {"g", "", "h"}) {
        copies.targets.emplace_back();
        copies.targets.back().group = name;
        copies.targets.back().via = *name == 0 ? "eth1" : "";
    }
    const Policy rules = with_groups({copies}, {group("g", {member("eth1"), member("eth2")}), group("h", {member("eth2")})});
    const Image image = *compile(rules, make_topology(3), {});
    const std::uint32_t first = rule_of(image, 0).first_target;
    CHECK(target_of(image, 0, 0).first_member == first + 3);
    CHECK((target_of(image, 0, 1).flags & RUDDER_TARGET_GROUP) == 0);
    CHECK(target_of(image, 0, 2).first_member == first + 5);
    CHECK(header_of(image).target_count == 6);
    CHECK(target_of(image, 0, 2).counter_slot == image.slots.counters.at({"c", 2}));
}

TEST_CASE("a group keeps its slot while its members stay, and gets another with other members") {
    const Topology topology = make_topology(3);
    const Slots first = compile(two_ways(), topology, {})->slots;
    Policy more_rules = two_ways();
    more_rules.rules.insert(more_rules.rules.begin(), steer_to_group("first", "g"));
    CHECK((compile(more_rules, topology, first)->slots.groups == first.groups));
    Policy heavier = two_ways();
    heavier.groups[0].members[0].weight = 5;
    const Slots second = compile(heavier, topology, first)->slots;
    REQUIRE(second.groups.size() == 1);
    CHECK(second.groups.begin()->second != first.groups.begin()->second);
}

TEST_CASE("a member's counter follows the member, not its place") {
    const Topology topology = make_topology(3);
    const Slots first = compile(two_ways(), topology, {})->slots;
    Policy swapped = two_ways();
    std::swap(swapped.groups[0].members[0], swapped.groups[0].members[1]);
    CHECK((compile(swapped, topology, first)->slots.counters == first.counters));
}

TEST_CASE("a member is alive while its link is up and its neighbour has not failed; not known yet is alive") {
    Topology topology = make_topology(3);
    const Image image = *compile(two_ways(), topology, {});
    CHECK(only_entry(image, topology).alive == 0b11);
    const NextHopQuery gateway{index_of(topology, "eth1"), address("10.0.0.1"), true};
    topology.next_hops[gateway] = {true, address("10.0.0.1"), {}};
    CHECK(only_entry(image, topology).alive == 0b11);
    topology.next_hops[gateway].has_failed = true;
    CHECK(only_entry(image, topology).alive == 0b10);
    topology.next_hops[gateway] = {true, address("10.0.0.1"), MacAddress{{2, 0, 0, 0, 0, 1}}};
    CHECK(only_entry(image, topology).alive == 0b11);
    topology.links[index_of(topology, "eth2")].is_up = false;
    CHECK(only_entry(image, topology).alive == 0b01);
    topology.links.erase(index_of(topology, "eth2"));
    CHECK(only_entry(image, topology).alive == 0b01);
}

TEST_CASE("a destination without a route is dead") {
    Topology topology = make_topology(3);
    Policy rules = two_ways();
    rules.groups[0].members[0].way.next_hop.reset();
    rules.groups[0].members[0].way.rewrite.dst_ip = address("10.7.0.1");
    const Image image = *compile(rules, topology, {});
    const NextHopQuery route{index_of(topology, "eth1"), address("10.7.0.1"), false};
    topology.next_hops[route] = {};
    CHECK(only_entry(image, topology).alive == 0b10);
    topology.next_hops[route].is_reachable = true;
    CHECK(only_entry(image, topology).alive == 0b11);
}

TEST_CASE("who is dead by other means gets nothing, under the name of that group only") {
    const Topology topology = make_topology(3);
    const Policy rules = two_ways();
    const Image image = *compile(rules, topology, {});
    const std::uint64_t identity = member_identity(rules.groups[0].members[1]);
    CHECK(only_entry(image, topology, {{"g", identity}}).alive == 0b01);
    CHECK(only_entry(image, topology, {{"other", identity}}).alive == 0b11);
}

TEST_CASE("a member whose device does not exist waits, the rule runs with the others") {
    Topology topology = make_topology(3);
    const Topology without = [&] { Topology t = topology; t.links.erase(index_of(topology, "eth2")); return t; }();
    const Image image = *compile(two_ways(), without, {});
    CHECK_FALSE(image.rules[0].is_deferred);
    CHECK(image.rules[0].reason == "no interface eth2");
    CHECK((target_of(image, 0, 2).flags & RUDDER_TARGET_DEFERRED) != 0);
    // The link is there again, but the running image does not know it yet.
    CHECK(only_entry(image, topology).alive == 0b01);
}

TEST_CASE("a rule waits when no member's device exists") {
    const Policy rules = with_groups({steer_to_group("r", "g")}, {group("g", {member("eth8"), member("eth9")})});
    const Image image = *compile(rules, make_topology(3), {});
    CHECK(image.rules[0].is_deferred);
    CHECK(image.rules[0].reason == "no interface eth8");
    CHECK(image.hooks.empty());
}

TEST_CASE("a routing table needs no device, and is as good as its routes") {
    Rule by_table = rule("t", RuleType::steer, "eth0");
    by_table.targets.emplace_back();
    by_table.targets[0].table = 100;
    GroupMember backup;
    backup.way.table = 200;
    const Policy rules = with_groups({by_table, steer_to_group("r", "g")}, {group("g", {member("eth9"), backup})});
    const Topology topology = make_topology(1);
    const Image image = *compile(rules, topology, {});
    CHECK(image.needs_tables);
    CHECK_FALSE(image.rules[0].is_deferred);
    CHECK_FALSE(image.rules[1].is_deferred);
    CHECK(target_of(image, 0).flags == RUDDER_TARGET_TABLE);
    CHECK(target_of(image, 0).next_hop == 100);
    CHECK(only_entry(image, topology).alive == 0b10);
    CHECK_FALSE(compile(two_ways(), topology, {})->needs_tables);
}

TEST_CASE("the neighbours of members are asked for, with what the rule rewrites") {
    const Topology topology = make_topology(3);
    Policy rules = two_ways();
    rules.rules[0].targets[0].rewrite.dst_ip = address("10.7.0.1");
    const auto queries = next_hop_queries(rules, topology);
    const std::vector<NextHopQuery> wanted = {{index_of(topology, "eth1"), address("10.0.0.1"), true},
                                              {index_of(topology, "eth2"), address("10.7.0.1"), false}};
    CHECK((queries == wanted));
}

TEST_CASE("more groups than there are slots are refused in words") {
    std::vector<Rule> rules;
    std::vector<Group> groups;
    for (std::uint32_t i = 0; i <= RUDDER_GROUP_SLOTS; ++i) {
        const std::string name = "g" + std::to_string(10000 + i);
        groups.push_back(group(name, {member("eth1")}));
        rules.push_back(steer_to_group("r" + name, name));
        rules.back().match.dst_ports = {{static_cast<std::uint16_t>(i), static_cast<std::uint16_t>(i)}};
    }
    const auto image = compile(with_groups(rules, groups), make_topology(3), {});
    REQUIRE_FALSE(image);
    CHECK(image.error().message == "more than 1024 groups in this and the running policy");
    rules.pop_back();
    CHECK(compile(with_groups(rules, groups), make_topology(3), {}));
}
