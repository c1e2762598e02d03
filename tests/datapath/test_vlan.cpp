// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"
#include "receiver.hpp"

using namespace rudder;
using namespace rudder::test;

/// The VLAN rewrite. Frames are written with all their tags in them; where the kernel keeps the outermost one makes no
/// difference to what must come out.
namespace {

constexpr std::uint16_t k_none = 0;
constexpr TagPlace k_places[] = {TagPlace::in_frame, TagPlace::beside};
constexpr Direction k_directions[] = {Direction::ingress, Direction::egress};
using Tags = std::vector<Vlan>;

Rewrite vlan(std::uint16_t id) {
    Rewrite rewrite;
    rewrite.vlan = id;
    return rewrite;
}

Rule in_any_vlan(Rule rule) {
    rule.match.vlan = k_vlan_any;
    return rule;
}

Stack tagged(const Ethernet& ethernet, const Tags& tags) {
    Stack stack{{ethernet}};
    for (const Vlan& tag : tags) {
        stack.layers.emplace_back(tag);
    }
    return stack;
}

Run run(const Frame& frame, TagPlace place, Direction direction = Direction::ingress) {
    return datapath().run_tagged(frame, place, link_named("in0").ifindex, direction);
}

struct Exchange {
    const char* what;
    std::uint16_t vlan;
    Tags before;
    Tags after;
};

const std::vector<Exchange> k_exchanges = {
    {"put on", 7, {}, {{7}}},
    {"the last id put on", 4094, {}, {{4094}}},
    {"another id, with priority and DEI", 7, {{0xf005}}, {{0xf007}}},
    {"the same id", 5, {{0x6005}}, {{0x6005}}},
    {"a priority tag gets an id", 7, {{0xe000}}, {{0xe007}}},
    {"an 802.1ad tag stays one", 7, {{0x2005, 0x88a8}}, {{0x2007, 0x88a8}}},
    {"the outer one of two", 7, {{0x6005, 0x88a8}, {0x400a}}, {{0x6007, 0x88a8}, {0x400a}}},
    {"the outer one of two of a kind", 7, {{5}, {6}}, {{7}, {6}}},
    {"taken off", k_none, {{0xf005}}, {}},
    {"a priority tag taken off", k_none, {{0xe000}}, {}},
    {"an 802.1ad tag taken off", k_none, {{5, 0x88a8}}, {}},
    {"the outer one of two taken off", k_none, {{5, 0x88a8}, {0x6006}}, {{0x6006}}},
    {"the inner one may be 802.1ad", k_none, {{5}, {6, 0x88a8}}, {{6, 0x88a8}}},
    {"none to take off", k_none, {}, {}},
};

void check_exchange(const Exchange& exchange, const Stack& inner_before, const Stack& inner_after, TagPlace place,
                    Direction direction) {
    Stack in = tagged(arriving(), exchange.before), out = tagged(leaving(), exchange.after);
    in.layers.insert(in.layers.end(), inner_before.layers.begin(), inner_before.layers.end());
    out.layers.insert(out.layers.end(), inner_after.layers.begin(), inner_after.layers.end());
    const Frame frame = in, want = out;
    const Run got = run(frame, place, direction);
    INFO(exchange.what << (place == TagPlace::beside ? ", beside" : ", in the frame")
                       << (direction == Direction::egress ? ", egress" : ", ingress") << "\nin   " << hex(frame)
                       << "\nwant " << hex(want) << "\ngot  " << hex(got.frame));
    CHECK(got.verdict == k_redirect);
    CHECK((got.frame == want));
    const Counts counts = datapath().counts();
    CHECK(counts.reasons.empty());
    CHECK((counts.packets == std::map<CounterKey, std::uint64_t>{{{"r", -1}, 1}}));
    datapath().reset();
}

/// One replicate rule with these targets.
Rule copies(std::vector<Target> targets, bool original_passes, Direction direction = Direction::ingress) {
    Rule result = in_any_vlan(rule(RuleType::replicate, "10.0.0.0/8", direction));
    result.targets = std::move(targets);
    result.original_passes = original_passes;
    return result;
}

Topology with_layer3(const char* name) {
    Topology result = topology();
    result.links[link_named(name).ifindex].is_layer3 = true;
    return result;
}

}  // namespace

