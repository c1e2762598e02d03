// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

using namespace rudder;
using namespace rudder::test;

namespace {

Rewrite to(const std::string& dst, std::optional<std::uint16_t> port = {}) {
    Rewrite rewrite;
    rewrite.dst_ip = address(dst);
    rewrite.dst_port = port;
    return rewrite;
}

const std::string k_from = "10.1.2.3", k_to = "192.168.100.1";
const std::string k_from6 = "2001:db8:1::3", k_to6 = "2001:db8:9::abcd";

Ipv4 before(unsigned options = 0) { Ipv4 ip; ip.dst = k_from; ip.option_bytes = options; return ip; }
Ipv4 after(unsigned options = 0) { Ipv4 ip; ip.dst = k_to; ip.ttl = 63; ip.option_bytes = options; return ip; }
Ipv6 before6() { Ipv6 ip; ip.dst = k_from6; return ip; }
Ipv6 after6() { Ipv6 ip; ip.dst = k_to6; ip.hop_limit = 63; return ip; }
Policy rewriting() { return policy({steer("10.0.0.0/8", to(k_to))}); }
Policy rewriting6() { return policy({steer("2001:db8:1::/48", to(k_to6))}); }

}  // namespace

TEST_CASE("steer without rewrite changes TTL and MACs only") {
    check({"udp", policy({steer("10.0.0.0/8")}), arriving() / before() / Udp{} / payload(30), k_redirect,
           leaving() / Ipv4{.dst = k_from, .ttl = 63} / Udp{} / payload(30)});
    check({"udp over v6", policy({steer("2001:db8:1::/48")}), arriving() / before6() / Udp{} / payload(30), k_redirect,
           leaving() / Ipv6{.dst = k_from6, .hop_limit = 63} / Udp{} / payload(30)});
    check({"a protocol nobody knows", policy({steer("10.0.0.0/8")}), arriving() / Ipv4{.dst = k_from, .protocol = 253} / payload(30),
           k_redirect, leaving() / Ipv4{.dst = k_from, .ttl = 63, .protocol = 253} / payload(30)});
}

TEST_CASE("every transport has the checksum of its new destination") {
    check({"udp", rewriting(), arriving() / before() / Udp{} / payload(31), k_redirect, leaving() / after() / Udp{} / payload(31)});
    check({"tcp", rewriting(), arriving() / before() / Tcp{} / payload(7), k_redirect, leaving() / after() / Tcp{} / payload(7)});
    check({"tcp options", rewriting(), arriving() / before() / Tcp{1, 2, 40} / payload(8), k_redirect,
           leaving() / after() / Tcp{1, 2, 40} / payload(8)});
    check({"udp-lite", rewriting(), arriving() / before() / Udp{1, 2, {}, 136} / payload(9), k_redirect,
           leaving() / after() / Udp{1, 2, {}, 136} / payload(9)});
    check({"dccp", rewriting(), arriving() / before() / Dccp{} / payload(10), k_redirect, leaving() / after() / Dccp{} / payload(10)});
    check({"sctp", rewriting(), arriving() / before() / Sctp{} / payload(10), k_redirect, leaving() / after() / Sctp{} / payload(10)});
    check({"icmp", rewriting(), arriving() / before() / Icmp{} / payload(11), k_redirect, leaving() / after() / Icmp{} / payload(11)});
    check({"icmpv6", rewriting6(), arriving() / before6() / Icmp6{} / payload(11), k_redirect, leaving() / after6() / Icmp6{} / payload(11)});
    check({"udp over v6", rewriting6(), arriving() / before6() / Udp{} / payload(12), k_redirect, leaving() / after6() / Udp{} / payload(12)});
    check({"tcp over v6", rewriting6(), arriving() / before6() / Tcp{} / payload(13), k_redirect, leaving() / after6() / Tcp{} / payload(13)});
}

TEST_CASE("a UDP checksum of 0 stays 0, with ports rewritten too") {
    const Policy ports = policy({steer("10.0.0.0/8", to(k_to, std::uint16_t{6000}))});
    check({"address", rewriting(), arriving() / before() / Udp{1, 2, std::uint16_t{0}} / payload(20), k_redirect,
           leaving() / after() / Udp{1, 2, std::uint16_t{0}} / payload(20)});
    check({"port", ports, arriving() / before() / Udp{1, 2, std::uint16_t{0}} / payload(20), k_redirect,
           leaving() / after() / Udp{1, 6000, std::uint16_t{0}} / payload(20)});
}

