// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"
#include "model.hpp"

#include <cmath>
#include <set>

using namespace rudder;
using namespace rudder::test;

namespace {

GroupMember member(const std::string& via, std::uint8_t mac) {
    GroupMember result;
    result.way.via = via;
    result.way.next_hop_mac = MacAddress{{2, 0, 0, 0, 9, mac}};
    return result;
}

Group group(std::vector<GroupMember> members) {
    Group result;
    result.name = "g";
    result.hash = RUDDER_HASH_5_TUPLE;
    result.members = std::move(members);
    return result;
}

Rewrite to(const std::string& dst) {
    Rewrite rewrite;
    rewrite.dst_ip = address(dst);
    return rewrite;
}

Policy through_group(Rule rule, Group group) {
    Target& target = rule.targets.front();
    target.via.clear();
    target.next_hop_mac.reset();
    target.group = group.name;
    Policy result = policy({std::move(rule)});
    result.groups = {std::move(group)};
    return result;
}

Frame flow(std::uint16_t port) { return arriving() / Ipv4{} / Udp{port, 5000} / payload(30); }

Run run_in(const Frame& frame) { return datapath().run(frame, link_named("in0").ifindex, Direction::ingress); }

/// Last byte of the destination MAC: which member it was, in these tests.
std::uint8_t taken_by(const Run& run) { return run.frame.at(5); }

std::vector<std::uint8_t> members_of_flows(std::uint16_t flows) {
    std::vector<std::uint8_t> members;
    for (std::uint16_t port = 0; port < flows; port++) {
        const Run run = run_in(flow(port));
        REQUIRE(run.verdict == k_redirect);
        members.push_back(taken_by(run));
    }
    return members;
}

DeadMembers dead(const Group& group, std::initializer_list<std::size_t> members) {
    DeadMembers result;
    for (const std::size_t index : members) {
        result.insert({group.name, member_identity(group.members.at(index))});
    }
    return result;
}

}  // namespace

TEST_CASE("a flow takes one member, whichever way through the programs its packets go") {
    const Group members = group({member("out0", 1), member("out1", 2), member("out0", 3), member("out1", 4)});
    Rewrite marked;
    marked.dscp = 10;  // keeps it off the short way
    REQUIRE(datapath().publish(through_group(steer("10.0.0.0/8"), members), topology()));
    const std::vector<std::uint8_t> plain = members_of_flows(300);
    CHECK((plain == members_of_flows(300)));
    REQUIRE(datapath().publish(through_group(steer("10.0.0.0/8", marked), members), topology()));
    CHECK((plain == members_of_flows(300)));
    CHECK((std::set<std::uint8_t>(plain.begin(), plain.end()) == std::set<std::uint8_t>{1, 2, 3, 4}));
}

TEST_CASE("each member counts its packets, the rule all of them") {
    const Group members = group({member("out0", 1), member("out1", 2)});
    REQUIRE(datapath().publish(through_group(steer("10.0.0.0/8"), members), topology()));
    std::map<std::uint8_t, std::uint64_t> seen;
    for (const std::uint8_t taken : members_of_flows(400)) {
        seen[taken]++;
    }
    Counts counts = datapath().counts();
    CHECK((counts.packets[{"r", -1}] == 400));
    CHECK((counts.packets[{"r", 0, member_identity(members.members[0])}] == seen[1]));
    CHECK((counts.packets[{"r", 0, member_identity(members.members[1])}] == seen[2]));
    CHECK((counts.packets.count({"r", 0}) == 0));
}

TEST_CASE("when a member dies its flows move and no other does; when it returns they come back") {
    const Group members = group({member("out0", 1), member("out1", 2), member("out0", 3), member("out1", 4)});
    REQUIRE(datapath().publish(through_group(steer("10.0.0.0/8"), members), topology()));
    const auto before = members_of_flows(1000);
    datapath().set_dead(dead(members, {1}));
    const auto after = members_of_flows(1000);
    for (std::size_t i = 0; i < before.size(); i++) {
        CHECK((before[i] == 2 ? after[i] != 2 : after[i] == before[i]));
    }
    datapath().set_dead({});
    CHECK((members_of_flows(1000) == before));
}

TEST_CASE("without a member the packet goes on or is dropped, and is counted") {
    const Group members = group({member("out0", 1), member("out1", 2)});
    for (const bool drops : {false, true}) {
        Rule rule = steer("10.0.0.0/8");
        rule.failure_drops = drops;
        REQUIRE(datapath().publish(through_group(rule, members), topology(), dead(members, {0, 1})));
        const Frame in = flow(7);
        const Run run = run_in(in);
        CHECK(run.verdict == (drops ? k_drop : k_next));
        CHECK((run.frame == in));
        Counts counts = datapath().counts();
        CHECK((counts.packets[{"r", -1}] == 1));
        CHECK((counts.failures[{{"r", -1}, RUDDER_REASON_NO_MEMBER}] == 1));
    }
}

