// SPDX-License-Identifier: Apache-2.0
#include "place.hpp"

using namespace rudder;
using namespace rudder::test;

/// Rows 15 to 18 and 26 to 28 of the list: what a rule takes, and what none takes unasked.
namespace {

/// One packet, with these tags, is steered by a rule for these VLANs, its tags with it; or not.
void check_tagged(Place& place, const std::vector<Vlan>& tags, const VlanMatch& vlan, bool is_taken) {
    Rule rule = place.steering(place.readdressing());
    rule.match.vlan = vlan;
    const Frame out = place.out({.dst = place.new_dst(), .tags = tags}) / Udp{} / payload(20);
    place.check({"tagged", policy({rule}), place.in({.tags = tags}) / Udp{} / payload(20),
                 is_taken ? k_redirect : k_next, is_taken ? out : Frame{}, RUDDER_REASON_NONE, is_taken});
}

const VlanMatch k_untagged{true, {}}, k_five{false, {{5, 5}}}, k_seven{false, {{7, 7}}};

void prove_ethertype(const std::string& subject, std::initializer_list<std::uint16_t> types, bool is_ip_inside) {
    prove(subject, [&](Place& place) {
        Frame inside = place.in() / Udp{} / payload(40);
        inside.erase(inside.begin(), inside.begin() + (is_ip_inside ? 14 : 54));
        for (const std::uint16_t type : types) {
            Ethernet ethernet = arriving();
            ethernet.type = type;
            place.check_untouched("ethertype " + std::to_string(type), ethernet / Bytes{inside});
            place.check_untouched("tagged", ethernet / Vlan{0xe000} / Bytes{inside});
        }
    });
}

/// Addresses that no rule takes unless it asks for them: `asked` lies inside the special range.
void prove_special(const std::string& subject, const std::string& asked, std::initializer_list<const char*> addresses,
                   const Filter& family, bool is_source = false) {
    prove(subject, family, [&](Place& place) {
        for (const char* special : addresses) {
            Ip ip;
            (is_source ? ip.src : ip.dst) = special;
            const Frame in = place.in(ip) / Udp{} / payload(20);
            place.check_untouched(special, in);
            Rule all = place.steering();
            all.match.dst = {prefix(place.pick("0.0.0.0/0", "::/0"))};
            place.check({"all of the family", policy({all}), in, k_next, {}, RUDDER_REASON_NONE, false});
            Rule asking = is_source ? place.steering() : steer(asked, {}, place.direction);
            if (is_source) {
                asking.match.src = {prefix(asked)};
            }
            place.check({"asked for", policy({asking}), in, k_redirect, place.out(ip) / Udp{} / payload(20)});
        }
    });
}

/// Does a rule for `dst` take a packet to that address?
void check_prefix(Place& place, const std::string& dst, const std::string& packet_dst, bool is_taken) {
    Rule rule = steer(dst, {}, place.direction);
    rule.match.family_v4 = place.is_v4();
    rule.match.family_v6 = !place.is_v4();
    const Ip ip{.dst = packet_dst};
    place.check({dst + " " + packet_dst, policy({rule}), place.in(ip) / Udp{} / payload(4),
                 is_taken ? k_redirect : k_next, is_taken ? Frame(place.out(ip) / Udp{} / payload(4)) : Frame{},
                 RUDDER_REASON_NONE, is_taken});
}

}  // namespace