TEST_CASE("a UDP checksum that comes out as 0 is sent as ffff") {
    // The source port is chosen so that everything sums up to ffff after the rewrite.
    for (std::uint32_t port = 0; port < 65536; port++) {
        const Frame out = leaving() / after() / Udp{static_cast<std::uint16_t>(port), 5000} / payload(4);
        if (out[40] == 0xff && out[41] == 0xff) {
            check({"ffff", rewriting(), arriving() / before() / Udp{static_cast<std::uint16_t>(port), 5000} / payload(4), k_redirect, out});
            return;
        }
    }
    FAIL("no such port");
}

TEST_CASE("ports are rewritten where there are ports, and refused where there are none") {
    Rewrite both = to(k_to, std::uint16_t{6000});
    both.src_port = 7000;
    const Policy ports = policy({steer("10.0.0.0/8", both)});
    check({"udp", ports, arriving() / before() / Udp{} / payload(5), k_redirect, leaving() / after() / Udp{7000, 6000} / payload(5)});
    check({"tcp", ports, arriving() / before() / Tcp{} / payload(5), k_redirect, leaving() / after() / Tcp{7000, 6000} / payload(5)});
    check({"icmp", ports, arriving() / before() / Icmp{} / payload(5), k_next, {}, RUDDER_REASON_NO_PORTS});
    check({"sctp", ports, arriving() / before() / Sctp{} / payload(5), k_next, {}, RUDDER_REASON_NO_PORTS});
}

TEST_CASE("IPv4 options of every length stay and move the transport header") {
    const Policy ports = policy({steer("10.0.0.0/8", to(k_to, std::uint16_t{6000}))});
    for (unsigned options = 0; options <= 40; options += 4) {
        check({"IHL " + std::to_string(5 + options / 4), ports, arriving() / before(options) / Udp{} / payload(30), k_redirect,
               leaving() / after(options) / Udp{4000, 6000} / payload(30)});
    }
}

TEST_CASE("a first fragment that ends right behind its TCP checksum is rewritten") {
    Rewrite port;
    port.dst_port = 6000;
    for (const std::size_t size : {18u, 19u, 20u}) {
        Frame before(size, 0x11), after = before;
        store16(after, 2, 6000);
        store16(after, 16, static_cast<std::uint16_t>(~fold16((~0x1111u & 0xffff) + (~0x1111u & 0xffff) + 6000)));
        const auto fragment = [](std::uint8_t ttl) { return Ipv4{.dst = k_from, .ttl = ttl, .fragment = 0x2000, .protocol = 6}; };
        check({std::to_string(size) + " bytes", policy({steer("10.0.0.0/8", port)}), arriving() / fragment(64) / Bytes{before}, k_redirect,
               leaving() / fragment(63) / Bytes{after}});
    }
}

TEST_CASE("later fragments are never touched behind their IP header") {
    const Policy ports = policy({steer("10.0.0.0/8", to(k_to, std::uint16_t{6000}))});
    Ipv4 in = before(), out = after();
    in.fragment = out.fragment = 0x2010;
    check({"middle", ports, arriving() / in / Udp{} / payload(64), k_redirect, [&] {
               Frame frame = arriving() / in / Udp{} / payload(64);
               const Frame header = leaving() / out / Udp{} / payload(64);
               std::copy_n(header.begin(), 34, frame.begin());
               return frame;
           }()});
    check({"too short for a transport header", rewriting(), arriving() / Ipv4{.dst = k_from, .fragment = 1, .protocol = 17} / payload(3),
           k_redirect, leaving() / Ipv4{.dst = k_to, .ttl = 63, .fragment = 1, .protocol = 17} / payload(3)});
    in.fragment = out.fragment = 0x2000;
    check({"first", ports, arriving() / in / Udp{} / payload(64), k_redirect, leaving() / out / Udp{4000, 6000} / payload(64)});
    Rule with_port = steer("10.0.0.0/8");
    with_port.match.dst_ports = {{0, 65535}};
    check({"a rule with ports", policy({with_port}), arriving() / Ipv4{.dst = k_from, .fragment = 1, .protocol = 17} / payload(30),
           k_next, {}, 0, false});
}

