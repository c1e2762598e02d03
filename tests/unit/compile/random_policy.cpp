// SPDX-License-Identifier: Apache-2.0
#include "random_policy.hpp"
#include "random_rare.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace rudder::test {
namespace {

constexpr std::array<std::uint8_t, 7> k_protocols = {1, 6, 17, 47, 50, 58, 132};

/// How likely each field is stated, and how. *Units*: percent.
struct Odds {
    std::uint32_t src = 60;
    std::uint32_t dst = 70;
    std::uint32_t host = 40;        ///< of a prefix to be long
    std::uint32_t many = 0;         ///< of a field to be a list
    std::uint32_t protocol = 60;
    std::uint32_t src_port = 15;
    std::uint32_t dst_port = 50;
    std::uint32_t port_range = 40;  ///< of a port to be a range
    std::uint32_t dscp = 10;
    std::uint32_t any_device = 50;
    std::uint32_t vlan = 5;         ///< of a rule to be for packets in VLANs
    std::uint32_t rare = 0;         ///< of each rare field to be stated
    std::uint32_t excluded = 0;     ///< of each field to be excluded
    std::uint32_t holes = 0;        ///< of a prefix to be excluded
};

Odds odds_of(Shape shape) {
    switch (shape) {
        case Shape::sparse: return {90, 95, 90, 0, 70, 5, 60, 10, 5, 80, 0};
        case Shape::nested: return {90, 90, 10, 5, 30, 5, 20, 50, 0, 90, 0};
        case Shape::wide: return {25, 25, 50, 0, 25, 25, 25, 70, 10, 60, 10};
        case Shape::overlapping_ports: return {5, 5, 50, 0, 50, 95, 95, 100, 0, 100, 0};
        case Shape::open: return {3, 3, 50, 0, 20, 3, 5, 50, 10, 60, 10};
        case Shape::interfaces: return {20, 30, 50, 10, 20, 5, 20, 50, 5, 5, 5};
        case Shape::lists: return {60, 60, 50, 60, 40, 40, 60, 50, 50, 30, 20};
        case Shape::vlans: return {20, 40, 60, 20, 20, 5, 20, 50, 5, 80, 90};
        case Shape::rare: return {60, 80, 90, 20, 40, 5, 10, 50, 5, 80, 10, 30};
        case Shape::exclusions: return {60, 80, 90, 15, 40, 5, 10, 50, 5, 80, 10, 10, 12};
        case Shape::holes: return {70, 85, 60, 15, 50, 5, 30, 40, 5, 80, 10, 0, 0, 90};
        case Shape::open_holes: return {10, 10, 50, 10, 20, 3, 20, 50, 10, 60, 10, 0, 0, 90};
        case Shape::mixed: break;
    }
    return {};
}

IpPrefix random_prefix(Random& random, IpFamily family, const Odds& odds) {
    IpPrefix prefix;
    prefix.address.family = family;
    const bool is_v4 = family == IpFamily::v4;
    // Few different bytes, so that prefixes meet; sometimes a multicast or special-purpose head.
    static constexpr std::array<std::uint8_t, 8> k_heads_v4 = {10, 10, 10, 172, 192, 224, 239, 169};
    static constexpr std::array<std::uint8_t, 8> k_heads_v6 = {0x20, 0x20, 0x20, 0xfd, 0xfe, 0xff, 0xff, 0x26};
    prefix.address.bytes[0] = (is_v4 ? k_heads_v4 : k_heads_v6)[pick(random, 8)];
    for (unsigned i = 1; i < (is_v4 ? 4u : 16u); ++i) {
        prefix.address.bytes[i] = static_cast<std::uint8_t>(chance(random, 60) ? pick(random, 4) : pick(random, 256));
    }
    const unsigned bits = prefix.address.bits();
    prefix.length = static_cast<std::uint8_t>(chance(random, odds.host) ? bits - pick(random, bits / 3) : pick(random, bits + 1));
    for (unsigned bit = prefix.length; bit < bits; ++bit) {
        prefix.address.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> (bit % 8)));
    }
    return prefix;
}

