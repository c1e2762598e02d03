// SPDX-License-Identifier: Apache-2.0
#include "policy_of.hpp"

#include "rudder_abi.h"

#include <catch2/catch.hpp>

using namespace rudder;
using namespace rudder::test;

namespace {

std::string group(const std::string& lines, const std::string& name = "g") {
    return "[[group]]\nname = \"" + name + "\"\n" + lines + "\n";
}

const std::string k_members = "members = [{ via = \"eth1\" }, { via = \"eth2\" }]";

Group group_of(const std::string& lines) { return policy_of(steer_rule("group = \"g\"") + group(lines)).groups.at(0); }

GroupMember member_of(const std::string& keys) { return group_of("members = [{ " + keys + " }]").members.at(0); }

HashFields hash_of(const std::string& value) { return group_of(k_members + "\nhash = " + value).hash; }

Match match_by(const std::string& members, const std::string& match = "") {
    return policy_of(steer_rule("group = \"g\"", match) + group("members = [" + members + "]")).rules.at(0).match;
}

}  // namespace

TEST_CASE("a group has its members as written, hashed by the 5-tuple unless it says otherwise") {
    const Group found = group_of(k_members);
    CHECK(found.name == "g");
    CHECK(found.where.line == 11);
    CHECK(found.hash == RUDDER_HASH_5_TUPLE);
    REQUIRE(found.members.size() == 2);
    CHECK(found.members[0].way.via == "eth1");
    CHECK(found.members[1].way.via == "eth2");
}

TEST_CASE("a member has weight 1 in tier 1 unless it says otherwise") {
    CHECK(member_of("via = \"eth1\"").weight == 1);
    CHECK(member_of("via = \"eth1\"").tier == 1);
    const GroupMember backup = group_of("members = [{ via = \"eth0\" }, { via = \"eth1\", weight = 256, tier = 16 }]").members.at(1);
    CHECK(backup.weight == 256);
    CHECK(backup.tier == 16);
    CHECK(group_of("members = [{ via = \"eth0\" }, { via = \"eth1\", weight = 0 }]").members.at(1).weight == 0);
}

TEST_CASE("a member says where it leads") {
    const Target way = member_of("via = \"eth1\", next_hop = \"10.0.0.1\", next_hop_mac = \"02:00:00:00:00:01\", "
                                 "dst_ip = \"10.7.0.1\", dst_port = 53").way;
    CHECK(way.next_hop == parse_ip_address("10.0.0.1"));
    CHECK(way.next_hop_mac == MacAddress{{2, 0, 0, 0, 0, 1}});
    CHECK(way.rewrite.dst_ip == parse_ip_address("10.7.0.1"));
    CHECK(way.rewrite.dst_port == 53);
}

TEST_CASE("a member may be a routing table") {
    const Target way = member_of("via = { table = 5 }, dst_ip = \"10.7.0.1\"").way;
    CHECK(way.table == 5u);
    CHECK(way.via.empty());
    CHECK(way.rewrite.dst_ip == parse_ip_address("10.7.0.1"));
}

TEST_CASE("the fields of the hash are a word or a list of words") {
    CHECK(hash_of("\"5-tuple\"") == RUDDER_HASH_5_TUPLE);
    CHECK(hash_of("\"src-ip\"") == RUDDER_HASH_SRC_IP);
    CHECK(hash_of("\"dst-ip\"") == RUDDER_HASH_DST_IP);
    CHECK(hash_of("\"src-port\"") == RUDDER_HASH_SRC_PORT);
    CHECK(hash_of("\"dst-port\"") == RUDDER_HASH_DST_PORT);
    CHECK(hash_of("\"protocol\"") == RUDDER_HASH_PROTOCOL);
    CHECK(hash_of("[\"src-ip\", \"src-port\"]") == (RUDDER_HASH_SRC_IP | RUDDER_HASH_SRC_PORT));
}

TEST_CASE("groups are known in all files and sorted by name") {
    const PolicyResult result = build_policy({{"a.toml", steer_rule("group = \"h\"")},
                                              {"b.toml", group(k_members, "h") + group(k_members, "g")}});
    INFO(all_texts(result.diagnostics));
    REQUIRE(result.policy.has_value());
    CHECK(result.policy->rules.at(0).targets.at(0).group == "h");
    CHECK(result.policy->groups.at(0).name == "g");
    CHECK(result.policy->groups.at(1).name == "h");
}

TEST_CASE("a rule is for the family that a member's destination or next hop has") {
    CHECK(match_by("{ via = \"eth1\" }").family_v4);
    CHECK(match_by("{ via = \"eth1\" }").family_v6);
    CHECK_FALSE(match_by("{ via = \"eth1\", dst_ip = \"10.7.0.1\" }").family_v6);
    CHECK_FALSE(match_by("{ via = \"eth1\" }, { via = \"eth1\", dst_ip = \"2001:db8::1\" }").family_v4);
    CHECK_FALSE(match_by("{ via = \"eth1\" }, { via = \"eth1\", next_hop = \"10.0.0.1\" }").family_v6);
    CHECK_FALSE(match_by("{ via = \"eth1\", next_hop = \"fe80::1\" }").family_v4);
}

TEST_CASE("an IPv6 next hop of a member takes IPv4 packets too if the match asks for them") {
    const Match match = match_by("{ via = \"eth1\", next_hop = \"fe80::1\" }", "dst_ip = \"10.0.0.0/8\"");
    CHECK(match.family_v4);
    CHECK_FALSE(match.family_v6);
}

TEST_CASE("what the rule rewrites and what its member rewrites go together") {
    const Policy policy = policy_of(steer_rule("group = \"g\"\nsrc_ip = \"interface\"\ndst_port = 53\nttl = 9") +
                                    group("members = [{ via = \"eth1\", dst_ip = \"10.7.0.1\" }]"));
    const Target taken = member_target(policy.rules.at(0).targets.at(0), policy.groups.at(0).members.at(0));
    CHECK(taken.via == "eth1");
    CHECK(taken.rewrite.is_src_of_interface);
    CHECK(taken.rewrite.dst_port == 53);
    CHECK(taken.rewrite.dst_ip == parse_ip_address("10.7.0.1"));
    CHECK(taken.rewrite.ttl.value == 9);
}

TEST_CASE("copies may go to groups and to interfaces side by side") {
    const Policy policy = policy_of("[[rule]]\nname = \"r\"\npriority = 1\ntype = \"replicate\"\nmatch = { interface = \"any\" }\n"
                                    "action = { targets = [{ group = \"g\" }, { via = \"eth3\" }] }\n" + group(k_members));
    CHECK(policy.rules.at(0).targets.at(0).group == "g");
    CHECK(policy.rules.at(0).targets.at(1).group.empty());
}