TEST_CASE("the outermost tag is exchanged, put on or taken off, wherever the kernel keeps it") {
    for (const Exchange& exchange : k_exchanges) {
        for (const Direction direction : k_directions) {
            const auto ttl = static_cast<std::uint8_t>(direction == Direction::ingress ? 63 : 64);
            Rule v4 = in_any_vlan(steer("10.0.0.0/8", vlan(exchange.vlan), direction));
            Rule v6 = in_any_vlan(steer("2001:db8:1::/48", vlan(exchange.vlan), direction));
            for (const TagPlace place : k_places) {
                REQUIRE(datapath().publish(policy({v4}), topology()));
                check_exchange(exchange, Ipv4{} / Udp{} / payload(31), Ipv4{.ttl = ttl} / Udp{} / payload(31), place,
                               direction);
                check_exchange(exchange, Ipv4{.option_bytes = 8} / Tcp{} / payload(1),
                               Ipv4{.ttl = ttl, .option_bytes = 8} / Tcp{} / payload(1), place, direction);
                REQUIRE(datapath().publish(policy({v6}), topology()));
                check_exchange(exchange, Ipv6{} / Udp{} / payload(8), Ipv6{.hop_limit = ttl} / Udp{} / payload(8),
                               place, direction);
                check_exchange(exchange, Ipv6{} / Extension{.type = 0} / Tcp{} / payload(9),
                               Ipv6{.hop_limit = ttl} / Extension{.type = 0} / Tcp{} / payload(9), place, direction);
            }
        }
    }
}

TEST_CASE("with a new tag everything else is rewritten in its place, checksums too") {
    for (const Exchange& exchange : k_exchanges) {
        Rewrite rewrite = vlan(exchange.vlan);
        rewrite.dst_ip = address("192.168.100.1");
        rewrite.src_port = 7000;
        rewrite.dst_port = 6000;
        rewrite.dscp = 46;
        REQUIRE(datapath().publish(policy({in_any_vlan(steer("10.0.0.0/8", rewrite))}), topology()));
        const Ipv4 after{.dst = "192.168.100.1", .ttl = 63, .tos = 46 << 2};
        for (const TagPlace place : k_places) {
            check_exchange(exchange, Ipv4{} / Udp{} / payload(31), after / Udp{7000, 6000} / payload(31), place,
                           Direction::ingress);
            check_exchange(exchange, Ipv4{} / Tcp{4000, 5000, 12} / payload(32),
                           after / Tcp{7000, 6000, 12} / payload(32), place, Direction::ingress);
            check_exchange(exchange, Ipv4{} / Udp{1, 2, std::uint16_t{0}} / payload(3),
                           after / Udp{7000, 6000, std::uint16_t{0}} / payload(3), place, Direction::ingress);
        }
    }
}

// With a tag in the frame a test run cannot tell: it is at no hook, and the kernel sums the link-layer header at an
// ingress hook only.
TEST_CASE("the kernel's sum of a summed packet stays right when a tag is put on") {
    Rewrite rewrite = vlan(7);
    rewrite.dst_ip = address("2001:db8:9::1");
    REQUIRE(datapath().publish(policy({steer("2001:db8:1::/48", rewrite)}), topology()));
    const Frame in = arriving() / Ipv6{} / Udp{} / payload(31);
    CHECK(datapath()
              .run_tagged(in, TagPlace::in_frame, link_named("in0").ifindex, Direction::ingress, {.is_summed = true})
              .verdict == k_redirect);
}

TEST_CASE("a packet that leaves by the device it is on gets its tag in place") {
    Rule out = in_any_vlan(rule(RuleType::steer, "10.0.0.0/8", Direction::egress));
    for (const Exchange& exchange : k_exchanges) {
        out.targets = {target("in0", vlan(exchange.vlan))};
        REQUIRE(datapath().publish(policy({out}), topology()));
        for (const TagPlace place : k_places) {
            Stack in = tagged(arriving(), exchange.before), want = tagged(leaving("in0"), exchange.after);
            for (const auto& layer : (Ipv4{} / Udp{} / payload(5)).layers) {
                in.layers.push_back(layer);
                want.layers.push_back(layer);
            }
            const Run got = run(in, place, Direction::egress);
            INFO(exchange.what << "\nwant " << hex(want) << "\ngot  " << hex(got.frame));
            CHECK(got.verdict == k_next);
            CHECK((got.frame == want.build()));
        }
    }
}

