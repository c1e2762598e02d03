// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "builders.hpp"
#include "core/compile/image.hpp"
#include "random_policy.hpp"

#include "rudder_classifier.h"

using namespace rudder;
using namespace rudder::test;

namespace {

Image compiled(const Policy& policy, const Topology& topology, const Slots& previous = {}) {
    auto image = compile(policy, topology, previous);
    if (!image) {
        FAIL(image.error().message);
    }
    return *image;
}

/// IPv4 entries of a policy that needs no inner node: those of the one leaf, or the places in use behind bit vectors.
std::size_t entries_v4(const Image& image) {
    const rudder_blob_header header = header_of(image);
    const rudder_tree tree = header.tree_v4[0];
    if (header.vectors_v4.column_count == 0) {
        REQUIRE((tree.root & RUDDER_NODE_LEAF) != 0);
        return tree.root & 0xff;
    }
    REQUIRE(tree.root == 0);
    std::size_t entries = 0;
    for (std::size_t place = 0; place < RUDDER_VECTOR_BOXES; ++place) {
        const std::size_t at = header.vectors_v4.entry_offset + place * sizeof(rudder_leaf_v4);
        if (record_at<rudder_leaf_v4>(image.blob, at).tail.last != 0) entries++;  // guards are set in each
    }
    return entries;
}

}  // namespace

TEST_CASE("an empty policy gives an image without hooks") {
    const Image image = compiled({}, make_topology(2));
    CHECK(image.hooks.empty());
    CHECK(image.tier == 0);
    CHECK(header_of(image).magic == RUDDER_ABI_MAGIC);
    CHECK(header_of(image).used_bytes == image.blob.size());
    CHECK(rudder_find_hook(image.blob.data(), header_of(image).used_bytes, 2, RUDDER_INGRESS) == nullptr);
}

TEST_CASE("equal inputs give equal bytes") {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
        Random first(seed);
        Random second(seed);
        const Topology topology = make_topology(6);
        const Image a = compiled(make_policy(first, Shape::mixed, 200, 6), topology);
        const Image b = compiled(make_policy(second, Shape::mixed, 200, 6), topology);
        CHECK(a.blob == b.blob);
        CHECK(a.slots == b.slots);
    }
}

TEST_CASE("only devices with rules in a direction get a hook, loopback only by its name") {
    Rule egress = rule("out", RuleType::drop, "eth1");
    egress.match.direction = Direction::egress;
    const Topology topology = make_topology(3);
    const std::uint32_t eth0 = find_link(topology, "eth0")->ifindex;
    const std::uint32_t eth1 = find_link(topology, "eth1")->ifindex;
    const Image some = compiled(policy({rule("in", RuleType::drop, "eth0"), egress}), topology);
    CHECK(some.hooks == std::vector<HookSpec>{{eth0, Direction::ingress}, {eth1, Direction::egress}});
    CHECK(compiled(policy({rule("everywhere", RuleType::drop, "any")}), topology).hooks.size() == 3);
    const Image all = compiled(policy({rule("everywhere", RuleType::drop, "any"), rule("lo", RuleType::drop, "lo")}), topology);
    CHECK(all.hooks.size() == 4);
    CHECK_FALSE(all.rules[1].is_deferred);
    CHECK(all.rules[1].hooks == std::vector<HookSpec>{{1, Direction::ingress}});
}

TEST_CASE("hooks with the same rules share a class") {
    const Topology topology = make_topology(10);
    const Image image = compiled(policy({rule("one", RuleType::drop, "eth3"), rule("all", RuleType::pass, "any")}), topology);
    std::set<std::uint16_t> classes;
    for (const HookSpec& hook : image.hooks) {
        const rudder_hook* found = rudder_find_hook(image.blob.data(), header_of(image).used_bytes, hook.ifindex, RUDDER_INGRESS);
        REQUIRE(found != nullptr);
        classes.insert(found->hook_class);
    }
    CHECK(classes.size() == 2);
}