/// Sorted and without prefixes inside others, as the policy promises.
std::vector<IpPrefix> random_prefixes(Random& random, IpFamily family, const Odds& odds) {
    std::vector<IpPrefix> prefixes;
    const std::uint32_t count = chance(random, odds.many) ? 2 + pick(random, 5) : 1;
    for (std::uint32_t i = 0; i < count; ++i) {
        const IpPrefix candidate = random_prefix(random, family, odds);
        std::erase_if(prefixes, [&](const IpPrefix& other) { return candidate.contains(other); });
        if (std::none_of(prefixes.begin(), prefixes.end(), [&](const IpPrefix& p) { return p.contains(candidate); })) {
            prefixes.push_back(candidate);
        }
    }
    std::sort(prefixes.begin(), prefixes.end());
    return prefixes;
}

PortRange random_range(Random& random, const Odds& odds) {
    static constexpr std::array<std::uint16_t, 8> k_common = {0, 22, 53, 80, 443, 1023, 5000, 65535};
    const auto first = chance(random, 40) ? k_common[pick(random, 8)] : static_cast<std::uint16_t>(pick(random, 65536));
    if (!chance(random, odds.port_range)) {
        return {first, first};
    }
    const std::uint32_t length = chance(random, 50) ? pick(random, 16) : pick(random, 65536);
    return {first, static_cast<std::uint16_t>(std::min<std::uint32_t>(65535, first + length))};
}

std::vector<PortRange> random_ports(Random& random, const Odds& odds) {
    std::vector<PortRange> ranges;
    const std::uint32_t count = chance(random, odds.many) ? (chance(random, 5) ? 300 : 2 + pick(random, 12)) : 1;
    for (std::uint32_t i = 0; i < count; ++i) {
        ranges.push_back(random_range(random, odds));
    }
    std::sort(ranges.begin(), ranges.end());
    std::vector<PortRange> merged;
    for (const PortRange& range : ranges) {
        if (!merged.empty() && range.first <= merged.back().last + 1) {
            merged.back().last = std::max(merged.back().last, range.last);
        } else {
            merged.push_back(range);
        }
    }
    return merged;
}

InterfaceSelector random_selector(Random& random, std::uint32_t devices, const Odds& odds) {
    InterfaceSelector selector;
    selector.any = chance(random, odds.any_device);
    const auto name = [&] { return "eth" + std::to_string(pick(random, devices)); };
    if (!selector.any) {
        const std::uint32_t count = chance(random, 30) ? 1 + pick(random, 6) : 1;
        for (std::uint32_t i = 0; i < count; ++i) {
            selector.include.push_back(chance(random, 15) ? name() + "*" : chance(random, 5) ? "missing0" : name());
        }
    }
    if (chance(random, 10)) {
        selector.exclude.push_back(name());
    }
    return selector;
}

std::uint64_t random_dscp(Random& random, const Odds& odds) {
    if (!chance(random, odds.dscp)) {
        return k_dscp_any;
    }
    std::uint64_t mask = std::uint64_t{1} << pick(random, 64);
    while (chance(random, odds.many)) {
        mask |= std::uint64_t{1} << pick(random, 64);
    }
    return mask;
}

/// One id, some, ranges of them, all, and with or without untagged packets.
VlanMatch random_vlan(Random& random, const Odds& odds) {
    VlanMatch vlan;
    if (!chance(random, odds.vlan)) {
        return vlan;
    }
    if (chance(random, 15)) {
        return chance(random, 50) ? k_vlan_any : VlanMatch{false, k_vlan_any.ids};
    }
    vlan.untagged = chance(random, 15);
    std::uint32_t next = 1 + pick(random, 40) * pick(random, 80);
    for (std::uint32_t i = chance(random, odds.many) ? 2 + pick(random, 12) : 1; i > 0 && next < 4080; --i) {
        const std::uint32_t last = next + (chance(random, 30) ? pick(random, 10) : 0);
        vlan.ids.push_back({next, last});
        next = last + 2 + pick(random, 100);
    }
    return vlan;
}

