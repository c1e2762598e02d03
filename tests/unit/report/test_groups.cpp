// SPDX-License-Identifier: Apache-2.0
#include "core/compile/groups.hpp"
#include "core/compile/next_hops.hpp"
#include "core/report/report.hpp"
#include "rudder_abi.h"
#include "snapshot_fixture.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <functional>

using namespace rudder;
using Json = nlohmann::json;

namespace {

GroupMember member(const char* via, std::uint32_t weight, std::uint32_t tier) {
    GroupMember result;
    result.way.via = via;
    result.weight = weight;
    result.tier = tier;
    return result;
}

Policy policy_by_group(const std::string& interface = "eth0") {
    Rule rule;
    rule.name = "spread";
    rule.type = RuleType::steer;
    rule.match.interface = {false, {interface}, {}};
    rule.targets.emplace_back();
    rule.targets.back().group = "ways";
    rule.targets.back().rewrite.dst_port = 53;
    Group group;
    group.name = "ways";
    group.hash = RUDDER_HASH_5_TUPLE;
    group.members = {member("eth1", 3, 1), member("eth2", 1, 1), member("eth1", 1, 2)};
    group.members[0].way.next_hop = parse_ip_address("192.0.2.1");
    group.members[1].way.rewrite.dst_ip = parse_ip_address("10.10.2.1");
    Policy policy;
    policy.rules = {rule};
    policy.groups = {group};
    return policy;
}

/// lo(1), eth0(2), eth1(3), eth2(4); the second member leaves by eth2.
Snapshot snapshot_of(Policy policy, const DeadMembers& dead = {}) {
    Snapshot snapshot = make_snapshot();
    Link eth2 = snapshot.topology.links.at(3);
    eth2.ifindex = 4;
    eth2.name = "eth2";
    snapshot.topology.links.emplace(4, eth2);
    snapshot.policy = std::make_shared<const Policy>(std::move(policy));
    snapshot.image = std::make_shared<const Image>(*compile(*snapshot.policy, snapshot.topology, {}));
    snapshot.groups = group_entries(*snapshot.image, snapshot.topology, dead);
    snapshot.counters.assign(snapshot.image->slots.counters.size(), {});
    snapshot.failures.clear();
    return snapshot;
}

Json target_in(const Snapshot& snapshot) { return read(report_rules, snapshot)["rules"][0]["targets"][0]; }

/// The network has changed since the image was made; tables and next hops follow it.
Json target_after(const std::function<void(Topology&)>& change) {
    Snapshot snapshot = snapshot_of(policy_by_group());
    change(snapshot.topology);
    snapshot.groups = group_entries(*snapshot.image, snapshot.topology, {});
    return target_in(snapshot);
}

std::uint32_t slot_of_member(const Snapshot& snapshot, std::size_t index) {
    return snapshot.image->slots.counters.at({"spread", 0, member_identity(snapshot.policy->groups[0].members[index])});
}

}  // namespace

TEST_CASE("a group is reported with its members as they are written, and what the rule rewrites") {
    const Json target = target_in(snapshot_of(policy_by_group()));
    CHECK(target["group"] == "ways");
    CHECK(target["rewrite"] == Json::parse(R"({"dst_port":53})"));
    REQUIRE(target["members"].size() == 3);
    CHECK(target["members"][0]["via"] == "eth1");
    CHECK(target["members"][0]["next_hop"] == "192.0.2.1");
    CHECK(target["members"][0]["weight"] == 3);
    CHECK(target["members"][0]["dst_port"].is_null());
    CHECK(target["members"][1]["dst_ip"] == "10.10.2.1");
    CHECK(target["members"][2]["tier"] == 2);
}

TEST_CASE("a routing table is reported by its number and is always up") {
    Policy policy = policy_by_group();
    Rule by_route = policy.rules[0];
    by_route.name = "by-route";
    by_route.targets[0].group.clear();
    by_route.targets[0].table = 100;
    policy.rules.push_back(by_route);
    GroupMember member;
    member.way.table = 200;
    policy.groups[0].members.push_back(member);
    const Snapshot snapshot = snapshot_of(policy);
    const Json found = target_in(snapshot)["members"][3];
    CHECK(found["via"].is_null());
    CHECK(found["table"] == 200);
    CHECK(found["state"] == "up");
    const Json target = read(report_rules, snapshot)["rules"][1]["targets"][0];
    CHECK(target["table"] == 100);
    CHECK(target["state"] == "by-packet");
    CHECK(target["reason"] == "");
    CHECK(target["next_hop_kind"] == "table");
    CHECK(read(report_maps, snapshot)["image"]["rules"][1]["targets"][0]["table"] == 100);
    CHECK(read(report_stats, snapshot)["rules"][1]["targets"][0]["table"] == 100);
}

