// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

using namespace rudder;
using namespace rudder::test;

namespace {

/// Does a drop rule with this match take the frame at in0?
bool takes(const Match& match, const Frame& frame) {
    Rule dropping = rule(RuleType::drop, "");
    const InterfaceSelector in0 = dropping.match.interface;
    dropping.match = match;
    dropping.match.interface = in0;
    REQUIRE(datapath().publish(policy({dropping}), topology()));
    const Run run = datapath().run(frame, link_named("in0").ifindex, Direction::ingress);
    CHECK((run.frame == frame));
    return run.verdict == k_drop;
}

Match in_vlans(bool untagged, std::vector<ValueRange> ids) {
    Match match;
    match.vlan = {untagged, std::move(ids)};
    return match;
}

}  // namespace

TEST_CASE("the outermost tag with an id says which VLAN a packet is in") {
    const auto tagged = [](auto... tags) { return Frame((arriving() / ... / tags) / Ipv4{} / Udp{} / payload(20)); };
    const struct {
        std::string what;
        Frame frame;
        std::uint32_t vlan;
    } rows[] = {
        {"untagged", arriving() / Ipv4{} / Udp{} / payload(20), 0},
        {"a priority tag", tagged(Vlan{0xe000}), 0},
        {"802.1Q", tagged(Vlan{5}), 5},
        {"with priority and DEI", tagged(Vlan{0xf005}), 5},
        {"802.1ad", tagged(Vlan{5, 0x88a8}), 5},
        {"QinQ", tagged(Vlan{5, 0x88a8}, Vlan{7}), 5},
        {"QinQ of one kind", tagged(Vlan{7}, Vlan{5}), 7},
        {"a tag in a priority tag", tagged(Vlan{0xe000}, Vlan{7}), 7},
        {"a priority tag in a tag", tagged(Vlan{7}, Vlan{0xe000}), 7},
        {"the last id", tagged(Vlan{4095}), 4095},
    };
    for (const auto& row : rows) {
        INFO(row.what);
        CHECK(takes(in_vlans(true, {}), row.frame) == (row.vlan == 0));
        CHECK(takes(in_vlans(false, {{5, 5}}), row.frame) == (row.vlan == 5));
        CHECK(takes(in_vlans(false, {{6, 10}, {100, 4094}}), row.frame) == (row.vlan == 7));
        CHECK(takes(in_vlans(true, {{5, 5}}), row.frame) == (row.vlan == 0 || row.vlan == 5));
        CHECK(takes(in_vlans(false, {{1, 4095}}), row.frame) == (row.vlan != 0));
        CHECK(takes(in_vlans(true, {{1, 4095}}), row.frame));
    }
}

namespace {

/// A match of these rare fields, for one protocol if it is not 0.
Match rarely(const RareMatch& rare, std::uint8_t protocol = 0) {
    Match match;
    match.rare = rare;
    if (protocol != 0) {
        match.ip_proto = protocol;
    }
    return match;
}

}  // namespace

TEST_CASE("ICMP types are those of the packet's own ICMP") {
    RareMatch echo, needed;
    echo.icmp_types = {{0x0800, 0x08ff}};
    needed.icmp_types = {{0x0304, 0x0304}};
    const Frame request = arriving() / Ipv4{} / Icmp{8} / payload(20);
    CHECK(takes(rarely(echo, 1), request));
    CHECK_FALSE(takes(rarely(needed, 1), request));
    CHECK_FALSE(takes(rarely(echo, 1), arriving() / Ipv4{} / Icmp{0} / payload(20)));
    CHECK(takes(rarely(needed, 1), arriving() / Ipv4{} / Icmp{3, 4} / payload(28)));
    CHECK_FALSE(takes(rarely(needed, 1), arriving() / Ipv4{} / Icmp{3, 1} / payload(28)));
    CHECK_FALSE(takes(rarely(echo, 1), arriving() / Ipv4{.fragment = 0x0010, .protocol = std::uint8_t{1}} / payload(24)));
    RareMatch echo6;
    echo6.icmp_types = {{0x8000, 0x80ff}};
    CHECK(takes(rarely(echo6, 58), arriving() / Ipv6{} / Icmp6{128} / payload(20)));
    CHECK(takes(rarely(echo6, 58), arriving() / Ipv6{} / Extension{} / Icmp6{128} / payload(20)));
    CHECK_FALSE(takes(rarely(echo6, 58), arriving() / Ipv6{} / Icmp6{129} / payload(20)));
}