void set_type(Random& random, Rule& rule, std::uint32_t devices) {
    rule.type = static_cast<RuleType>(pick(random, 4));
    const bool is_replicate = rule.type == RuleType::replicate;
    const std::uint32_t targets = is_replicate ? 1 + pick(random, 3) : rule.type == RuleType::steer ? 1 : 0;
    for (std::uint32_t i = 0; i < targets; ++i) {
        Target target;
        target.via = chance(random, 5) ? "missing1" : "eth" + std::to_string(pick(random, devices));
        rule.targets.push_back(target);
    }
}

HeapOptional<Exclusion> random_exclusion(Random& random, const Match& match, IpFamily family, const Odds& odds) {
    Exclusion excluded;
    const auto states = [&] { return chance(random, odds.excluded); };
    Odds narrow = odds;
    narrow.dscp = narrow.vlan = 100;
    const auto has_hole = [&] { return states() || chance(random, odds.holes); };
    if (has_hole()) excluded.src = random_prefixes(random, family, odds);
    if (has_hole()) excluded.dst = random_prefixes(random, family, odds);
    if (states()) excluded.ip_proto = k_protocols[pick(random, k_protocols.size())];
    if (states()) excluded.src_ports = random_ports(random, odds);
    if (states()) excluded.dst_ports = random_ports(random, odds);
    if (states()) excluded.dscp = random_dscp(random, narrow);
    if (states()) excluded.vlan = random_vlan(random, narrow);
    if (const auto rare = random_rare(random, odds.excluded, 0, match.ip_proto)) excluded.rare = *rare;
    return excluded == Exclusion{} ? HeapOptional<Exclusion>() : HeapOptional<Exclusion>(excluded);
}

Rule random_rule(Random& random, Shape shape, std::size_t rank, std::uint32_t devices) {
    const Odds odds = odds_of(shape);
    Rule rule;
    rule.name = "r" + std::to_string(rank);
    rule.priority = static_cast<std::uint32_t>(rank);
    set_type(random, rule, devices);
    Match& match = rule.match;
    match.interface = random_selector(random, devices, odds);
    match.direction = chance(random, 80) ? Direction::ingress : Direction::egress;
    const IpFamily family = chance(random, 60) ? IpFamily::v4 : IpFamily::v6;
    if (chance(random, odds.src)) match.src = random_prefixes(random, family, odds);
    if (chance(random, odds.dst)) match.dst = random_prefixes(random, family, odds);
    if (!match.src.empty() || !match.dst.empty()) {
        match.family_v4 = family == IpFamily::v4;
        match.family_v6 = family == IpFamily::v6;
    }
    if (chance(random, odds.protocol)) match.ip_proto = k_protocols[pick(random, k_protocols.size())];
    const bool may_have_ports = !match.ip_proto || ip_protocol_has_ports(*match.ip_proto);
    if (may_have_ports && chance(random, odds.src_port)) match.src_ports = random_ports(random, odds);
    if (may_have_ports && chance(random, odds.dst_port)) match.dst_ports = random_ports(random, odds);
    match.dscp = random_dscp(random, odds);
    match.vlan = random_vlan(random, odds);
    if (odds.rare != 0) match.rare = random_rare(random, odds.rare, odds.many, match.ip_proto);
    if (odds.excluded != 0 || odds.holes != 0) match.excluded = random_exclusion(random, match, family, odds);
    return rule;
}

void add_one(std::uint8_t* bytes, unsigned size, int step) {
    for (unsigned i = size; i-- > 0;) {
        bytes[i] = static_cast<std::uint8_t>(bytes[i] + step);
        if (bytes[i] != (step > 0 ? 0 : 255)) {
            return;
        }
    }
}