TEST_CASE("the member's own destination comes before the rule's, the rest of the rule's rewrite holds") {
    GroupMember own = member("out0", 1);
    own.way.rewrite.dst_ip = address("10.7.7.7");
    own.way.rewrite.dst_port = 7777;
    GroupMember plain = member("out1", 2);
    Rewrite rewrite;
    rewrite.dst_ip = address("10.8.8.8");
    rewrite.src_ip = address("10.9.9.9");
    rewrite.dscp = 46;
    REQUIRE(datapath().publish(through_group(steer("10.0.0.0/8", rewrite), group({own, plain})), topology()));
    std::set<std::uint8_t> seen;
    for (std::uint16_t port = 1; port < 40; port++) {
        const Run run = run_in(flow(port));
        seen.insert(taken_by(run));
        const bool is_own = taken_by(run) == 1;
        const Ipv4 ip{.src = "10.9.9.9", .dst = is_own ? "10.7.7.7" : "10.8.8.8", .ttl = 63, .tos = 46 << 2};
        const Ethernet ethernet{MacAddress{{2, 0, 0, 0, 9, taken_by(run)}}, link_named(is_own ? "out0" : "out1").mac, {}};
        const Frame want = ethernet / ip / Udp{port, static_cast<std::uint16_t>(is_own ? 7777 : 5000)} / payload(30);
        CHECK((run.frame == want));
    }
    CHECK(seen.size() == 2);
}

TEST_CASE("a copy for a group goes to one member; without one it is skipped and counted, the other copies go") {
    const Group members = group({member("out1", 1), member("out2", 2)});
    Rule copies = rule(RuleType::replicate, "10.0.0.0/8");
    Target by_group = target("", to("10.9.9.1"));
    by_group.next_hop_mac.reset();
    by_group.group = "g";
    copies.targets = {target("out0", to("10.9.9.2")), by_group, target("out0", to("10.9.9.3"))};
    Policy rules = policy({copies});
    rules.groups = {members};
    REQUIRE(datapath().publish(rules, topology()));
    CHECK(run_in(flow(1)).verdict == k_drop);
    Counts counts = datapath().counts();
    CHECK((counts.packets[{"r", 0}] == 1));
    CHECK((counts.packets[{"r", 2}] == 1));
    CHECK((counts.packets[{"r", 1, member_identity(members.members[0])}] + counts.packets[{"r", 1, member_identity(members.members[1])}] == 1));
    datapath().set_dead(dead(members, {0, 1}));
    CHECK(run_in(flow(1)).verdict == k_drop);
    counts = datapath().counts();
    CHECK((counts.packets[{"r", 0}] == 2));
    CHECK((counts.packets[{"r", 2}] == 2));
    CHECK((counts.failures[{{"r", 1}, RUDDER_REASON_NO_MEMBER}] == 1));
}

TEST_CASE("a member whose device does not exist, or is down, gets nothing") {
    const Group members = group({member("nowhere", 1), member("out1", 2), member("out2", 3)});
    Topology half_down = topology();
    half_down.links[link_named("out2").ifindex].is_up = false;
    REQUIRE(datapath().publish(through_group(steer("10.0.0.0/8"), members), half_down));
    for (const std::uint8_t taken : members_of_flows(50)) {
        CHECK(taken == 2);
    }
}

TEST_CASE("all fragments of a datagram leave by one member") {
    const Group members = group({member("out0", 1), member("out1", 2), member("out0", 3), member("out1", 4)});
    REQUIRE(datapath().publish(through_group(steer("10.0.0.0/8"), members), topology()));
    std::set<std::uint8_t> seen;
    for (int host = 1; host < 40; host++) {
        const std::string src = "192.0.2." + std::to_string(host);
        const Run first = run_in(arriving() / Ipv4{.src = src, .fragment = 0x2000} / Udp{static_cast<std::uint16_t>(host * 77), 5000} / payload(24));
        const Run later = run_in(arriving() / Ipv4{.src = src, .fragment = 4, .protocol = 17} / payload(24));
        REQUIRE(first.verdict == k_redirect);
        CHECK(taken_by(first) == taken_by(later));
        seen.insert(taken_by(first));
    }
    CHECK(seen.size() == 4);
}