TEST_CASE("the share of a member is that of the table's places") {
    const Json target = target_in(snapshot_of(policy_by_group()));
    CHECK(target["state"] == "up");
    CHECK(target["members"][0]["share"].get<double>() == Approx(0.75).margin(0.01));
    CHECK(target["members"][1]["share"].get<double>() == Approx(0.25).margin(0.01));
    CHECK(target["members"][2]["share"] == 0.0);
    for (const Json& member : target["members"]) {
        CHECK(member["state"] == "up");
        CHECK(member["reason"] == "");
    }
}

TEST_CASE("a member that is down says why, and its share is the others'") {
    const Json target = target_after([](Topology& topology) { topology.links.at(4).is_up = false; });
    CHECK(target["members"][1]["state"] == "down");
    CHECK(target["members"][1]["reason"] == "link-down");
    CHECK(target["members"][1]["share"] == 0.0);
    CHECK(target["members"][0]["share"] == 1.0);
    CHECK(target_after([](Topology& topology) { topology.links.erase(4); })["members"][1]["reason"] == "no-device");
    const auto with_answer = [](const NextHopQuery& query, const NextHopAnswer& answer) {
        return target_after([&](Topology& topology) { topology.next_hops[query] = answer; })["members"];
    };
    NextHopAnswer failed{true, parse_ip_address("192.0.2.1"), {}};
    failed.has_failed = true;
    CHECK(with_answer({3, parse_ip_address("192.0.2.1").value(), true}, failed)[0]["reason"] == "neighbour-failed");
    CHECK(with_answer({4, parse_ip_address("10.10.2.1").value(), false}, {})[1]["reason"] == "no-route");
}

TEST_CASE("the second tier gets everything when the first is gone, and a group without a member says so") {
    const Json second = target_after([](Topology& topology) {
        NextHopAnswer failed{true, parse_ip_address("192.0.2.1"), {}};
        failed.has_failed = true;
        topology.next_hops[{3, parse_ip_address("192.0.2.1").value(), true}] = failed;
        topology.links.at(4).is_up = false;
    });
    CHECK(second["members"][2]["share"] == 1.0);
    const Json none = target_after([](Topology& topology) { topology.links.at(3).is_up = topology.links.at(4).is_up = false; });
    CHECK(none["state"] == "no-member");
    CHECK(none["reason"] == "no member is up");
}

TEST_CASE("a member that only its probe calls dead says that") {
    const Policy policy = policy_by_group();
    const Json target = target_in(snapshot_of(policy, {{"ways", member_identity(policy.groups[0].members[0])}}));
    CHECK(target["members"][0]["state"] == "down");
    CHECK(target["members"][0]["reason"] == "probe");
}

TEST_CASE("the decoded image says which group a target leads to and where its members are") {
    const Json rules = read(report_maps, snapshot_of(policy_by_group()))["image"]["rules"];
    const Json target = rules[0]["targets"][0];
    CHECK(target["group"] == 0);
    CHECK(target["first_member"] == rules[0]["first_target"].get<int>() + 1);
    CHECK_FALSE(target.contains("next_hop"));
}

TEST_CASE("members of a group without a table are reported by their links") {
    Snapshot snapshot = snapshot_of(policy_by_group());
    snapshot.groups.clear();
    snapshot.topology.links.at(4).is_up = false;
    const Json target = target_in(snapshot);
    CHECK(target["members"][0]["state"] == "up");
    CHECK(target["members"][0]["share"] == 0.0);
    CHECK(target["members"][1]["reason"] == "link-down");
}

TEST_CASE("a copy's target counts what its members sent, and its own failures") {
    Policy policy = policy_by_group();
    policy.rules[0].type = RuleType::replicate;
    Snapshot snapshot = snapshot_of(policy);
    snapshot.counters[slot_of_member(snapshot, 0)] = {7, 700};
    snapshot.counters[slot_of_member(snapshot, 1)] = {3, 300};
    snapshot.failures = {{snapshot.image->slots.counters.at({"spread", 0}), RUDDER_REASON_NO_MEMBER, 2}};
    for (const Json& target : {target_in(snapshot), read(report_stats, snapshot)["rules"][0]["targets"][0]}) {
        CHECK(target["group"] == "ways");
        CHECK(target["packets"] == 10);
        CHECK(target["bytes"] == 1000);
        CHECK(target["failures"] == Json::parse(R"({"no-member":2})"));
    }
}

TEST_CASE("each member has counters of its own") {
    Snapshot snapshot = snapshot_of(policy_by_group());
    snapshot.counters[slot_of_member(snapshot, 0)] = {7, 700};
    snapshot.failures = {{slot_of_member(snapshot, 1), RUDDER_REASON_NO_NEIGHBOUR, 2}};
    const Json members = target_in(snapshot)["members"];
    CHECK(members[0]["packets"] == 7);
    CHECK(members[0]["bytes"] == 700);
    CHECK(members[1]["failures"] == Json::parse(R"({"no-neighbour":2})"));
}