TEST_CASE("a hook of a layer-3 device says so") {
    Topology topology = make_topology(2);
    topology.links[5].is_layer3 = true;
    const Image image = compiled(policy({rule("all", RuleType::drop, "any")}), topology);
    const auto flags = [&](std::uint32_t ifindex) {
        const rudder_hook* found = rudder_find_hook(image.blob.data(), header_of(image).used_bytes, ifindex, RUDDER_INGRESS);
        return found->flags;
    };
    CHECK(flags(2) == RUDDER_HOOK_OUTSIDE);
    CHECK(flags(5) == (RUDDER_HOOK_OUTSIDE | RUDDER_HOOK_LAYER3));
}

TEST_CASE("no packet of the host itself begins at an ingress hook, but at that of the loopback") {
    Topology topology = make_topology(2);
    topology.links.at(find_link(topology, "eth1")->ifindex).is_loopback = true;
    Rule out = rule("out", RuleType::drop, "eth0");
    out.match.direction = Direction::egress;
    const Image image = compiled(policy({rule("in", RuleType::drop, "eth0"), rule("lo", RuleType::drop, "eth1"), out}), topology);
    const auto is_outside = [&](const char* name, std::uint32_t direction) {
        const std::uint32_t ifindex = find_link(topology, name)->ifindex;
        const rudder_hook* found = rudder_find_hook(image.blob.data(), header_of(image).used_bytes, ifindex, direction);
        REQUIRE(found != nullptr);
        return (found->flags & RUDDER_HOOK_OUTSIDE) != 0;
    };
    CHECK(is_outside("eth0", RUDDER_INGRESS));
    CHECK_FALSE(is_outside("eth0", RUDDER_EGRESS));
    CHECK_FALSE(is_outside("eth1", RUDDER_INGRESS));
}

TEST_CASE("a rule whose interface is missing waits and keeps its counter") {
    const Image image = compiled(policy({rule("later", RuleType::drop, "eth7")}), make_topology(2));
    CHECK(image.rules[0].is_deferred);
    CHECK(image.rules[0].reason == "no interface eth7");
    CHECK(image.rules[0].hooks.empty());
    CHECK(image.hooks.empty());
    CHECK(image.slots.counters.contains({"later", -1}));
}

TEST_CASE("a steer rule whose way out is missing is not installed") {
    const Image image = compiled(policy({steer("s", "eth0", "eth9")}), make_topology(2));
    CHECK(image.rules[0].is_deferred);
    CHECK(image.rules[0].reason == "no interface eth9");
    CHECK(image.hooks.empty());
    CHECK((target_of(image, 0).flags & RUDDER_TARGET_DEFERRED) != 0);
    CHECK(header_of(image).tree_v4[0].root == 0);
    CHECK(header_of(image).vectors_v4.column_count == 0);
}

TEST_CASE("a replicate rule sends the copies it can") {
    Rule replicate = steer("r", "eth0", "eth9");
    replicate.type = RuleType::replicate;
    replicate.targets.push_back({"eth1", {}, {}, {}});
    const Image image = compiled(policy({replicate}), make_topology(2));
    CHECK_FALSE(image.rules[0].is_deferred);
    CHECK(image.rules[0].reason == "no interface eth9");
    CHECK(rule_of(image, 0).target_count == 2);
    CHECK((target_of(image, 0, 0).flags & RUDDER_TARGET_DEFERRED) != 0);
    CHECK((target_of(image, 0, 1).flags & RUDDER_TARGET_DEFERRED) == 0);
}

TEST_CASE("a mirror rule has a record and a counter for each interface, and waits while none exists") {
    Rule mirror = steer("m", "eth0", "eth1");
    mirror.type = RuleType::mirror;
    mirror.targets.push_back({"eth9", {}, {}, {}});
    const Image image = compiled(policy({mirror}), make_topology(2));
    CHECK_FALSE(image.rules[0].is_deferred);
    CHECK(rule_of(image, 0).action == RUDDER_ACTION_MIRROR);
    CHECK(rule_of(image, 0).target_count == 2);
    CHECK(target_of(image, 0, 0).flags == 0);
    CHECK(target_of(image, 0, 0).counter_slot == image.slots.counters.at({"m", 0}));
    CHECK(target_of(image, 0, 1).flags == RUDDER_TARGET_DEFERRED);
    mirror.targets.erase(mirror.targets.begin());
    CHECK(compiled(policy({mirror}), make_topology(2)).rules[0].is_deferred);
}