TEST_CASE("IPv6 extension headers are stepped over") {
    const Policy ports = policy({steer("2001:db8:1::/48", to(k_to6, std::uint16_t{6000}))});
    for (const std::uint8_t type : std::initializer_list<std::uint8_t>{0, 43, 44, 51, 60}) {
        check({"header " + std::to_string(type), ports, arriving() / before6() / Extension{.type = type} / Udp{} / payload(30), k_redirect,
               leaving() / after6() / Extension{.type = type} / Udp{4000, 6000} / payload(30)});
    }
    check({"a chain", ports, arriving() / before6() / Extension{.type = 0, .units = 2} / Extension{.type = 60} / Extension{.type = 44, .fragment = 1} / Udp{} / payload(30),
           k_redirect, leaving() / after6() / Extension{.type = 0, .units = 2} / Extension{.type = 60} / Extension{.type = 44, .fragment = 1} / Udp{4000, 6000} / payload(30)});
    check({"later fragment", policy({steer("2001:db8:1::/48", to(k_to6))}), arriving() / before6() / Extension{.type = 44, .fragment = 8} / Bytes{Frame(30, 0x5a)}, k_redirect,
           leaving() / after6() / Extension{.type = 44, .fragment = 8} / Bytes{Frame(30, 0x5a)}});
    // A new address would leave a checksum behind them wrong.
    const Policy address = policy({steer("2001:db8:1::/48", to(k_to6))});
    check({"segments left", address, arriving() / before6() / Extension{.type = 43, .segments_left = 1} / Udp{} / payload(30), k_next, {}, RUDDER_REASON_HIDDEN_TRANSPORT});
    check({"out of reach", address, arriving() / before6() / Extension{.type = 60, .units = 64} / Udp{} / payload(30), k_next, {}, RUDDER_REASON_HIDDEN_TRANSPORT});
}

TEST_CASE("all 256 TOS values: DSCP is matched and rewritten, ECN stays") {
    Rewrite mark;
    mark.dscp = 46;
    Rule any = steer("10.0.0.0/8", mark);
    any.match.dscp = 0x5555555555555555ull;
    for (unsigned tos = 0; tos < 256; tos++) {
        const bool is_matched = (tos >> 2 & 1) == 0;
        const auto value = static_cast<std::uint8_t>(tos);
        check({"tos " + std::to_string(tos), policy({any}), arriving() / Ipv4{.dst = k_from, .tos = value} / Udp{} / payload(4),
               is_matched ? k_redirect : k_next,
               is_matched ? Frame(leaving() / Ipv4{.dst = k_from, .ttl = 63, .tos = static_cast<std::uint8_t>(46 << 2 | (tos & 3))} / Udp{} / payload(4)) : Frame{},
               0, is_matched});
    }
}

TEST_CASE("TTL: 0 and 1 go to the stack, keep and set override, egress leaves it") {
    for (const std::uint8_t ttl : std::initializer_list<std::uint8_t>{0, 1}) {
        check({"ttl " + std::to_string(ttl), rewriting(), arriving() / Ipv4{.dst = k_from, .ttl = ttl} / Udp{} / payload(4), k_next, {},
               RUDDER_REASON_TTL_EXPIRED});
        Rule drops = steer("10.0.0.0/8");
        drops.failure_drops = true;
        check({"on_failure drop", policy({drops}), arriving() / Ipv4{.dst = k_from, .ttl = ttl} / Udp{} / payload(4), k_next, {},
               RUDDER_REASON_TTL_EXPIRED});
    }
    for (const std::uint8_t ttl : std::initializer_list<std::uint8_t>{2, 64, 128, 255}) {
        check({"ttl " + std::to_string(ttl), rewriting(), arriving() / Ipv4{.dst = k_from, .ttl = ttl} / Udp{} / payload(4), k_redirect,
               leaving() / Ipv4{.dst = k_to, .ttl = static_cast<std::uint8_t>(ttl - 1)} / Udp{} / payload(4)});
    }
    Rewrite keep, set;
    keep.ttl.mode = TtlAction::Mode::keep;
    set.ttl = {TtlAction::Mode::set, 200};
    check({"keep", policy({steer("10.0.0.0/8", keep)}), arriving() / Ipv4{.dst = k_from, .ttl = 1} / Udp{} / payload(4), k_redirect,
           leaving() / Ipv4{.dst = k_from, .ttl = 1} / Udp{} / payload(4)});
    check({"set", policy({steer("10.0.0.0/8", set)}), arriving() / Ipv4{.dst = k_from, .ttl = 1} / Udp{} / payload(4), k_redirect,
           leaving() / Ipv4{.dst = k_from, .ttl = 200} / Udp{} / payload(4)});
    check({"egress", policy({steer("10.0.0.0/8", {}, Direction::egress)}), arriving() / Ipv4{.dst = k_from, .ttl = 1} / Udp{} / payload(4),
           k_redirect, leaving() / Ipv4{.dst = k_from, .ttl = 1} / Udp{} / payload(4), 0, true, Direction::egress});
}

