// SPDX-License-Identifier: Apache-2.0
#include "core/base/policy.hpp"

#include <catch2/catch.hpp>

using namespace rudder;

namespace {

IpAddress ip(const char* text) {
    return parse_ip_address(text).value();
}
IpPrefix prefix(const char* text) {
    return parse_ip_prefix(text).prefix.value();
}

Target target_to(const char* via) {
    Target target;
    target.via = via;
    return target;
}

Rule rule_of(RuleType type, std::vector<Target> targets = {}) {
    Rule rule;
    rule.name = "r";
    rule.type = type;
    rule.targets = std::move(targets);
    return rule;
}

}  // namespace

TEST_CASE("a match of everything is a dash") {
    CHECK(match_to_string(Match{}) == "-");
}

TEST_CASE("a match names its fields in one fixed order") {
    Match match;
    match.dscp = std::uint64_t{1} << 46;
    match.src = {prefix("10.1.0.0/16")};
    match.dst = {prefix("10.0.0.0/8"), prefix("192.168.0.0/16")};
    match.ip_proto = 17;
    match.src_ports = {{53, 53}};
    match.dst_ports = {{5000, 5010}, {6000, 6000}};
    CHECK(match_to_string(match) ==
          "dscp ef src 10.1.0.0/16 dst 10.0.0.0/8,192.168.0.0/16 proto udp sport 53 dport 5000-5010,6000");
}

TEST_CASE("a match names VLANs unless it is for untagged packets only") {
    Match match;
    match.vlan = {false, {{5, 5}, {7, 9}}};
    CHECK(match_to_string(match) == "vlan 5,7-9");
    match.vlan.untagged = true;
    CHECK(match_to_string(match) == "vlan none,5,7-9");
    match.vlan = k_vlan_any;
    CHECK(match_to_string(match) == "vlan any");
}

TEST_CASE("a match for one family says so unless its prefixes show it") {
    Match match;
    match.family_v6 = false;
    CHECK(match_to_string(match) == "ipv4");
    match.dst = {prefix("10.0.0.0/8")};
    CHECK(match_to_string(match) == "dst 10.0.0.0/8");
    match.dst.push_back(prefix("2001:db8::/32"));
    CHECK(match_to_string(match) == "ipv4 dst 10.0.0.0/8,2001:db8::/32");
}

TEST_CASE("a long list is cut and says how much is missing") {
    Match match;
    for (std::uint16_t port = 1; port <= 20; ++port)
        match.dst_ports.push_back({static_cast<std::uint16_t>(port * 10), static_cast<std::uint16_t>(port * 10)});
    CHECK(match_to_string(match) == "dport 10,20,30,40,50,60,70,80,+12 more");
}

TEST_CASE("a steer action names the way out and what changes") {
    Target target = target_to("eth2");
    target.next_hop = ip("10.0.0.1");
    target.rewrite.dst_ip = ip("192.168.100.1");
    CHECK(action_to_string(rule_of(RuleType::steer, {target})) == "via eth2 next-hop 10.0.0.1 set dst 192.168.100.1");

    target.next_hop_mac = parse_mac_address("aa:bb:cc:dd:ee:ff");
    target.rewrite = {.dst_ip = ip("2001:db8::1"), .src_ip = ip("2001:db8::2"), .dst_port = 80, .src_port = 81, .dscp = 46,
                      .ttl = {TtlAction::Mode::set, 9}};
    Rule rule = rule_of(RuleType::steer, {target});
    rule.failure_drops = true;
    CHECK(action_to_string(rule) ==
          "via eth2 next-hop 10.0.0.1 mac aa:bb:cc:dd:ee:ff set dst 2001:db8::1 dport 80 src 2001:db8::2 sport 81 dscp "
          "ef ttl 9 on-failure drop");
}

TEST_CASE("an action names the interface as its source by that word") {
    Target target = target_to("eth2");
    target.rewrite.is_src_of_interface = true;
    CHECK(action_to_string(rule_of(RuleType::steer, {target})) == "via eth2 set src interface");
}

