// SPDX-License-Identifier: Apache-2.0
#include "place.hpp"

#include <algorithm>

using namespace rudder;
using namespace rudder::test;

/// Rows 12 to 14, 19, 20 and 24 of the list: what a packet is like when it is sent on, and when it cannot be.
namespace {

constexpr std::uint32_t k_mtu = 1300;

LinkAddress own(const std::string& text) {
    LinkAddress result;
    result.address = address(text);
    result.prefix_length = 24;
    return result;
}

/// in0 has addresses, out0 a small MTU.
Topology small_world() {
    Topology result = topology();
    result.links[link_named("in0").ifindex].addresses = {own("192.0.2.254"), own("2001:db8::fe")};
    result.links[link_named("out0").ifindex].mtu = k_mtu;
    return result;
}

/// The ICMP error about `frame` that goes back by the device it came from: from that device at ingress; at egress, into
/// the own stack, as if from the destination. *Source*: RFC 1191, RFC 1812 5.2.7.2, RFC 4443 3.2.
Frame told(const Place& place, const Frame& frame, std::uint8_t type, std::uint8_t code, std::uint32_t rest) {
    Bytes quote{Frame(frame.begin() + 14, frame.end())};
    quote.bytes.resize(std::min<std::size_t>(quote.bytes.size(), place.is_v4() ? 548 : 1232));
    const Ethernet back{arriving().src, link_named("in0").mac, {}};
    const std::string from = place.is_ingress() ? place.pick("192.0.2.254", "2001:db8::fe") : place.dst();
    if (place.is_v4()) {
        return back / Ipv4{.src = from, .dst = place.src(), .tos = 0xc0, .fragment = 0x4000, .identification = 0} /
               Icmp{type, code, rest} / quote;
    }
    return back / Ipv6{.src = from, .dst = place.src(), .flow_label = 0} / Icmp6{type, code, rest} / quote;
}

/// Runs a packet that cannot be sent.
void check_failing(Place& place, const std::string& what, const Rule& refused, const Frame& in, int verdict,
                   const Frame& out, const std::map<std::uint32_t, std::uint64_t>& reasons) {
    INFO(what);
    REQUIRE(datapath().publish(policy({refused}), small_world()));
    const Run run = place.run(in);
    INFO("in   " << hex(in) << "\nwant " << hex(out) << "\ngot  " << hex(run.frame));
    CHECK(run.verdict == verdict);
    CHECK((run.frame == out));
    CHECK((datapath().counts().reasons == reasons));
    CHECK((datapath().counts().packets == std::map<CounterKey, std::uint64_t>{{{"r", -1}, 1}}));
}

/// Runs a packet with this TTL through a plain steer, which leaves with another.
void check_ttl(Place& place, std::uint8_t in, std::uint8_t out, const Rewrite& rewrite = {}) {
    place.check({"ttl " + std::to_string(in), policy({place.steering(rewrite)}),
                 place.in({.ttl = in}) / Udp{} / payload(4), k_redirect, place.out({.ttl = out}) / Udp{} / payload(4)});
    Rewrite moved = rewrite;
    moved.dst_ip = address(place.new_dst());
    place.check({"ttl " + std::to_string(in) + ", rewritten", policy({place.steering(moved)}),
                 place.in({.ttl = in}) / Tcp{} / payload(4), k_redirect,
                 place.out({.dst = place.new_dst(), .ttl = out}) / Tcp{} / payload(4)});
}

/// At ingress nobody sends on what arrives with TTL 0 or 1; at egress it has been judged already.
void check_last_ttl(Place& place, std::uint8_t ttl) {
    if (!place.is_ingress()) {
        return check_ttl(place, ttl, ttl);
    }
    for (const bool drops : {false, true}) {
        Rule plain = place.steering(), moved = place.steering(place.readdressing());
        plain.failure_drops = moved.failure_drops = drops;
        for (const Rule& rule : {plain, moved}) {
            place.check({"left to the stack",
                         policy({rule}),
                         place.in({.ttl = ttl}) / Udp{} / payload(4),
                         k_next,
                         {},
                         RUDDER_REASON_TTL_EXPIRED});
        }
    }
}

}  // namespace