TEST_CASE("TCP flags are those of TCP packets") {
    const auto with_flags = [](std::uint8_t flags) {
        Frame frame = arriving() / Ipv4{} / Tcp{} / payload(4);
        frame[14 + 20 + 13] = flags;
        return frame;
    };
    RareMatch opening;
    opening.tcp_flags = {{0x02, 0x10}};
    CHECK(takes(rarely(opening), with_flags(0x02)));
    CHECK(takes(rarely(opening), with_flags(0xc2)));
    CHECK_FALSE(takes(rarely(opening), with_flags(0x12)));
    CHECK_FALSE(takes(rarely(opening), with_flags(0x00)));
    RareMatch clear;
    clear.tcp_flags = {{0x00, 0xff}};
    CHECK(takes(rarely(clear), with_flags(0x00)));
    CHECK_FALSE(takes(rarely(clear), arriving() / Ipv4{} / Udp{} / payload(20)));
}

TEST_CASE("fragments, length, TTL and ECN are those of the IP header") {
    const Frame whole = arriving() / Ipv4{.ttl = 7, .tos = 0xb9} / Udp{} / payload(72);  // ef, ect1, 100 bytes
    const Frame first = arriving() / Ipv4{.fragment = 0x2000} / Udp{} / payload(72);
    const Frame later = arriving() / Ipv4{.fragment = 0x0010, .protocol = std::uint8_t{17}} / payload(80);
    for (unsigned mask = 1; mask < 8; mask++) {
        RareMatch rare;
        rare.fragment = static_cast<std::uint8_t>(mask);
        CHECK(takes(rarely(rare), whole) == ((mask & 1) != 0));
        CHECK(takes(rarely(rare), first) == ((mask & 2) != 0));
        CHECK(takes(rarely(rare), later) == ((mask & 4) != 0));
    }
    RareMatch length, ttl, ecn;
    for (const std::uint32_t edge : {99u, 100u, 101u}) {
        length.lengths = {{edge, edge}};
        CHECK(takes(rarely(length), whole) == (edge == 100));
        CHECK(takes(rarely(length), padded(whole, 30)) == (edge == 100));
    }
    for (const std::uint32_t value : {6u, 7u, 8u}) {
        ttl.ttls = {{value, value}};
        CHECK(takes(rarely(ttl), whole) == (value == 7));
    }
    for (unsigned value = 0; value < 4; value++) {
        ecn.ecn = static_cast<std::uint8_t>(1u << value);
        CHECK(takes(rarely(ecn), whole) == (value == 1));
    }
}

TEST_CASE("MAC addresses are compared in the bits of their masks") {
    const Frame frame = arriving() / Ipv4{} / Udp{} / payload(20);
    const MacAddress sender{{2, 0, 0, 0, 0, 9}};
    RareMatch same, vendor, other, dst;
    same.src_macs = {{sender, k_whole_mac}};
    vendor.src_macs = {{MacAddress{{2, 0, 0, 0, 0, 0}}, MacAddress{{0xff, 0xff, 0xff, 0, 0, 0}}}};
    other.src_macs = {{MacAddress{{2, 0, 0, 0, 0, 8}}, k_whole_mac}, {MacAddress{{3, 0, 0, 0, 0, 9}}, k_whole_mac}};
    dst.dst_macs = {{link_named("in0").mac, k_whole_mac}};
    CHECK(takes(rarely(same), frame));
    CHECK(takes(rarely(vendor), frame));
    CHECK_FALSE(takes(rarely(other), frame));
    CHECK(takes(rarely(dst), frame));
    dst.src_macs = other.src_macs;
    CHECK_FALSE(takes(rarely(dst), frame));
}

TEST_CASE("a first fragment that ends within the TCP header has its ports, and a checksum out of reach") {
    const auto tiny = [](const Ethernet& ethernet, std::size_t bytes, const std::string& dst, std::uint8_t ttl) {
        Bytes start{{0x0f, 0xa0, 0x13, 0x88}};
        start.bytes.resize(bytes, 0x5a);
        return Frame(ethernet / Ipv4{.dst = dst, .ttl = ttl, .fragment = 0x2000, .protocol = std::uint8_t{6}} / start);
    };
    Rewrite address_only, port_only;
    address_only.dst_ip = address("192.168.100.1");
    port_only.dst_port = 80;
    for (const std::size_t bytes : {8u, 16u}) {
        const Frame in = tiny(arriving(), bytes, "10.1.2.3", 64);
        Rule by_port = steer("10.0.0.0/8");
        by_port.match.dst_ports = {{5000, 5000}};
        by_port.match.src_ports = {{4000, 4000}};
        check({"steered by ports", policy({by_port}), in, k_redirect, tiny(leaving(), bytes, "10.1.2.3", 63)});
        by_port.match.dst_ports = {{5001, 5001}};
        check({"another port", policy({by_port}), in, k_next, {}, 0, false});
        check({"address", policy({steer("10.0.0.0/8", address_only)}), in, k_next, {}, RUDDER_REASON_HIDDEN_TRANSPORT});
        check({"port", policy({steer("10.0.0.0/8", port_only)}), in, k_next, {}, RUDDER_REASON_NO_PORTS});
    }
}