TEST_CASE("an action names the VLAN the packet leaves in") {
    Target target = target_to("eth2");
    target.rewrite.vlan = 20;
    target.rewrite.ttl.mode = TtlAction::Mode::keep;
    CHECK(action_to_string(rule_of(RuleType::steer, {target})) == "via eth2 set ttl keep vlan 20");
    target.rewrite = {};
    target.rewrite.vlan = 0;
    CHECK(action_to_string(rule_of(RuleType::steer, {target})) == "via eth2 set vlan none");
}

TEST_CASE("a replicate action names the destination of each copy") {
    Target first = target_to("eth1");
    first.rewrite.dst_ip = ip("10.10.1.1");
    Target second = target_to("eth2");
    second.rewrite.dst_ip = ip("2001:db8::2");
    second.rewrite.dst_port = 5004;
    second.rewrite.ttl.mode = TtlAction::Mode::keep;
    CHECK(action_to_string(rule_of(RuleType::replicate, {first})) == "1 target: 10.10.1.1 via eth1");
    Rule rule = rule_of(RuleType::replicate, {first, second});
    CHECK(action_to_string(rule) == "2 targets: 10.10.1.1 via eth1; [2001:db8::2]:5004 via eth2 set ttl keep");
    rule.original_passes = true;
    CHECK(action_to_string(rule) ==
          "2 targets: 10.10.1.1 via eth1; [2001:db8::2]:5004 via eth2 set ttl keep; original passes");
}

TEST_CASE("a mirror action names its interfaces") {
    CHECK(action_to_string(rule_of(RuleType::mirror, {target_to("eth1"), target_to("eth2")})) == "to eth1,eth2");
    CHECK(to_string(RuleType::mirror) == "mirror");
}

TEST_CASE("an action names its limits and samples") {
    Rule sampled = rule_of(RuleType::mirror, {target_to("eth1")});
    sampled.targets[0].sample = 100;
    sampled.limit = parse_rate_limit("5mbit");
    CHECK(action_to_string(sampled) == "to eth1 sample 1/100; limit 5mbit");
    sampled.targets[0].snap = 96;
    CHECK(action_to_string(sampled) == "to eth1 snap 96 sample 1/100; limit 5mbit");
    Rule police = rule_of(RuleType::pass);
    police.limit = RateLimit{RateLimit::Unit::packets, 1000, 7};
    police.excess_drops = true;
    CHECK(action_to_string(police) == "pass; limit 1kpps burst 7, excess drop");
    Rule fan = rule_of(RuleType::replicate, {target_to("eth1")});
    fan.targets[0].limit = parse_rate_limit("10pps");
    CHECK(action_to_string(fan) == "1 target: via eth1 limit 10pps");
}

TEST_CASE("pass and drop are their own action") {
    CHECK(action_to_string(rule_of(RuleType::pass)) == "pass");
    CHECK(action_to_string(rule_of(RuleType::drop)) == "drop");
}

TEST_CASE("a selector is written as in the file") {
    CHECK(to_string(InterfaceSelector{true, {}, {}}) == "any");
    CHECK(to_string(InterfaceSelector{true, {}, {"lo"}}) == "any,!lo");
    CHECK(to_string(InterfaceSelector{false, {"eth0", "ens*"}, {"ens9"}}) == "eth0,ens*,!ens9");
}

TEST_CASE("two rules are the same when only the place differs") {
    Rule a = rule_of(RuleType::steer, {target_to("eth1")});
    Rule b = a;
    b.where = {"elsewhere.toml", 9, 9, 9};
    CHECK(is_same_rule(a, b));
    const auto differs = [&a](auto change) {
        Rule other = a;
        change(other);
        return !is_same_rule(a, other);
    };
    CHECK(differs([](Rule& rule) { rule.name = "s"; }));
    CHECK(differs([](Rule& rule) { rule.priority = 1; }));
    CHECK(differs([](Rule& rule) { rule.type = RuleType::replicate; }));
    CHECK(differs([](Rule& rule) { rule.match.dscp = 1; }));
    CHECK(differs([](Rule& rule) { rule.targets[0].via = "eth2"; }));
    CHECK(differs([](Rule& rule) { rule.targets[0].rewrite.vlan = 0; }));
    CHECK(differs([](Rule& rule) { rule.original_passes = true; }));
    CHECK(differs([](Rule& rule) { rule.failure_drops = true; }));
}