TEST_CASE("too-big") {
    prove("too-big", [](Place& place) {
        const std::uint8_t type = place.is_v4() ? 3 : 2, code = place.is_v4() ? 4 : 0;
        const std::size_t fits = k_mtu - (place.transport_at() - 14) - 8;
        const std::map<std::uint32_t, std::uint64_t> reasons{{RUDDER_REASON_TOO_BIG, 1}, {RUDDER_REASON_ICMP_SENT, 1}};
        for (const bool drops : {false, true}) {
            Rule plain = place.steering(), moved = place.steering(place.readdressing());
            plain.failure_drops = moved.failure_drops = drops;
            for (const Rule& rule : {plain, moved}) {
                for (const std::size_t more : {1u, 2u, 150u}) {
                    const Frame udp = place.in({.is_unbreakable = true}) / Udp{} / payload(fits + more);
                    const Frame tcp = place.in({.is_unbreakable = true}) / Tcp{} / payload(fits - 12 + more);
                    check_failing(place, "udp", rule, udp, k_redirect, told(place, udp, type, code, k_mtu), reasons);
                    check_failing(place, "tcp", rule, tcp, k_redirect, told(place, tcp, type, code, k_mtu), reasons);
                }
            }
            const Frame just = place.in({.is_unbreakable = true}) / Udp{} / payload(fits);
            check_failing(place, "just fits", plain, just, k_redirect,
                          place.out({.is_unbreakable = true}) / Udp{} / payload(fits), {});
        }
    });
}

TEST_CASE("too-big-may-fragment") {
    prove("too-big-may-fragment", only_v4, [](Place& place) {
        Rule drops = place.steering();
        drops.failure_drops = true;
        for (const std::uint16_t field : std::initializer_list<std::uint16_t>{0, 0x2000}) {
            const Frame in = place.in({.fragment = field}) / Udp{} / payload(1400);
            check_failing(place, "pass", place.steering(), in, k_next, in, {{RUDDER_REASON_TOO_BIG, 1}});
            check_failing(place, "drop", drops, in, k_redirect, told(place, in, 3, 4, k_mtu),
                          {{RUDDER_REASON_TOO_BIG, 1}, {RUDDER_REASON_ICMP_SENT, 1}});
        }
    });
}

TEST_CASE("ttl") {
    prove("ttl-0", [](Place& place) { check_last_ttl(place, 0); });
    prove("ttl-1", [](Place& place) { check_last_ttl(place, 1); });
    prove("ttl-2", [](Place& place) { check_ttl(place, 2, place.sent_ttl(2)); });
    prove("ttl-255", [](Place& place) { check_ttl(place, 255, place.sent_ttl(255)); });
    prove("ttl-keep", [](Place& place) {
        Rewrite keep;
        keep.ttl.mode = TtlAction::Mode::keep;
        for (const std::uint8_t ttl : std::initializer_list<std::uint8_t>{0, 1, 2, 64, 255}) {
            check_ttl(place, ttl, ttl, keep);
        }
    });
    prove("ttl-set", [](Place& place) {
        for (const std::uint8_t ttl : std::initializer_list<std::uint8_t>{0, 1, 2, 64, 255}) {
            for (const std::uint8_t value : std::initializer_list<std::uint8_t>{1, 64, 255}) {
                Rewrite set;
                set.ttl = {TtlAction::Mode::set, value};
                check_ttl(place, ttl, value, set);
            }
        }
    });
    prove("ttl-copy-of-group", [](Place& place) {
        for (const std::uint8_t ttl : std::initializer_list<std::uint8_t>{1, 2, 200}) {
            const Frame in =
                place.head(place.group_frame(), {.dst = place.group()}, place.src(), {}, ttl) / Udp{} / payload(4);
            place.check({"to a unicast address",
                         policy({steer(place.host(place.group()), place.readdressing(), place.direction)}), in,
                         k_redirect,
                         place.out({.dst = place.new_dst(), .ttl = std::uint8_t{64}}) / Udp{} / payload(4)});
        }
    });
}