TEST_CASE("a device that gets cut copies has our program at egress, and no rule there") {
    Rule mirror = steer("m", "eth0", "eth1");
    mirror.type = RuleType::mirror;
    mirror.targets.push_back({"eth9", {}, {}, {}});
    for (Target& target : mirror.targets) {
        target.snap = 96;
    }
    const Rule whole = steer("s", "eth2", "eth1"), other = steer("t", "eth2", "eth0");
    const Topology world = make_topology(3);
    const auto at = [&world](const char* name, Direction direction) { return HookSpec{find_link(world, name)->ifindex, direction}; };
    const Image image = compiled(policy({mirror, whole, other}), world);
    const std::vector<HookSpec> hooks = {at("eth0", Direction::ingress), at("eth1", Direction::egress), at("eth2", Direction::ingress)};
    CHECK(image.hooks == hooks);
    CHECK((image.rules[0].hooks == HookList{hooks[0]}));
    CHECK(target_of(image, 0, 0).snap == 96);
    CHECK(target_of(image, 0, 0).flags == RUDDER_TARGET_MEETS_HOOK);
    CHECK(target_of(image, 1, 0).flags == RUDDER_TARGET_MEETS_HOOK);
    CHECK(target_of(image, 2, 0).flags == 0);
    const auto* header = reinterpret_cast<const rudder_blob_header*>(image.blob.data());
    const auto* table = reinterpret_cast<const rudder_hook*>(image.blob.data() + header->hook_offset);
    for (std::uint32_t i = 0; i <= header->hook_mask; ++i) {
        CHECK((table[i].ifindex == 0 || table[i].direction == RUDDER_INGRESS));
    }
}

TEST_CASE("the hook for cut copies is asked for once, beside the rules there, and only while the mirror rule is installed") {
    Rule mirror = steer("m", "eth0", "eth1");
    mirror.type = RuleType::mirror;
    mirror.targets[0].snap = 96;
    Rule second = mirror, outside = steer("o", "eth1", "eth0");
    second.name = "n";
    outside.match.direction = Direction::egress;
    const Topology world = make_topology(2);
    CHECK(compiled(policy({mirror, second, outside}), world).hooks.size() == 2);
    mirror.match.interface.include = {"eth7"};
    CHECK(compiled(policy({mirror}), world).hooks.empty());
}

TEST_CASE("an ingress hook knows what its ICMP errors come from") {
    Topology topology = make_topology(4);
    const auto own = [](const char* text, AddressScope scope = AddressScope::global) {
        LinkAddress result;
        result.address = address(text);
        result.prefix_length = 24;
        result.scope = scope;
        return result;
    };
    Link& first = topology.links.at(find_link(topology, "eth0")->ifindex);
    Link& second = topology.links.at(find_link(topology, "eth1")->ifindex);
    first.addresses = {own("169.254.1.1", AddressScope::link), own("10.0.0.1"), own("10.0.0.2"), own("fe80::1", AddressScope::link)};
    second.addresses = {own("2001:db8::2")};
    Rule out = steer("out", "eth2", "eth3");
    out.match.direction = Direction::egress;
    const Image image = compiled(policy({steer("a", "eth0", "eth3"), steer("b", "eth1", "eth3"), steer("c", "eth2", "eth3"), out}), topology);
    const auto hook = [&](const char* name, Direction direction) {
        const rudder_blob_header header = header_of(image);
        for (std::uint32_t i = 0; i <= header.hook_mask; i++) {
            const auto record = record_at<rudder_hook>(image.blob, header.hook_offset + i * sizeof(rudder_hook));
            if (record.ifindex == find_link(topology, name)->ifindex && record.direction == static_cast<std::uint16_t>(direction)) {
                return record;
            }
        }
        return rudder_hook{};
    };
    for (const char* name : {"eth0", "eth1", "eth2"}) {
        INFO(name);
        const auto source = record_at<rudder_source>(image.blob, hook(name, Direction::ingress).source_offset);
        CHECK(std::memcmp(&source.v4_be, address("10.0.0.1").bytes.data(), 4) == 0);
        CHECK(std::memcmp(source.v6_be, address("2001:db8::2").bytes.data(), 16) == 0);
    }
    CHECK(hook("eth2", Direction::egress).source_offset == 0);
    CHECK(hook("eth0", Direction::ingress).flags == RUDDER_HOOK_OUTSIDE);
    CHECK(hook("eth2", Direction::ingress).flags == (RUDDER_HOOK_OUTSIDE | RUDDER_HOOK_BOTH));
    CHECK(hook("eth2", Direction::egress).flags == RUDDER_HOOK_BOTH);
}