TEST_CASE("where the kernel has to resolve, it can as soon as no tag is left in the frame") {
    for (const Exchange& exchange : k_exchanges) {
        Rule away = in_any_vlan(steer("10.0.0.0/8", vlan(exchange.vlan)));
        away.targets[0].next_hop_mac.reset();
        REQUIRE(datapath().publish(policy({away}), topology()));
        for (const TagPlace place : k_places) {
            Stack in = tagged(arriving(), exchange.before), want = tagged(arriving(), exchange.after);
            for (const auto& layer : (Ipv4{} / Udp{} / payload(5)).layers) {
                in.layers.push_back(layer);
            }
            want = want / Ipv4{.ttl = 63} / Udp{} / payload(5);
            const Run got = run(in, place);
            INFO(exchange.what << "\nwant " << hex(want) << "\ngot  " << hex(got.frame));
            const bool is_possible = exchange.after.size() < 2;
            CHECK(got.verdict == (is_possible ? k_redirect : k_next));
            CHECK((got.frame == (is_possible ? want.build() : in.build())));
            CHECK((datapath().counts().reasons[RUDDER_REASON_NO_NEIGHBOUR] == (is_possible ? 0u : 1u)));
            datapath().reset();
        }
    }
}

TEST_CASE("a device without Ethernet header gets packets without a tag only") {
    const Stack ip = Ipv4{} / Udp{} / payload(5);
    for (const Exchange& exchange : k_exchanges) {
        REQUIRE(
            datapath().publish(policy({in_any_vlan(steer("10.0.0.0/8", vlan(exchange.vlan)))}), with_layer3("out0")));
        for (const TagPlace place : k_places) {
            Stack in = tagged(arriving(), exchange.before), want = tagged(arriving(), exchange.after);
            in.layers.insert(in.layers.end(), ip.layers.begin(), ip.layers.end());
            want = want / Ipv4{.ttl = 63} / Udp{} / payload(5);
            const Run got = run(in, place);
            INFO(exchange.what << "\nwant " << hex(want) << "\ngot  " << hex(got.frame));
            const bool is_possible = exchange.after.empty();
            CHECK(got.verdict == (is_possible ? k_redirect : k_next));
            CHECK((got.frame == (is_possible ? want.build() : in.build())));
            CHECK((datapath().counts().reasons[RUDDER_REASON_NOT_WRITABLE] == (is_possible ? 0u : 1u)));
            datapath().reset();
        }
    }
}

TEST_CASE("a packet from a device without Ethernet header gets header and tag, but not on such a device") {
    const Frame in = Ipv4{} / Udp{} / payload(40);
    Rule away = rule(RuleType::steer, "10.0.0.0/8", Direction::egress);
    away.targets = {target("out0", vlan(7))};
    REQUIRE(datapath().publish(policy({away}), with_layer3("in0")));
    const Run got = run(in, TagPlace::in_frame, Direction::egress);
    CHECK(got.verdict == k_redirect);
    CHECK((got.frame == Frame(leaving() / Vlan{7} / Ipv4{} / Udp{} / payload(40))));
    away.targets = {target("in0", vlan(7))};
    REQUIRE(datapath().publish(policy({away}), with_layer3("in0")));
    const Run stayed = run(in, TagPlace::in_frame, Direction::egress);
    CHECK(stayed.verdict == k_next);
    CHECK((stayed.frame == in));
    CHECK((datapath().counts().failures[{{"r", -1}, RUDDER_REASON_NOT_WRITABLE}] == 1));
}

TEST_CASE("a packet that is not sent keeps its tag") {
    Topology world = topology();
    world.links[link_named("out0").ifindex].is_up = false;
    REQUIRE(datapath().publish(policy({in_any_vlan(steer("10.0.0.0/8", vlan(7)))}), world));
    for (const TagPlace place : k_places) {
        const Frame in = arriving() / Vlan{0x6005} / Ipv4{} / Udp{} / payload(5);
        const Run got = run(in, place);
        CHECK(got.verdict == k_next);
        CHECK((got.frame == in));
        CHECK((datapath().counts().failures[{{"r", -1}, RUDDER_REASON_LINK_DOWN}] == 1));
        datapath().reset();
    }
}

