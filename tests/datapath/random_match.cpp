// SPDX-License-Identifier: Apache-2.0
#include "random_match.hpp"

#include "policies.hpp"

namespace rudder::test {
namespace {

IpPrefix random_prefix(Random& random, IpFamily family) {
    IpPrefix result;
    result.address = random_address(random, family);
    result.length = static_cast<std::uint8_t>(below(random, result.address.bits() + 1));
    for (unsigned bit = result.length; bit < result.address.bits(); bit++) {
        result.address.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> bit % 8));
    }
    return result;
}

std::vector<MarkPattern> random_marks(Random& random) {
    static constexpr MarkPattern k_patterns[] = {{0, 1}, {1, 1}, {0x10, 0xf0}, {0x17, 0xffffffff}, {0, 0xffffffff}, {0x80000000, 0x80000000}};
    std::vector<MarkPattern> result(1 + below(random, 2));
    for (MarkPattern& pattern : result) {
        pattern = k_patterns[below(random, 6)];
    }
    return result;
}

}  // namespace

std::uint32_t random_mark(Random& random) {
    static constexpr std::uint32_t k_marks[] = {0, 0, 0, 1, 0x10, 0x17, 0x80000000, 0xffffffff};
    return k_marks[below(random, 8)];
}

void random_match(Random& random, Rule& rule) {
    Match& match = rule.match;
    const unsigned shape = below(random, 8);
    match.family_v4 = shape != 0;
    match.family_v6 = shape != 1 && shape != 2;
    if (below(random, 2) == 0 && (match.family_v4 != match.family_v6)) {
        match.dst = {random_prefix(random, match.family_v4 ? IpFamily::v4 : IpFamily::v6)};
    }
    if (match.family_v4 && !match.family_v6 && below(random, 10) == 0) {
        match.dst = {IpPrefix{address(below(random, 2) == 0 ? "255.255.255.255" : "192.0.2.255"), 32}};
    }
    if (below(random, 4) == 0 && (match.family_v4 != match.family_v6)) {
        match.src = {random_prefix(random, match.family_v4 ? IpFamily::v4 : IpFamily::v6)};
    }
    if (below(random, 3) == 0) {
        static constexpr std::uint8_t k_protocols[] = {6, 6, 17, 1, 132, 136, 33, 17};
        match.ip_proto = k_protocols[below(random, 8)];
    }
    if (below(random, 3) == 0) {
        const auto first = static_cast<std::uint16_t>(4998 + below(random, 5));
        match.dst_ports = {{first, static_cast<std::uint16_t>(first + below(random, 3))}};
    }
    if (below(random, 6) == 0) {
        match.src_ports = {{4000, 4001}, {4003, 4003}};
    }
    switch (below(random, 6)) {
        case 0: match.vlan = k_vlan_any; break;
        case 1: match.vlan = {below(random, 2) == 0, {{5, 5}, {100, 200}}}; break;
        case 2: match.vlan = {false, {{1, 4095}}}; break;
        default: break;
    }
    if (below(random, 3) == 0) {
        match.dscp = static_cast<std::uint64_t>(random()) << 32 | random();
    }
}

void random_rare(Random& random, Rule& rule) {
    RareMatch rare;
    const auto states = [&] { return below(random, 6) == 0; };
    if (rule.match.ip_proto == 1 && states()) rare.icmp_types = {{0x0800, 0x08ff}};
    if (rule.match.ip_proto == 6 && states()) rare.tcp_flags = {{0x10, 0x02}};
    if (states()) rare.fragment = static_cast<std::uint8_t>(1 + below(random, 7));
    if (states()) rare.lengths = {{28, 28 + below(random, 80)}, {200, 300}};
    if (states()) rare.ttls = {{below(random, 64), 64 + below(random, 190)}};
    if (states()) rare.ecn = static_cast<std::uint8_t>(1 + below(random, 15));
    if (states()) rare.fwmarks = random_marks(random);
    if (states()) rare.src_macs = {{MacAddress{{2, 0, 0, 0, 0, static_cast<std::uint8_t>(8 + below(random, 2))}}, k_whole_mac}};
    if (states()) rare.dst_macs = {{MacAddress{{static_cast<std::uint8_t>(below(random, 2)), 0, 0, 0, 0, 0}}, MacAddress{{1, 0, 0, 0, 0, 0}}}};
    if (below(random, 5) == 0) {  // nothing else, or few packets would get as far as the mark
        rare = {};
        rare.fwmarks = random_marks(random);
    }
    if (rare != RareMatch{}) rule.match.rare = rare;
}

void random_exclusion(Random& random, Rule& rule) {
    Rule other = rule;
    other.match = Match{};
    other.match.ip_proto = rule.match.ip_proto;
    random_match(random, other);
    random_rare(random, other);
    Exclusion excluded;
    const auto states = [&] { return below(random, 3) == 0; };
    if (states()) excluded.src = other.match.src;
    if (states()) excluded.dst = other.match.dst;
    if (states() && !rule.match.ip_proto) excluded.ip_proto = other.match.ip_proto;
    if (states()) excluded.src_ports = other.match.src_ports;
    if (states()) excluded.dst_ports = {{5000, 5001}};
    if (states()) excluded.dscp = 0x0000ffff0000ffff;
    if (states()) excluded.vlan = {below(random, 2) == 0, {{5, 6}}};
    if (states() && other.match.rare && (other.match.rare->icmp_types.empty() || rule.match.ip_proto == 1)) excluded.rare = *other.match.rare;
    if (excluded != Exclusion{}) rule.match.excluded = excluded;
}

}  // namespace rudder::test
