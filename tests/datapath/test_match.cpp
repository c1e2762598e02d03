// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include <fmt/format.h>

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

namespace {

Match excluding(const Exclusion& excluded, std::optional<std::uint8_t> protocol = {}) {
    Match match;
    match.excluded = excluded;
    match.ip_proto = protocol;
    return match;
}

}  // namespace

TEST_CASE("a packet with an excluded value does not match, one without the field does") {
    Exclusion port, source, tcp, echo, reply, opening;
    port.dst_ports = {{5000, 5000}};
    const Frame udp = arriving() / Ipv4{.src = "192.0.2.1"} / Udp{} / payload(20);
    CHECK_FALSE(takes(excluding(port), udp));
    CHECK(takes(excluding(port), arriving() / Ipv4{} / Udp{.dst_port = 5001} / payload(20)));
    CHECK(takes(excluding(port), arriving() / Ipv4{} / Icmp{} / payload(20)));
    CHECK(takes(excluding(port), arriving() / Ipv4{.fragment = 0x0010, .protocol = std::uint8_t{17}} / payload(24)));
    source.src = {*parse_ip_prefix("192.0.2.0/31").prefix};
    CHECK_FALSE(takes(excluding(source), udp));
    CHECK(takes(excluding(source), arriving() / Ipv4{.src = "192.0.2.2"} / Udp{} / payload(20)));
    CHECK(takes(excluding(source), arriving() / Ipv6{} / Udp{} / payload(20)));
    tcp.ip_proto = 6;
    CHECK(takes(excluding(tcp), udp));
    CHECK_FALSE(takes(excluding(tcp), arriving() / Ipv4{} / Tcp{} / payload(4)));
    echo.rare.icmp_types = {{0x0800, 0x08ff}};
    CHECK_FALSE(takes(excluding(echo, 1), arriving() / Ipv4{} / Icmp{8} / payload(20)));
    CHECK(takes(excluding(echo, 1), arriving() / Ipv4{} / Icmp{0} / payload(20)));
    CHECK(takes(excluding(echo, 1), arriving() / Ipv4{.fragment = 0x0010, .protocol = std::uint8_t{1}} / payload(24)));
    reply.rare.icmp_types = {{0x0000, 0x00ff}};
    CHECK_FALSE(takes(excluding(reply, 1), arriving() / Ipv4{} / Icmp{0} / payload(20)));
    CHECK(takes(excluding(reply, 1), arriving() / Ipv4{} / Icmp{8} / payload(20)));
    CHECK(takes(excluding(reply, 1), arriving() / Ipv4{.fragment = 0x0010, .protocol = std::uint8_t{1}} / payload(24)));
    opening.rare.tcp_flags = {{0x02, 0x10}};
    Frame tcp_frame = arriving() / Ipv4{} / Tcp{} / payload(4);
    for (const std::uint8_t flags : std::initializer_list<std::uint8_t>{0x02, 0x12, 0x10, 0x00}) {
        tcp_frame[14 + 20 + 13] = flags;
        CHECK(takes(excluding(opening), tcp_frame) == (flags != 0x02));
    }
    CHECK(takes(excluding(opening), udp));
}

TEST_CASE("marks and MAC addresses are excluded in the bits of their masks") {
    const Frame frame = arriving() / Ipv4{} / Udp{} / payload(20);
    Exclusion vendor, other, mark;
    vendor.rare.src_macs = {{MacAddress{{4, 0, 0, 0, 0, 0}}, k_whole_mac}, {MacAddress{{2, 0, 0, 0, 0, 0}}, MacAddress{{0xff, 0xff, 0, 0, 0, 0}}}};
    other.rare.src_macs = {{MacAddress{{2, 0, 0, 0, 0, 8}}, k_whole_mac}};
    mark.rare.fwmarks = {{0, 0xff}};
    CHECK_FALSE(takes(excluding(vendor), frame));
    CHECK(takes(excluding(other), frame));
    CHECK_FALSE(takes(excluding(mark), frame));
    mark.rare.fwmarks = {{1, 0xff}};
    CHECK(takes(excluding(mark), frame));
}