TEST_CASE("each copy has the tag of its target, and the original its own") {
    const std::vector<std::uint16_t> ids = {7, k_none, 8, 9};
    for (const Direction direction : k_directions) {
        for (const bool passes : {false, true}) {
            for (const Tags& before : {Tags{}, Tags{{0x6005}}, Tags{{0xa005, 0x88a8}}}) {
                std::vector<Target> targets;
                for (const std::uint16_t id : ids) {
                    targets.push_back(target("out0", vlan(id)));
                    targets.push_back(target("out1"));
                }
                REQUIRE(datapath().publish(policy({copies(targets, passes, direction)}), topology()));
                for (const TagPlace place : k_places) {
                    Receiver first("p-out0"), second("p-out1");
                    const Frame in = tagged(arriving(), before) / Ipv4{} / Udp{} / payload(9);
                    const Run got = run(in, place, direction);
                    CHECK(got.verdict == (passes ? k_next : k_drop));
                    CHECK((!passes || got.frame == in));
                    const auto retagged = first.take(ids.size()), same = second.take(ids.size());
                    REQUIRE(retagged.size() == ids.size());
                    REQUIRE(same.size() == ids.size());
                    const Ipv4 ip{.ttl = static_cast<std::uint8_t>(direction == Direction::ingress ? 63 : 64)};
                    for (std::size_t i = 0; i < ids.size(); i++) {
                        Frame want = tagged(leaving("out0"), before) / ip / Udp{} / payload(9);
                        if (ids[i] == k_none && !before.empty()) {
                            want.erase(want.begin() + 12, want.begin() + 16);
                        } else if (ids[i] != k_none) {
                            const Vlan tag = before.empty()
                                                 ? Vlan{ids[i]}
                                                 : Vlan{static_cast<std::uint16_t>((before[0].tci & 0xf000) | ids[i]),
                                                        before[0].tpid};
                            want = leaving("out0") / tag / ip / Udp{} / payload(9);
                        }
                        INFO("copy " << i << "\nwant " << hex(want) << "\ngot  " << hex(retagged[i]));
                        CHECK((retagged[i] == want));
                        CHECK((same[i] == Frame(tagged(leaving("out1"), before) / ip / Udp{} / payload(9))));
                    }
                    CHECK(datapath().counts().reasons.empty());
                }
            }
        }
    }
}

TEST_CASE("of a packet with two tags copies get a new one unless the original goes on to the stack") {
    const Frame in = arriving() / Vlan{5, 0x88a8} / Vlan{6} / Ipv4{} / Udp{} / payload(9);
    for (const Direction direction : k_directions) {
        for (const bool passes : {false, true}) {
            const Ipv4 ip{.ttl = static_cast<std::uint8_t>(direction == Direction::ingress ? 63 : 64)};
            REQUIRE(datapath().publish(
                policy({copies({target("out0", vlan(7)), target("out0", vlan(k_none)), target("out0")}, passes,
                               direction)}),
                topology()));
            for (const TagPlace place : k_places) {
                std::vector<Frame> want = {leaving() / Vlan{7, 0x88a8} / Vlan{6} / ip / Udp{} / payload(9),
                                           leaving() / Vlan{6} / ip / Udp{} / payload(9),
                                           leaving() / Vlan{5, 0x88a8} / Vlan{6} / ip / Udp{} / payload(9)};
                const bool is_refused = passes && direction == Direction::ingress;
                if (is_refused) {
                    want = {want[2]};
                }
                Receiver receiver("p-out0");
                const Run got = run(in, place, direction);
                CHECK(got.verdict == (passes ? k_next : k_drop));
                CHECK((!passes || got.frame == in));
                CHECK((receiver.take(want.size()) == want));
                CHECK((datapath().counts().failures[{{"r", 0}, RUDDER_REASON_NOT_WRITABLE}] == (is_refused ? 1u : 0u)));
                CHECK((datapath().counts().failures[{{"r", 1}, RUDDER_REASON_NOT_WRITABLE}] == (is_refused ? 1u : 0u)));
                datapath().reset();
            }
        }
    }
}

TEST_CASE("copies with tags follow copies with rewritten ports, and the other way round") {
    Rewrite rewritten = vlan(8);
    rewritten.dst_ip = address("10.9.9.9");
    rewritten.dst_port = 6000;
    Rewrite plain;
    plain.dst_port = 6001;
    const std::vector<Target> targets = {target("out0", rewritten), target("out0", plain), target("out0", vlan(k_none)),
                                         target("out0", rewritten)};
    REQUIRE(datapath().publish(policy({copies(targets, true)}), topology()));
    const Frame in = arriving() / Vlan{0x6005} / Ipv4{} / Tcp{} / payload(9);
    const Ipv4 after{.ttl = 63}, moved{.dst = "10.9.9.9", .ttl = 63};
    const std::vector<Frame> want = {leaving() / Vlan{0x6008} / moved / Tcp{4000, 6000} / payload(9),
                                     leaving() / Vlan{0x6005} / after / Tcp{4000, 6001} / payload(9),
                                     leaving() / after / Tcp{} / payload(9),
                                     leaving() / Vlan{0x6008} / moved / Tcp{4000, 6000} / payload(9)};
    for (const TagPlace place : k_places) {
        Receiver receiver("p-out0");
        const Run got = run(in, place);
        CHECK(got.verdict == k_next);
        CHECK((got.frame == in));
        CHECK((receiver.take(want.size()) == want));
    }
}