TEST_CASE("an ingress hook says whether another one is above it") {
    Topology topology = make_topology(5);
    const auto link = [&](const char* name) -> Link& { return topology.links.at(find_link(topology, name)->ifindex); };
    link("eth0").master = link("eth1").ifindex;  // a port of eth1
    link("eth2").lower = link("eth1").ifindex;   // stacked on eth1, and a port of eth3, which is one of eth1: a ring
    link("eth2").master = link("eth3").ifindex;
    link("eth3").master = link("eth1").ifindex;
    const auto flags = [&](std::vector<Rule> rules, const char* name) {
        const Image image = compiled(policy(std::move(rules)), topology);
        const rudder_blob_header header = header_of(image);
        for (std::uint32_t i = 0; i <= header.hook_mask; i++) {
            const auto record = record_at<rudder_hook>(image.blob, header.hook_offset + i * sizeof(rudder_hook));
            if (record.ifindex == link(name).ifindex && record.direction == RUDDER_INGRESS) {
                return record.flags & RUDDER_HOOK_BELOW;
            }
        }
        return 0xffffffffu;
    };
    CHECK(flags({steer("a", "eth0", "eth4")}, "eth0") == 0);
    CHECK(flags({steer("a", "eth0", "eth4"), steer("b", "eth1", "eth4")}, "eth0") == RUDDER_HOOK_BELOW);
    CHECK(flags({steer("a", "eth0", "eth4"), steer("b", "eth3", "eth4")}, "eth0") == RUDDER_HOOK_BELOW);
    CHECK(flags({steer("a", "eth0", "eth4"), steer("b", "eth4", "eth0")}, "eth0") == 0);
    Rule out = steer("b", "eth1", "eth4");
    out.match.direction = Direction::egress;
    CHECK(flags({steer("a", "eth0", "eth4"), out}, "eth0") == 0);
}

TEST_CASE("a target says whether its device has an egress hook") {
    Rule out = steer("out", "eth1", "eth2");
    out.match.direction = Direction::egress;
    Rule waiting = steer("waiting", "eth2", "eth9");
    waiting.match.direction = Direction::egress;
    const Image image = compiled(policy({steer("in", "eth0", "eth1"), out, steer("back", "eth1", "eth0"), waiting}), make_topology(3));
    CHECK((target_of(image, 0).flags & RUDDER_TARGET_MEETS_HOOK) != 0);
    CHECK((target_of(image, 1).flags & RUDDER_TARGET_MEETS_HOOK) == 0);
    CHECK((target_of(image, 2).flags & RUDDER_TARGET_MEETS_HOOK) == 0);
}

TEST_CASE("rewrites are stored in network order") {
    Rule s = steer("s", "eth0", "eth1");
    s.failure_drops = true;
    s.targets[0].rewrite.dst_ip = address("192.168.100.1");
    s.targets[0].rewrite.dst_port = 0x1234;
    s.targets[0].rewrite.dscp = 46;
    s.targets[0].rewrite.ttl = {TtlAction::Mode::keep, 0};
    const Image image = compiled(policy({s}), make_topology(2));
    const rudder_target target = target_of(image, 0);
    CHECK(target.flags == (RUDDER_REWRITE_DST_IP | RUDDER_REWRITE_DST_PORT | RUDDER_REWRITE_DSCP));
    CHECK(std::memcmp(target.dst_be, "\xc0\xa8\x64\x01", 4) == 0);
    CHECK(std::memcmp(&target.dst_port_be, "\x12\x34", 2) == 0);
    CHECK(target.dscp == 46);
    CHECK(target.ttl_mode == RUDDER_TTL_KEEP);
    CHECK(rule_of(image, 0).action == RUDDER_ACTION_STEER);
    CHECK(rule_of(image, 0).flags == RUDDER_RULE_FAILURE_DROPS);
}

