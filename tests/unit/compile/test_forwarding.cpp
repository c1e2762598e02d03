// SPDX-License-Identifier: Apache-2.0
/// What a rule's record says for the short way of a steer.
#include <catch2/catch.hpp>

#include "builders.hpp"
#include "core/compile/image.hpp"
#include "random_policy.hpp"

using namespace rudder;
using namespace rudder::test;

namespace {

Image compiled(const Policy& policy, const Topology& topology) {
    auto image = compile(policy, topology, {});
    REQUIRE(image);
    return *image;
}

}  // namespace

TEST_CASE("a rule says its target itself where the short way asks nothing else") {
    const Topology world = make_topology(3);
    const auto record_of = [&world](const Rule& rule) { return rule_of(compiled(policy({rule}), world), 0); };
    const auto flags_of = [&record_of](const Rule& rule) {
        return record_of(rule).flags & (RUDDER_RULE_FORWARDS | RUDDER_RULE_DECREMENTS | RUDDER_RULE_MEETS_HOOK);
    };
    Rule plain = steer("s", "eth0", "eth1");
    CHECK(flags_of(plain) == 0);  // no next hop: the kernel's route to each packet's destination says the MAC
    plain.targets[0].next_hop = address("10.0.0.9");
    CHECK(flags_of(plain) == (RUDDER_RULE_FORWARDS | RUDDER_RULE_DECREMENTS));
    Rule other = plain;
    other.name = "t";
    other.targets[0].next_hop = address("10.0.0.8");
    const Image two = compiled(policy({plain, other}), world);
    CHECK(rule_of(two, 0).next_hop == target_of(two, 0).next_hop);
    CHECK(rule_of(two, 1).next_hop == target_of(two, 1).next_hop);
    CHECK(rule_of(two, 0).next_hop != rule_of(two, 1).next_hop);

    Rule keeps = plain;
    keeps.targets[0].rewrite.ttl = {TtlAction::Mode::keep, 0};
    CHECK(flags_of(keeps) == RUDDER_RULE_FORWARDS);
    Rule sets = plain;
    sets.targets[0].rewrite.ttl = {TtlAction::Mode::set, 9};
    Rule rewrites = plain;
    rewrites.targets[0].rewrite.dst_port = 7;
    Rule waits = plain;
    waits.targets[0].via = "eth9";
    Rule copies = plain;
    copies.type = RuleType::replicate;
    for (const Rule& rule : {sets, rewrites, waits, copies}) {
        CHECK(flags_of(rule) == 0);
    }
    Topology tunnel = world;
    tunnel.links.at(find_link(world, "eth1")->ifindex).is_layer3 = true;
    CHECK((rule_of(compiled(policy({plain}), tunnel), 0).flags & RUDDER_RULE_FORWARDS) == 0);
}

TEST_CASE("a rule sends on at once where it says its target itself and has no limit") {
    const Topology world = make_topology(3);
    const auto flags_of = [&world](const Rule& rule) {
        return rule_of(compiled(policy({rule}), world), 0).flags & (RUDDER_RULE_FORWARDS | RUDDER_RULE_AT_ONCE);
    };
    Rule route = steer("s", "eth0", "eth1"), gateway = route, mac = route, waits = route;
    gateway.targets[0].next_hop = address("10.0.0.9");
    mac.targets[0].next_hop_mac = MacAddress{{2, 0, 0, 0, 0, 9}};
    waits.targets[0].via = "eth9";
    Rule keeps = gateway, sets = gateway, rewrites = gateway, tags = gateway, copies = gateway;
    keeps.targets[0].rewrite.ttl = {TtlAction::Mode::keep, 0};
    sets.targets[0].rewrite.ttl = {TtlAction::Mode::set, 9};
    rewrites.targets[0].rewrite.dst_port = 7;
    tags.targets[0].rewrite.vlan = 7;
    copies.type = RuleType::replicate;
    const RateLimit limit{RateLimit::Unit::packets, 1000, 10};
    for (Rule each : {gateway, mac, keeps}) {
        CHECK(flags_of(each) == (RUDDER_RULE_FORWARDS | RUDDER_RULE_AT_ONCE));
        each.limit = limit;
        CHECK(flags_of(each) == RUDDER_RULE_FORWARDS);
    }
    for (Rule each : {route, waits, sets, rewrites, tags, copies, rule("p", RuleType::pass, "eth0"), rule("d", RuleType::drop, "eth0")}) {
        CHECK(flags_of(each) == 0);
        if (each.type != RuleType::drop) {
            each.limit = limit;
            CHECK(flags_of(each) == 0);
        }
    }
    // The limit is that of the rule itself, not of one beside it with the same target.
    Rule limited = gateway;
    limited.name = "l";
    limited.limit = limit;
    const Image image = compiled(policy({limited, gateway}), world);
    CHECK((rule_of(image, 0).flags & RUDDER_RULE_AT_ONCE) == 0);
    CHECK((rule_of(image, 1).flags & RUDDER_RULE_AT_ONCE) != 0);
}

TEST_CASE("a group never sends on at once") {
    Rule grouped = steer("s", "eth0", "");
    grouped.targets[0].group = "g";
    Policy rules = policy({grouped});
    Group group;
    group.name = "g";
    group.members.resize(1);
    group.members[0].way.via = "eth1";
    group.members[0].way.next_hop = address("10.0.0.9");
    rules.groups = {group};
    CHECK((rule_of(compiled(rules, make_topology(3)), 0).flags & (RUDDER_RULE_FORWARDS | RUDDER_RULE_AT_ONCE)) == 0);
}

TEST_CASE("a rule knows that its device has a hook of ours") {
    Rule egress = rule("e", RuleType::drop, "eth1");
    egress.match.direction = Direction::egress;
    Rule ingress = steer("s", "eth0", "eth1");
    ingress.targets[0].next_hop = address("10.0.0.9");
    const Image image = compiled(policy({ingress, egress}), make_topology(2));
    CHECK((rule_of(image, 0).flags & RUDDER_RULE_MEETS_HOOK) != 0);
    CHECK((target_of(image, 0).flags & RUDDER_TARGET_MEETS_HOOK) != 0);
}