TEST_CASE("a multicast packet sent to a unicast address starts with TTL 64") {
    check({"unicast", policy({steer("239.1.1.1/32", to(k_to))}), Ethernet{.dst = {{1, 0, 0x5e, 1, 1, 1}}} / Ipv4{.dst = "239.1.1.1", .ttl = 1} / Udp{} / payload(4),
           k_redirect, leaving() / Ipv4{.dst = k_to, .ttl = 64} / Udp{} / payload(4)});
}

TEST_CASE("a packet sent to another group has the MAC of that group") {
    const auto moved_to = [](const std::string& from, const std::string& group) {
        Rule result = steer(from, to(group));
        result.targets[0].next_hop_mac.reset();
        return policy({result});
    };
    const auto leaving_to = [](const MacAddress& group) { return Ethernet{group, link_named("out0").mac, {}}; };
    const Ethernet in4{.dst = {{1, 0, 0x5e, 1, 1, 1}}}, in6{.dst = {{0x33, 0x33, 0, 0, 0, 1}}};
    for (const auto& [group, mac] : {std::pair{"239.9.8.7", MacAddress{{1, 0, 0x5e, 9, 8, 7}}},
                                     std::pair{"232.129.255.254", MacAddress{{1, 0, 0x5e, 1, 0xff, 0xfe}}}}) {
        check({group, moved_to("239.1.1.1/32", group), in4 / Ipv4{.dst = "239.1.1.1", .ttl = 9} / Udp{} / payload(21), k_redirect,
               leaving_to(mac) / Ipv4{.dst = group, .ttl = 8} / Udp{} / payload(21)});
    }
    check({"v6", moved_to("ff05::1/128", "ff3e::8765:4321"), in6 / Ipv6{.dst = "ff05::1", .hop_limit = 9} / Udp{} / payload(21), k_redirect,
           leaving_to(MacAddress{{0x33, 0x33, 0x87, 0x65, 0x43, 0x21}}) / Ipv6{.dst = "ff3e::8765:4321", .hop_limit = 8} / Udp{} / payload(21)});
    check({"unicast to a group", moved_to("10.0.0.0/8", "239.9.8.7"), arriving() / before() / Udp{} / payload(21), k_redirect,
           leaving_to(MacAddress{{1, 0, 0x5e, 9, 8, 7}}) / Ipv4{.dst = "239.9.8.7", .ttl = 63} / Udp{} / payload(21)});
}

TEST_CASE("egress through the device of the hook happens in place") {
    Rule in_place = steer("10.0.0.0/8", to(k_to), Direction::egress);
    in_place.targets[0].via = "in0";
    REQUIRE(datapath().publish(policy({in_place}), topology()));
    const Run run = datapath().run(arriving() / before() / Udp{} / payload(4), link_named("in0").ifindex, Direction::egress);
    Ipv4 ip = after();
    ip.ttl = 64;
    CHECK(run.verdict == k_next);
    CHECK((run.frame == Frame(leaving("in0") / ip / Udp{} / payload(4))));
    CHECK((datapath().counts().packets[{"r", -1}] == 1));
}
