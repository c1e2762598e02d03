// SPDX-License-Identifier: Apache-2.0
#include "policy_of.hpp"

using namespace rudder;
using namespace rudder::test;

TEST_CASE("a steer action holds every field of a target") {
    const Target target = target_of(
        "via = \"eth2\"\nnext_hop = \"10.0.0.1\"\nnext_hop_mac = \"02:00:00:00:00:01\"\ndst_ip = \"192.0.2.1\"\n"
        "src_ip = \"192.0.2.2\"\ndst_port = 80\nsrc_port = 81\ndscp = \"af41\"\nttl = 9");
    CHECK(target.via == "eth2");
    CHECK(target.next_hop == parse_ip_address("10.0.0.1"));
    CHECK(target.next_hop_mac == parse_mac_address("02:00:00:00:00:01"));
    CHECK(target.rewrite.dst_ip == parse_ip_address("192.0.2.1"));
    CHECK(target.rewrite.src_ip == parse_ip_address("192.0.2.2"));
    CHECK(target.rewrite.dst_port == 80);
    CHECK(target.rewrite.src_port == 81);
    CHECK(target.rewrite.dscp == 34);
    CHECK(target.rewrite.ttl == TtlAction{TtlAction::Mode::set, 9});
}

TEST_CASE("a source may be the address of the interface, in a rule for one family") {
    for (const std::string word : {"interface", "Interface"}) {
        const Target target = target_of("via = \"e\"\ndst_ip = \"192.0.2.1\"\nsrc_ip = \"" + word + "\"");
        CHECK(target.rewrite.is_src_of_interface);
        CHECK_FALSE(target.rewrite.src_ip.has_value());
    }
    CHECK_FALSE(target_of("via = \"e\"\nsrc_ip = \"192.0.2.1\"").rewrite.is_src_of_interface);
    CHECK_FALSE(target_of("via = \"e\"").rewrite.is_src_of_interface);
}

TEST_CASE("a TTL is decremented unless it is kept or set") {
    CHECK(target_of("via = \"e\"").rewrite.ttl == TtlAction{});
    CHECK(target_of("via = \"e\"\nttl = \"keep\"").rewrite.ttl.mode == TtlAction::Mode::keep);
}

TEST_CASE("the new VLAN is an id, or none") {
    CHECK_FALSE(target_of("via = \"e\"").rewrite.vlan.has_value());
    CHECK(target_of("via = \"e\"\nvlan = 1").rewrite.vlan == 1);
    CHECK(target_of("via = \"e\"\nvlan = 4094").rewrite.vlan == 4094);
    for (const std::string word : {"none", "None"}) {
        CHECK(target_of("via = \"e\"\nvlan = \"" + word + "\"").rewrite.vlan == 0);
    }
}

TEST_CASE("a packet may leave where it came in if its VLAN changes") {
    CHECK(policy_of(steer_rule("via = \"eth0\"\nvlan = 5")).rules.size() == 1);
}

TEST_CASE("a steer rule passes packets that cannot be sent unless it says drop") {
    CHECK_FALSE(policy_of(steer_rule("via = \"e\"")).rules[0].failure_drops);
    CHECK_FALSE(policy_of(steer_rule("via = \"e\"\non_failure = \"pass\"")).rules[0].failure_drops);
    CHECK(policy_of(steer_rule("via = \"e\"\non_failure = \"drop\"")).rules[0].failure_drops);
}

TEST_CASE("a replicate rule holds its targets in their order and consumes the original unless it says pass") {
    const std::string head =
        "[[rule]]\nname = \"r\"\npriority = 1\ntype = \"replicate\"\nmatch = { interface = \"any\" }\n";
    const std::string targets =
        "[[rule.action.targets]]\nvia = \"eth9\"\n[[rule.action.targets]]\nvia = \"eth1\"\ndst_port = 5\n";
    const Rule rule = policy_of(head + targets).rules.at(0);
    REQUIRE(rule.targets.size() == 2);
    CHECK(rule.targets[0].via == "eth9");
    CHECK(rule.targets[1].via == "eth1");
    CHECK(rule.targets[1].rewrite.dst_port == 5);
    CHECK_FALSE(rule.original_passes);
    CHECK(policy_of(head + "action.original = \"pass\"\n" + "action.targets = [{ via = \"e\" }]\n")
              .rules[0]
              .original_passes);
}

TEST_CASE("a mirror rule has a target for each interface of via") {
    const std::string head = "[[rule]]\nname = \"r\"\npriority = 1\ntype = \"mirror\"\nmatch.interface = \"any\"\n";
    const Rule rule = policy_of(head + "action.via = [\"eth9\", \"eth1\"]\n").rules.at(0);
    CHECK(rule.type == RuleType::mirror);
    REQUIRE(rule.targets.size() == 2);
    CHECK(rule.targets[0].via == "eth9");
    CHECK(rule.targets[1].via == "eth1");
    CHECK(policy_of(head + "action.via = \"eth9\"\n").rules.at(0).targets.size() == 1);
}