/// First or last address of a prefix, one off in some cases, or somewhere inside.
void corner(Random& random, const std::vector<IpPrefix>& prefixes, IpFamily family, std::uint32_t* address_be) {
    std::array<std::uint8_t, 16> bytes{};
    const unsigned size = family == IpFamily::v4 ? 4 : 16;
    const IpPrefix* prefix = prefixes.empty() ? nullptr : &prefixes[pick(random, static_cast<std::uint32_t>(prefixes.size()))];
    const bool is_usable = prefix != nullptr && prefix->address.family == family;
    const std::uint32_t mode = pick(random, 4);
    for (unsigned bit = 0; bit < size * 8; ++bit) {
        const bool is_fixed = is_usable && bit < prefix->length;
        const bool value = is_fixed     ? ((prefix->address.bytes[bit / 8] << (bit % 8)) & 0x80) != 0
                           : mode == 0  ? false
                           : mode == 1  ? true
                                        : chance(random, 50);
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | (value ? 0x80u >> (bit % 8) : 0u));
    }
    if (mode < 2 && chance(random, 25)) {
        add_one(bytes.data(), size, chance(random, 50) ? 1 : -1);
    }
    std::memcpy(address_be, bytes.data(), 16);
}

std::uint16_t corner(Random& random, const std::vector<PortRange>& ranges) {
    if (ranges.empty() || chance(random, 10)) {
        return static_cast<std::uint16_t>(pick(random, 65536));
    }
    const PortRange& range = ranges[pick(random, static_cast<std::uint32_t>(ranges.size()))];
    switch (pick(random, 5)) {
        case 0: return range.first;
        case 1: return range.last;
        case 2: return static_cast<std::uint16_t>(range.first - 1);
        case 3: return static_cast<std::uint16_t>(range.last + 1);
        default: return static_cast<std::uint16_t>(range.first + pick(random, range.last - range.first + 1u));
    }
}

std::uint8_t random_flags(Random& random, std::uint8_t protocol) {
    std::uint8_t flags = 0;
    if (ip_protocol_has_ports(protocol) && chance(random, 97)) flags |= RUDDER_PKT_HAS_PORTS;
    if (chance(random, 5)) flags |= RUDDER_PKT_SPECIAL;
    if (chance(random, 8)) flags |= RUDDER_PKT_GROUP;
    if (chance(random, 5)) flags |= RUDDER_PKT_OWN_SOURCE;
    return flags;
}

/// Mostly a VLAN of the rule or one beside it.
void set_vlan(Random& random, const VlanMatch& vlan, rudder_packet& packet) {
    const bool is_untagged = vlan.ids.empty() ? chance(random, 90) : chance(random, vlan.untagged ? 40 : 5);
    if (is_untagged) {
        packet.vlan_tci = chance(random, 5) ? 0xe000 : 0;
        return;
    }
    std::uint32_t id = 1 + pick(random, 4095);
    if (!vlan.ids.empty() && chance(random, 90)) {
        const ValueRange& ids = vlan.ids[pick(random, static_cast<std::uint32_t>(vlan.ids.size()))];
        id = chance(random, 20) ? ids.first - 1 : chance(random, 20) ? ids.last + 1 : ids.first + pick(random, ids.last - ids.first + 1);
    }
    packet.vlan_tci = static_cast<std::uint16_t>(pick(random, 8) << 13 | (id & 0xfff));
    packet.flags |= (id & 0xfff) != 0 ? RUDDER_PKT_TAGGED : 0;
}

std::uint8_t dscp_of(Random& random, std::uint64_t mask) {
    const auto start = pick(random, 64);
    for (std::uint32_t i = 0; i < 64 && chance(random, 97); ++i) {
        if ((mask >> ((start + i) % 64)) & 1) {
            return static_cast<std::uint8_t>((start + i) % 64);
        }
    }
    return static_cast<std::uint8_t>(start);
}