TEST_CASE("tos") {
    prove("tos", [](Place& place) {
        Rewrite mark;
        mark.dscp = 46;
        Rule odd = place.steering(mark), kept = place.steering();
        odd.match.dscp = kept.match.dscp = 0xaaaaaaaaaaaaaaaaull;
        for (const Rule& rule : {kept, odd}) {
            for (unsigned tos = 0; tos < 256; tos++) {
                const bool is_odd = (tos >> 2 & 1) != 0;
                const auto value = static_cast<std::uint8_t>(tos),
                           marked = static_cast<std::uint8_t>(46 << 2 | (tos & 3));
                const bool is_marked = rule.targets[0].rewrite.dscp.has_value();
                const Frame out = place.out({.tos = is_marked ? marked : value}) / Udp{} / payload(4);
                place.check({"tos " + std::to_string(tos), policy({rule}),
                             place.in({.tos = value}) / Udp{} / payload(4), is_odd ? k_redirect : k_next,
                             is_odd ? out : Frame{}, RUDDER_REASON_NONE, is_odd});
            }
        }
    });
}

TEST_CASE("macs") {
    prove("source-mac", [](Place& place) {
        for (const char* via : {"out0", "out1", "out2"}) {
            Rule other = place.steering();
            other.targets[0].via = via;
            place.check(
                {via, policy({other}), place.in() / Udp{} / payload(4), k_redirect,
                 place.head(leaving(via), {}, place.src(), place.dst(), place.sent_ttl()) / Udp{} / payload(4)});
        }
    });
    prove("group-mac", [](Place& place) {
        const struct {
            std::string group;
            MacAddress mac;
        } groups[] = {
            {place.pick("239.255.129.3", "ff0e::1:2:8003"),
             place.is_v4() ? MacAddress{{1, 0, 0x5e, 0x7f, 0x81, 3}} : MacAddress{{0x33, 0x33, 0, 2, 0x80, 3}}},
            {place.pick("224.128.0.1", "ff05::1"),
             place.is_v4() ? MacAddress{{1, 0, 0x5e, 0, 0, 1}} : MacAddress{{0x33, 0x33, 0, 0, 0, 1}}}};
        for (const auto& [group, mac] : groups) {
            Rewrite rewrite;
            rewrite.dst_ip = address(group);
            Rule other = place.steering(rewrite);
            other.targets[0].next_hop_mac.reset();
            place.check(
                {group, policy({other}), place.in() / Udp{} / payload(4), k_redirect,
                 place.head({mac, link_named("out0").mac, {}}, {.dst = group}, place.src(), {}, place.sent_ttl()) /
                     Udp{} / payload(4)});
        }
    });
}

TEST_CASE("devices") {
    prove("via-down", [](Place& place) {
        Topology world = topology();
        world.links[link_named("out0").ifindex].is_up = false;
        const Frame in = place.in() / Udp{} / payload(4);
        for (const bool drops : {false, true}) {
            Rule refused = place.steering();
            refused.failure_drops = drops;
            REQUIRE(datapath().publish(policy({refused}), world));
            const Run run = place.run(in);
            CHECK(run.verdict == (drops ? k_drop : k_next));
            CHECK((run.frame == in));
            CHECK((datapath().counts().failures == std::map<std::pair<CounterKey, std::uint32_t>, std::uint64_t>{
                                                       {{{"r", -1}, RUDDER_REASON_LINK_DOWN}, 1}}));
        }
    });
    prove("via-same", [](Place& place) {
        Rule same = place.steering(place.readdressing());
        same.targets[0].via = "in0";
        place.check({"same", policy({same}), place.in() / Udp{} / payload(4), place.is_ingress() ? k_redirect : k_next,
                     place.head(leaving("in0"), {.dst = place.new_dst()}, place.src(), {}, place.sent_ttl()) / Udp{} /
                         payload(4)});
    });
    // The kernel reads a receiver from the first six bytes of a test run's frame: at ingress a bare IPv6 packet is
    // another host's.
    prove("from-layer3", only_egress, [](Place& place) {
        Topology world = topology();
        world.links[link_named("in0").ifindex].is_layer3 = true;
        world.links[link_named("in0").ifindex].mac = {};
        REQUIRE(datapath().publish(policy({place.steering(place.readdressing())}), world));
        const Frame framed = place.in() / Udp{} / payload(40),
                    want = place.out({.dst = place.new_dst()}) / Udp{} / payload(40);
        const Run run = place.run(Frame(framed.begin() + 14, framed.end()));
        INFO("want " << hex(want) << "\ngot  " << hex(run.frame));
        CHECK(run.verdict == k_redirect);
        CHECK((run.frame == want));
    });
}