TEST_CASE("vlan") {
    prove("vlan-priority", [](Place& place) {
        for (const std::uint16_t tpid : std::initializer_list<std::uint16_t>{0x8100, 0x88a8}) {
            check_tagged(place, {{0xe000, tpid}}, k_untagged, true);
            check_tagged(place, {{0xe000, tpid}}, k_five, false);
            check_tagged(place, {{0xe000, tpid}, {7, 0x8100}}, k_untagged, false);
            check_tagged(place, {{0xe000, tpid}, {7, 0x8100}}, k_seven, true);
        }
    });
    prove("vlan-one", [](Place& place) {
        for (const std::uint16_t tpid : std::initializer_list<std::uint16_t>{0x8100, 0x88a8}) {
            place.check_untouched("unasked", place.in({.tags = {{5, tpid}}}) / Udp{} / payload(20));
            for (const std::uint16_t tci : std::initializer_list<std::uint16_t>{0x0005, 0xf005}) {
                check_tagged(place, {{tci, tpid}}, k_untagged, false);
                check_tagged(place, {{tci, tpid}}, k_five, true);
                check_tagged(place, {{tci, tpid}}, k_seven, false);
                check_tagged(place, {{tci, tpid}}, k_vlan_any, true);
            }
        }
    });
    prove("vlan-qinq", [](Place& place) {
        for (const std::uint16_t tpid : std::initializer_list<std::uint16_t>{0x8100, 0x88a8}) {
            const std::vector<Vlan> tags{{5, tpid}, {7, 0x8100}};
            place.check_untouched("unasked", place.in({.tags = tags}) / Udp{} / payload(20));
            check_tagged(place, tags, k_untagged, false);
            check_tagged(place, tags, k_five, true);
            check_tagged(place, tags, k_seven, false);
        }
    });
    prove("vlan-three", [](Place& place) {
        for (const std::uint16_t id : std::initializer_list<std::uint16_t>{0, 5}) {
            const std::vector<Vlan> tags{{id, 0x88a8}, {id, 0x8100}, {id, 0x8100}};
            place.check_untouched("unasked", place.in({.tags = tags}) / Udp{} / payload(20));
            check_tagged(place, tags, k_vlan_any, false);
        }
    });
}

TEST_CASE("vlan-rewrite") {
    const struct {
        std::uint16_t vlan;
        std::vector<Vlan> before, after;
    } exchanges[] = {{7, {}, {{7}}},           {7, {{0xf005}}, {{0xf007}}},
                     {7, {{0xe000}}, {{0xe007}}}, {7, {{0x6005, 0x88a8}, {6}}, {{0x6007, 0x88a8}, {6}}},
                     {0, {{0x6005}}, {}},      {0, {{5, 0x88a8}, {0x6006}}, {{0x6006}}}};
    prove("vlan-rewrite", [&](Place& place) {
        for (const auto& [vlan, before, after] : exchanges) {
            Rewrite rewrite = place.readdressing(std::uint16_t{6000});
            rewrite.vlan = vlan;
            Rule rule = place.steering(rewrite);
            rule.match.vlan = k_vlan_any;
            REQUIRE(datapath().publish(policy({rule}), topology()));
            for (const TagPlace tag : {TagPlace::in_frame, TagPlace::beside}) {
                const Run run = place.run_tagged(place.in({.tags = before}) / Udp{} / payload(31), tag);
                CHECK(run.verdict == k_redirect);
                CHECK((run.frame == Frame(place.out({.dst = place.new_dst(), .tags = after}) / Udp{4000, 6000} / payload(31))));
            }
        }
    });
}

TEST_CASE("ethertype") {
    prove_ethertype("ethertype-arp", {0x0806, 0x8035}, false);
    prove_ethertype("ethertype-lldp", {0x88cc}, false);
    prove_ethertype("ethertype-stp", {0x0026, 0x05dc}, false);
    prove_ethertype("ethertype-pppoe", {0x8863, 0x8864}, true);
    prove_ethertype("ethertype-mpls", {0x8847, 0x8848}, true);
}