TEST_CASE("a limit has a burst, and what is beyond it is dropped unless the original goes on anyway") {
    using Unit = RateLimit::Unit;
    const auto rule_with = [](const std::string& type, const std::string& action) {
        return policy_of("[[rule]]\nname = \"r\"\npriority = 1\ntype = \"" + type + "\"\nmatch.interface = \"eth0\"\naction = { " + action +
                         " }\n").rules.at(0);
    };
    const Rule steer = rule_with("steer", "via = \"eth1\", limit = \"20kpps\"");
    CHECK(steer.limit == RateLimit{Unit::packets, 20'000, 2'000});
    CHECK(steer.excess_drops);
    const Rule passing = rule_with("steer", "via = \"eth1\", limit = \"10Mbit\", burst = 3000, excess = \"pass\"");
    CHECK(passing.limit == RateLimit{Unit::bits, 10'000'000, 3'000});
    CHECK_FALSE(passing.excess_drops);
    CHECK(rule_with("pass", "limit = \"1pps\"").excess_drops);
    CHECK(rule_with("replicate", "limit = \"1pps\", targets = [{ via = \"eth1\" }]").excess_drops);
    CHECK_FALSE(rule_with("replicate", "limit = \"1pps\", original = \"pass\", targets = [{ via = \"eth1\" }]").excess_drops);
    CHECK_FALSE(rule_with("mirror", "limit = \"1pps\", via = \"eth1\"").excess_drops);
    CHECK_FALSE(rule_with("steer", "via = \"eth1\"").limit);
}

TEST_CASE("a target has a limit and a sample of its own, those of a mirror rule are alike") {
    const std::string head = "[[rule]]\nname = \"r\"\npriority = 1\nmatch.interface = \"eth0\"\n";
    const Rule fan = policy_of(head + "type = \"replicate\"\n[[rule.action.targets]]\nvia = \"eth1\"\nlimit = \"5pps\"\nburst = 9\n"
                               "[[rule.action.targets]]\nvia = \"eth2\"\nsample = 100\n").rules.at(0);
    CHECK(fan.targets[0].limit == RateLimit{RateLimit::Unit::packets, 5, 9});
    CHECK(fan.targets[0].sample == 1);
    CHECK_FALSE(fan.targets[1].limit);
    CHECK(fan.targets[1].sample == 100);
    CHECK_FALSE(fan.limit);
    const Rule tapped = policy_of(head + "type = \"mirror\"\naction = { via = [\"eth1\", \"eth2\"], sample = 7 }\n").rules.at(0);
    CHECK(tapped.targets[0].sample == 7);
    CHECK(tapped.targets[1].sample == 7);
    CHECK(tapped.targets[1].snap == 0);
}

TEST_CASE("the copies of a mirror rule are cut alike") {
    for (const unsigned snap : {64u, 96u, 65535u}) {
        const Rule rule = policy_of("[[rule]]\nname = \"r\"\npriority = 1\ntype = \"mirror\"\nmatch.interface = \"eth0\"\n"
                                    "action = { via = [\"eth1\", \"eth2\"], snap = " + std::to_string(snap) + " }\n").rules.at(0);
        CHECK(rule.targets.at(0).snap == snap);
        CHECK(rule.targets.at(1).snap == snap);
    }
}

TEST_CASE("drop and pass need no action, and an empty one does no harm") {
    for (const std::string type : {"drop", "pass"}) {
        const std::string head =
            "[[rule]]\nname = \"r\"\npriority = 1\ntype = \"" + type + "\"\nmatch.interface = \"any\"\n";
        CHECK(policy_of(head).rules.at(0).targets.empty());
        CHECK(policy_of(head + "action = {}\n").rules.at(0).targets.empty());
    }
}

TEST_CASE("an address rewrite or an IPv4 next hop restricts the rule to its family") {
    const auto families = [](const std::string& action) {
        const Match match = policy_of(steer_rule("via = \"e\"\n" + action)).rules.at(0).match;
        return std::pair(match.family_v4, match.family_v6);
    };
    CHECK(families("") == std::pair(true, true));
    CHECK(families("dst_ip = \"192.0.2.1\"") == std::pair(true, false));
    CHECK(families("src_ip = \"2001:db8::1\"") == std::pair(false, true));
    CHECK(families("next_hop = \"192.0.2.1\"") == std::pair(true, false));
    CHECK(families("next_hop = \"2001:db8::1\"") == std::pair(false, true));
}

TEST_CASE("IPv4 packets may have an IPv6 next hop") {
    const Rule rule =
        policy_of(steer_rule("via = \"e\"\nnext_hop = \"fe80::1\"", "dst_ip = \"10.0.0.0/8\"")).rules.at(0);
    CHECK(rule.match.family_v4);
    CHECK_FALSE(rule.match.family_v6);
    CHECK(policy_of(steer_rule("via = \"e\"\nnext_hop = \"fe80::1\"\ndst_ip = \"10.0.0.1\""))
              .rules.at(0)
              .match.family_v4);
}

TEST_CASE("packets may leave where they came in if something changes or it is at egress") {
    const auto is_allowed = [](const std::string& action, const std::string& match) {
        const std::string head = "[[rule]]\nname = \"r\"\npriority = 1\ntype = \"steer\"\n";
        return build_policy(
                   {{"t", head + "action = { via = \"eth0\"" + action + " }\nmatch = { interface = " + match + " }\n"}})
            .policy.has_value();
    };
    CHECK_FALSE(is_allowed("", "\"eth0\""));
    CHECK(is_allowed(", next_hop = \"10.0.0.1\"", "\"eth0\""));
    CHECK(is_allowed(", dst_ip = \"10.0.0.1\"", "\"eth0\""));
    CHECK(is_allowed("", "\"eth0\", direction = \"egress\""));
    CHECK(is_allowed("", "\"eth*\""));
}

TEST_CASE("via names an interface or a routing table of any number") {
    CHECK(target_of("via = \"eth1\"").via == "eth1");
    CHECK_FALSE(target_of("via = \"eth1\"").table.has_value());
    const Target by_route = target_of("via = { table = 4294967295 }\ndst_ip = \"10.7.0.1\"\ndst_port = 53");
    CHECK(by_route.table == 4294967295u);
    CHECK(by_route.via.empty());
    CHECK(by_route.rewrite.dst_port == 53);
    CHECK(action_to_string(policy_of(steer_rule("via = { table = 100 }")).rules.at(0)) == "via table 100");
}