/// What a packet is made after: a match, or what it excludes.
Match hint_of(Random& random, const Match& match) {
    Match hint = match;
    if (!match.excluded || chance(random, 30)) return hint;
    const Exclusion& excluded = *match.excluded;
    const auto wants = [&](bool is_stated) { return is_stated && chance(random, 40); };
    if (wants(!excluded.src.empty())) hint.src = excluded.src;
    if (wants(!excluded.dst.empty())) hint.dst = excluded.dst;
    if (wants(excluded.ip_proto.has_value())) hint.ip_proto = excluded.ip_proto;
    if (wants(!excluded.src_ports.empty())) hint.src_ports = excluded.src_ports;
    if (wants(!excluded.dst_ports.empty())) hint.dst_ports = excluded.dst_ports;
    if (wants(excluded.dscp != 0)) hint.dscp = excluded.dscp;
    if (wants(excluded.vlan != VlanMatch{false, {}})) hint.vlan = excluded.vlan;
    if (wants(excluded.rare != RareMatch{})) hint.rare = excluded.rare;
    return hint;
}

}  // namespace

std::uint32_t pick(Random& random, std::uint32_t below) { return static_cast<std::uint32_t>((random() >> 32) * below >> 32); }
bool chance(Random& random, std::uint32_t percent) { return pick(random, 100) < percent; }

Topology make_topology(std::uint32_t count) {
    Topology topology;
    Link loopback;
    loopback.ifindex = 1;
    loopback.name = "lo";
    loopback.is_loopback = true;
    topology.links[1] = loopback;
    for (std::uint32_t i = 0; i < count; ++i) {
        Link link;
        link.ifindex = 2 + i * 3;
        link.name = "eth" + std::to_string(i);
        link.mac = {{2, 0, 0, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}};
        link.mtu = 1500;
        link.is_up = true;
        topology.links[link.ifindex] = link;
    }
    return topology;
}

Policy make_policy(Random& random, Shape shape, std::size_t rules, std::uint32_t devices) {
    Policy policy;
    for (std::size_t rank = 0; rank < rules; ++rank) {
        policy.rules.push_back(random_rule(random, shape, rank, devices));
    }
    return policy;
}

Probe make_probe(Random& random, const Policy& policy, const Topology& topology) {
    const Rule& rule = policy.rules[pick(random, static_cast<std::uint32_t>(policy.rules.size()))];
    const Match match = hint_of(random, rule.match);
    Probe probe;
    rudder_packet& packet = probe.packet;
    const bool is_v4 = match.family_v4 && (!match.family_v6 || chance(random, 50));
    const IpFamily family = is_v4 ? IpFamily::v4 : IpFamily::v6;
    packet.family = is_v4 ? 4 : 6;
    corner(random, match.src, family, packet.src_be);
    corner(random, match.dst, family, packet.dst_be);
    packet.protocol = match.ip_proto && chance(random, 95) ? *match.ip_proto : k_protocols[pick(random, k_protocols.size())];
    packet.flags = random_flags(random, packet.protocol);
    set_vlan(random, match.vlan, packet);
    if ((packet.flags & RUDDER_PKT_HAS_PORTS) != 0) {
        packet.src_port = corner(random, match.src_ports);
        packet.dst_port = corner(random, match.dst_ports);
    }
    packet.tos = static_cast<std::uint8_t>(unsigned{dscp_of(random, match.dscp)} << 2 | pick(random, 4));
    packet.ttl = 64;
    if (match.rare) set_rare(random, *match.rare, packet);
    auto link = std::next(topology.links.begin(), pick(random, static_cast<std::uint32_t>(topology.links.size())));
    for (int attempt = 0; attempt < 20 && !selects(match.interface, link->second); ++attempt) {
        link = std::next(topology.links.begin(), pick(random, static_cast<std::uint32_t>(topology.links.size())));
    }
    probe.ifindex = link->first;
    probe.direction = chance(random, 95) ? match.direction : Direction::egress;
    return probe;
}

}  // namespace rudder::test