TEST_CASE("receivers") {
    prove("link-broadcast", [](Place& place) {
        const Ethernet all{{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, arriving().src, {}};
        const Frame in = place.head(all, {}, place.src(), place.dst(), 64) / Udp{} / payload(20);
        place.check_untouched("unasked", in);
        place.check({"a rule for the network", policy({place.steering()}), in, k_next, {}, RUDDER_REASON_NONE, false});
        if (place.is_v4()) {
            const std::string to_all = "255.255.255.255";
            const Frame asked = place.head(all, {.dst = to_all}, place.src(), {}, 64) / Udp{} / payload(20);
            place.check_untouched("a packet to all, unasked", asked);
            place.check({"asked for", policy({steer(place.host(to_all), {}, place.direction)}), asked, k_redirect,
                         place.out({.dst = to_all}) / Udp{} / payload(20)});
        }
    });
    prove("link-multicast", [](Place& place) {
        const Frame unicast = place.head(place.group_frame(), {}, place.src(), place.dst(), 64) / Udp{} / payload(20);
        place.check_untouched("a unicast packet", unicast);
        place.check(
            {"a rule for the network", policy({place.steering()}), unicast, k_next, {}, RUDDER_REASON_NONE, false});
        const Frame group =
            place.head(place.group_frame(), {.dst = place.group()}, place.src(), {}, 64) / Udp{} / payload(20);
        place.check_untouched("a group's packet", group);
        place.check({"a rule for the group", policy({steer(place.host(place.group()), {}, place.direction)}), group,
                     k_redirect, place.out({.dst = place.group()}) / Udp{} / payload(20)});
    });
    prove("other-host", only_ingress, [](Place& place) {
        const Ethernet other{{{2, 9, 9, 9, 9, 9}}, arriving().src, {}};
        const Frame in = place.head(other, {}, place.src(), place.dst(), 64) / Udp{} / payload(20);
        place.check_untouched("unasked", in, RUDDER_REASON_NOT_FOR_US);
        place.check(
            {"a rule for the network", policy({place.steering()}), in, k_next, {}, RUDDER_REASON_NOT_FOR_US, false});
    });
}

TEST_CASE("special") {
    prove("own-source", [](Place& place) {
        Topology world = topology();
        LinkAddress own;
        own.address = address(place.src());
        world.links[link_named("out1").ifindex].addresses = {own};
        const Frame in = place.in() / Udp{} / payload(20), out = place.out() / Udp{} / payload(20);
        Rule naming = place.steering();
        naming.match.src = {prefix(place.host(place.src()))};
        for (const Rule& rule : {place.steering(), naming}) {
            REQUIRE(datapath().publish(policy({rule}), world));
            const Run run = place.run(in);
            const bool is_taken = !place.is_ingress() || !rule.match.src.empty();
            CHECK(run.verdict == (is_taken ? k_redirect : k_next));
            CHECK((run.frame == (is_taken ? out : in)));
            CHECK(datapath().counts().packets.size() == (is_taken ? 1 : 0));
        }
    });
    prove_special("special-this-network", "0.0.0.0/8", {"0.0.0.0", "0.1.2.3"}, only_v4);
    prove_special("special-loopback", "127.0.0.0/8", {"127.0.0.1", "127.255.255.255"}, only_v4);
    prove_special("special-loopback", "::1/128", {"::1"}, only_v6);
    prove_special("special-unspecified", "::/128", {"::"}, only_v6);
    prove_special("special-link-local", "169.254.0.0/16", {"169.254.0.1", "169.254.255.255"}, only_v4);
    prove_special("special-link-local", "fe80::/10", {"fe80::1", "febf::1"}, only_v6);
    prove_special("special-local-groups", "224.0.0.0/24", {"224.0.0.1", "224.0.0.5", "224.0.0.255"}, only_v4);
    prove_special("special-local-groups", "ff02::/16", {"ff02::1", "ff02::1:ff00:1"}, only_v6);
    prove_special("special-interface-groups", "ff01::/16", {"ff01::1"}, only_v6);
    prove_special("special-broadcast", "255.255.255.255/32", {"255.255.255.255"}, only_v4);
    prove_special("special-multicast-source", "224.0.0.0/4", {"224.0.1.1", "239.1.1.1"}, only_v4, true);
    prove_special("special-multicast-source", "ff00::/8", {"ff05::1", "ff0e::1"}, only_v6, true);
}

TEST_CASE("prefixes") {
    prove("prefix-any", [](Place& place) {
        for (const std::string& dst :
             {place.dst(), place.new_dst(), place.pick("1.0.0.0", "::2"), place.pick("223.255.255.255", "fe00::1")}) {
            check_prefix(place, "", dst, true);
            check_prefix(place, place.pick("0.0.0.0/0", "::/0"), dst, true);
        }
    });
    prove("prefix-host", [](Place& place) {
        check_prefix(place, place.host(place.dst()), place.dst(), true);
        for (const std::string& dst : {place.pick("10.1.2.2", "2001:db8:1::2"), place.pick("10.1.2.4", "2001:db8:1::4"),
                                       place.pick("138.1.2.3", "a001:db8:1::3")}) {
            check_prefix(place, place.host(place.dst()), dst, false);
        }
    });
    prove("prefix-zero", [](Place& place) {
        const std::string zero = place.pick("0.0.0.0", "::");
        check_prefix(place, place.host(zero), zero, true);
        for (const std::string& dst :
             {place.dst(), place.new_dst(), place.pick("0.0.0.1", "::1"), place.pick("128.0.0.0", "8000::")}) {
            check_prefix(place, place.host(zero), dst, false);
        }
    });
}

TEST_CASE("hooks and rules") {
    prove("hook-is-attach-device", [](Place& place) {
        const Frame in = place.in() / Udp{} / payload(4);
        for (const char* name : {"in0", "out2"}) {
            Rule rule = place.steering();
            rule.match.interface.include = {name};
            REQUIRE(datapath().publish(policy({rule}), topology()));
            const Run run = place.run(in, {.received_on = link_named("out2").ifindex});
            CHECK(run.verdict == (name == std::string("in0") ? k_redirect : k_next));
            CHECK((run.frame == (name == std::string("in0") ? Frame(place.out() / Udp{} / payload(4)) : in)));
        }
        Rule other_way = steer(place.net(), {}, place.is_ingress() ? Direction::egress : Direction::ingress);
        place.check({"a rule of the other direction", policy({other_way}), in, k_next, {}, RUDDER_REASON_NONE, false});
    });
    prove("no-rules", [](Place& place) {
        for (const std::size_t size : {0u, 1u, 100u}) {
            place.check({"udp", policy({}), place.in() / Udp{} / payload(size), k_next, {}, RUDDER_REASON_NONE, false});
            place.check({"ttl 1",
                         policy({}),
                         place.in({.ttl = std::uint8_t{1}}) / Udp{} / payload(size),
                         k_next,
                         {},
                         RUDDER_REASON_NONE,
                         false});
        }
    });
    std::string why;
    const std::unique_ptr<Datapath> large = Datapath::load(why, 1);
    REQUIRE(large);
    prove("thousand-rules", [&](Place& place) {
        constexpr int k_rules = 1024;
        std::vector<Rule> rules;
        const auto dst = [&](int number) {
            return place.is_v4() ? "10.7." + std::to_string(number / 256) + "." + std::to_string(number % 256)
                                 : "2001:db8:" + std::to_string(number) + "::";
        };
        const auto port = [](int number) { return static_cast<std::uint16_t>(10000 + number); };
        for (int number = 0; number < k_rules; number++) {
            rules.push_back(steer(place.host(dst(number)), place.readdressing(port(number)), place.direction));
        }
        REQUIRE(large->publish(policy(rules), topology()));
        for (const int number : {0, 1, 511, 512, 1022, 1023}) {
            large->reset();
            const Run run = place.run(*large, place.in({.dst = dst(number)}) / Udp{} / payload(4));
            CHECK(run.verdict == k_redirect);
            CHECK((run.frame == Frame(place.out({.dst = place.new_dst()}) / Udp{4000, port(number)} / payload(4))));
            CHECK((large->counts().packets ==
                   std::map<CounterKey, std::uint64_t>{{{"r" + std::to_string(number), -1}, 1}}));
        }
        large->reset();
        const Frame other = place.in({.dst = dst(k_rules)}) / Udp{} / payload(4);
        CHECK((place.run(*large, other).frame == other));
        CHECK(large->counts().packets.empty());
    });
}