TEST_CASE("of a long list of addresses the first, the last and those between are excluded, their neighbours are not") {
    for (const std::size_t count : {1u, 2u, 3u, 700u}) {
        Exclusion v4, v6;
        for (std::size_t i = 0; i < count; ++i) {
            const auto high = static_cast<std::uint8_t>(2 * i >> 8);
            const auto low = static_cast<std::uint8_t>(2 * i);
            v4.src.push_back(*parse_ip_prefix(fmt::format("20.{}.{}.64/26", high, low)).prefix);
            v6.dst.push_back(*parse_ip_prefix(fmt::format("2001:db8:{:x}::4000/114", 2 * i)).prefix);
        }
        const auto from = [](const std::string& src) { return Frame(arriving() / Ipv4{.src = src} / Udp{} / payload(20)); };
        const auto to = [](const std::string& dst) { return Frame(arriving() / Ipv6{.dst = dst} / Udp{} / payload(20)); };
        for (const std::size_t i : {std::size_t{0}, count / 2, count - 1}) {
            const auto net4 = fmt::format("20.{}.{}", 2 * i >> 8, 2 * i & 0xff);
            const auto net6 = fmt::format("2001:db8:{:x}:", 2 * i);
            CAPTURE(count, net4);
            CHECK(takes(excluding(v4), from(net4 + ".63")));
            CHECK_FALSE(takes(excluding(v4), from(net4 + ".64")));
            CHECK_FALSE(takes(excluding(v4), from(net4 + ".127")));
            CHECK(takes(excluding(v4), from(net4 + ".128")));
            CHECK(takes(excluding(v6), to(net6 + ":3fff")));
            CHECK_FALSE(takes(excluding(v6), to(net6 + ":4000")));
            CHECK_FALSE(takes(excluding(v6), to(net6 + ":7fff")));
            CHECK(takes(excluding(v6), to(net6 + ":8000")));
            CHECK(takes(excluding(v6), to(net6 + "1::4000")));
        }
        CHECK(takes(excluding(v6), from("20.0.0.64")));
        CHECK(takes(excluding(v4), to("2001:db8::4000")));
    }
}

TEST_CASE("for a packet that is left out the next rule is looked at") {
    Exclusion host, port;
    host.dst = {*parse_ip_prefix("10.1.2.3/32").prefix};
    port.dst_ports = {{5000, 5000}};
    Rule first = steer("10.0.0.0/8");
    first.match.excluded = host;
    Rule second = rule(RuleType::drop, "10.0.0.0/8");
    second.priority = first.priority + 1;
    second.match.excluded = port;
    const auto verdict = [&](const std::string& dst, std::uint16_t dst_port) {
        REQUIRE(datapath().publish(policy({first, second}), topology()));
        const Frame frame = arriving() / Ipv4{.dst = dst} / Udp{.dst_port = dst_port} / payload(20);
        return datapath().run(frame, link_named("in0").ifindex, Direction::ingress).verdict;
    };
    CHECK(verdict("10.1.2.4", 5000) == k_redirect);
    CHECK(verdict("10.1.2.3", 5001) == k_drop);
    CHECK(verdict("10.1.2.3", 5000) == k_next);
}

TEST_CASE("an excluded neighbour does not ask for special-purpose addresses") {
    Exclusion excluded;
    excluded.dst = {*parse_ip_prefix("126.0.0.0/8").prefix};
    CHECK_FALSE(takes(excluding(excluded), arriving() / Ipv4{.dst = "127.0.0.1"} / Udp{} / payload(20)));
    CHECK(takes(excluding(excluded), arriving() / Ipv4{.dst = "125.0.0.1"} / Udp{} / payload(20)));
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