TEST_CASE("a new VLAN is an id, none is a flag of its own") {
    Rule s = steer("s", "eth0", "eth1");
    s.targets[0].rewrite.vlan = 0x123;
    Rule off = steer("off", "eth0", "eth1");
    off.targets[0].rewrite.vlan = 0;
    const Image image = compiled(policy({s, off, steer("plain", "eth0", "eth1")}), make_topology(2));
    CHECK(target_of(image, 0).flags == RUDDER_REWRITE_VLAN);
    CHECK(target_of(image, 0).vlan_id == 0x123);
    CHECK(target_of(image, 1).flags == RUDDER_POP_VLAN);
    CHECK(target_of(image, 1).vlan_id == 0);
    CHECK(target_of(image, 2).flags == 0);
}

TEST_CASE("the unicast copy of a multicast packet starts with TTL 64") {
    Rule copy = steer("m", "any", "eth1");
    copy.type = RuleType::replicate;
    copy.match.dst = {prefix("239.1.1.1")};
    copy.match.family_v6 = false;
    copy.targets[0].rewrite.dst_ip = address("10.10.1.1");
    Rule mixed = copy;
    mixed.name = "mixed";
    mixed.match.dst = {prefix("10.0.0.0/8"), prefix("239.1.1.1")};
    Rule chosen = copy;
    chosen.name = "chosen";
    chosen.targets[0].rewrite.ttl = {TtlAction::Mode::set, 9};
    const Image image = compiled(policy({copy, mixed, chosen}), make_topology(2));
    CHECK(target_of(image, 0).ttl_mode == RUDDER_TTL_SET);
    CHECK(target_of(image, 0).ttl == 64);
    CHECK(target_of(image, 1).ttl_mode == RUDDER_TTL_DECREMENT);
    CHECK(target_of(image, 2).ttl == 9);
}

TEST_CASE("three prefixes, four ports and five interfaces do not become sixty entries") {
    Rule r = rule("shared", RuleType::drop, "eth0");
    r.match.interface.include = {"eth0", "eth2", "eth4", "eth6", "eth8"};
    r.match.src = {prefix("10.0.0.0/8"), prefix("172.16.0.0/12"), prefix("192.168.0.0/16")};
    r.match.dst_ports = {{22, 22}, {80, 80}, {443, 443}, {8000, 8010}};
    r.match.family_v6 = false;
    const Policy small = policy({r, rule("rest", RuleType::pass, "any")});
    const Image image = compiled(small, make_topology(10));
    CHECK(entries_v4(image) == 3 + 1);
    CHECK(header_of(image).extension_bytes <= sizeof(rudder_extension) + 2 * sizeof(rudder_list));
}

TEST_CASE("a policy takes the smallest tier that holds it") {
    Random random(7);
    CHECK(compiled(make_policy(random, Shape::sparse, 100, 2), make_topology(2)).tier == 0);
    CHECK(compiled(make_policy(random, Shape::sparse, 3000, 2), make_topology(2)).tier == 1);
    REQUIRE(tiers().size() >= 4);
    for (std::size_t i = 1; i < tiers().size(); ++i) {
        CHECK(tiers()[i - 1].blob_bytes < tiers()[i].blob_bytes);
        CHECK(tiers()[i - 1].counter_slots < tiers()[i].counter_slots);
    }
}

TEST_CASE("one prefix far away from many others that lie close together compiles") {
    for (const int count : {10, 200, 401, 3000, 20000}) {
        std::vector<Rule> rules{rule("far", RuleType::drop, "eth0")};
        rules.back().match.dst = {prefix("239.1.1.1/32")};
        for (int i = 0; i < count; ++i) {
            rules.push_back(rule("near-" + std::to_string(i), RuleType::drop, "eth0"));
            rules.back().match.dst = {prefix("10." + std::to_string(64 + i / 250) + "." + std::to_string(i % 250) + ".0/24")};
        }
        const auto image = compile(policy(std::move(rules)), make_topology(2), {});
        CHECK(bool(image));
    }
}

TEST_CASE("too many rules are refused in words") {
    Policy large;
    large.rules.resize(RUDDER_MAX_RULES + 1);
    const auto image = compile(large, make_topology(1), {});
    REQUIRE_FALSE(image.is_ok());
    CHECK(image.error().message == "200001 rules: at most 200000 are possible");
}
