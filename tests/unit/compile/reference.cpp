// SPDX-License-Identifier: Apache-2.0
#include "reference.hpp"

#include <algorithm>
#include <cstring>

namespace rudder::test {
namespace {

bool has_prefix(const std::uint32_t* address_be, const IpPrefix& prefix) {
    std::uint8_t bytes[16];
    std::memcpy(bytes, address_be, sizeof(bytes));
    const unsigned whole = prefix.length / 8;
    if (std::memcmp(bytes, prefix.address.bytes.data(), whole) != 0) {
        return false;
    }
    const unsigned rest = prefix.length % 8;
    return rest == 0 || ((bytes[whole] ^ prefix.address.bytes[whole]) >> (8 - rest)) == 0;
}

bool in_ranges(const std::vector<PortRange>& ranges, std::uint16_t port) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [port](const PortRange& range) { return range.first <= port && port <= range.last; });
}

bool lies_in(const IpPrefix& prefix, const char* range) { return parse_ip_prefix(range).prefix->contains(prefix); }

bool is_special(const IpPrefix& prefix) {
    const auto ranges = {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/24", "255.255.255.255",
                         "::",        "::1",         "fe80::/10",      "ff01::/16",    "ff02::/16"};
    return std::any_of(ranges.begin(), ranges.end(), [&](const char* range) { return lies_in(prefix, range); });
}

bool is_multicast(const IpPrefix& prefix) { return lies_in(prefix, "224.0.0.0/4") || lies_in(prefix, "ff00::/8"); }

bool names_group_mac(const Match& match) {
    return match.rare && std::any_of(match.rare->dst_macs.begin(), match.rare->dst_macs.end(),
                                     [](const MacPattern& pattern) { return pattern.value.bytes[0] % 2 == 1; });
}

/// May this pair of prefixes (null: any) see packets with these flags?
bool flags_allow(const Rule& rule, const IpPrefix* src, const IpPrefix* dst, std::uint8_t flags) {
    const bool asks_special =
        (src != nullptr && (is_special(*src) || is_multicast(*src))) || (dst != nullptr && is_special(*dst));
    const bool takes_group = rule.type == RuleType::drop || rule.type == RuleType::pass ||
                             (dst != nullptr && is_multicast(*dst)) || names_group_mac(rule.match);
    const bool takes_own = (rule.type != RuleType::steer && rule.type != RuleType::replicate) ||
                           (src != nullptr && src->length == (src->address.family == IpFamily::v4 ? 32 : 128));
    return ((flags & RUDDER_PKT_SPECIAL) == 0 || asks_special) && ((flags & RUDDER_PKT_GROUP) == 0 || takes_group) &&
           ((flags & RUDDER_PKT_OWN_SOURCE) == 0 || takes_own);
}

std::vector<const IpPrefix*> candidates(const std::vector<IpPrefix>& prefixes, const std::uint32_t* address,
                                        IpFamily family) {
    if (prefixes.empty()) {
        return {nullptr};
    }
    std::vector<const IpPrefix*> result;
    for (const IpPrefix& prefix : prefixes) {
        if (prefix.address.family == family && has_prefix(address, prefix)) {
            result.push_back(&prefix);
        }
    }
    return result;
}

bool matches_ports(const Match& match, const rudder_packet& packet) {
    if (match.src_ports.empty() && match.dst_ports.empty()) {
        return true;
    }
    return (packet.flags & RUDDER_PKT_HAS_PORTS) != 0 &&
           (match.src_ports.empty() || in_ranges(match.src_ports, packet.src_port)) &&
           (match.dst_ports.empty() || in_ranges(match.dst_ports, packet.dst_port));
}

/// `flags` says whether there is a tag with a VID at all.
bool matches_vlan(const VlanMatch& vlan, const rudder_packet& packet) {
    if ((packet.flags & RUDDER_PKT_TAGGED) == 0) {
        return vlan.untagged;
    }
    const std::uint32_t id = packet.vlan_tci & 0xfff;
    return std::any_of(vlan.ids.begin(), vlan.ids.end(),
                       [id](const ValueRange& ids) { return ids.first <= id && id <= ids.last; });
}

bool in_values(const std::vector<ValueRange>& ranges, std::uint32_t value) {
    return ranges.empty() || std::any_of(ranges.begin(), ranges.end(), [value](const ValueRange& range) {
               return range.first <= value && value <= range.last;
           });
}

bool holds(const MarkPattern& pattern, std::uint32_t mark) { return (mark & pattern.mask) == pattern.value; }

/// `mac` as in rudder_packet: 0 where there is no Ethernet header.
bool holds(const MacPattern& pattern, std::uint64_t mac) {
    if (mac == 0) {
        return false;
    }
    for (unsigned i = 0; i < 6; ++i) {
        if (((mac >> (40 - 8 * i)) & pattern.mask.bytes[i]) != pattern.value.bytes[i]) {
            return false;
        }
    }
    return true;
}

template <class Pattern, class Value>
bool any_holds(const std::vector<Pattern>& patterns, Value value) {
    return patterns.empty() ||
           std::any_of(patterns.begin(), patterns.end(), [value](const Pattern& pattern) { return holds(pattern, value); });
}

bool flags_hold(const RareMatch& rare, const rudder_packet& packet) {
    if (rare.tcp_flags.empty()) {
        return true;
    }
    return (packet.has & RUDDER_HAS_TCP_FLAGS) != 0 &&
           std::any_of(rare.tcp_flags.begin(), rare.tcp_flags.end(), [&](const TcpFlags& flags) {
               return (packet.tcp_flags & (flags.set | flags.clear)) == flags.set;
           });
}

bool matches_rare(const RareMatch& rare, const rudder_packet& packet) {
    const unsigned kind = (packet.flags & RUDDER_PKT_LATER_FRAGMENT) != 0 ? k_fragment_later
                          : (packet.flags & RUDDER_PKT_FRAGMENT) != 0     ? k_fragment_first
                                                                          : k_fragment_none;
    const bool icmp_matches = rare.icmp_types.empty() ||
                              ((packet.has & RUDDER_HAS_ICMP) != 0 && in_values(rare.icmp_types, packet.icmp));
    return icmp_matches && flags_hold(rare, packet) && (rare.fragment & kind) != 0 &&
           in_values(rare.lengths, packet.l3_bytes) && in_values(rare.ttls, packet.ttl) &&
           (rare.ecn >> (packet.tos & 3) & 1) != 0 && any_holds(rare.fwmarks, packet.mark) &&
           any_holds(rare.src_macs, packet.src_mac) && any_holds(rare.dst_macs, packet.dst_mac);
}

template <class Pattern, class Value>
bool some_holds(const std::vector<Pattern>& patterns, Value value) {
    return !patterns.empty() && any_holds(patterns, value);
}

bool is_excluded(const RareMatch& rare, const rudder_packet& packet) {
    const bool has_icmp = !rare.icmp_types.empty() && (packet.has & RUDDER_HAS_ICMP) != 0;
    RareMatch fragment, ecn;
    fragment.fragment = rare.fragment;
    ecn.ecn = rare.ecn;
    return (has_icmp && in_values(rare.icmp_types, packet.icmp)) || (!rare.tcp_flags.empty() && flags_hold(rare, packet)) ||
           (rare.fragment != k_fragment_any && matches_rare(fragment, packet)) ||
           (!rare.lengths.empty() && in_values(rare.lengths, packet.l3_bytes)) ||
           (!rare.ttls.empty() && in_values(rare.ttls, packet.ttl)) ||
           (rare.ecn != k_ecn_any && matches_rare(ecn, packet)) || some_holds(rare.fwmarks, packet.mark) ||
           some_holds(rare.src_macs, packet.src_mac) || some_holds(rare.dst_macs, packet.dst_mac);
}

/// The packet has something of what must not be.
bool is_excluded(const Exclusion& excluded, const rudder_packet& packet, IpFamily family) {
    const auto lies_in_some = [&](const std::vector<IpPrefix>& prefixes, const std::uint32_t* address) {
        return !prefixes.empty() && !candidates(prefixes, address, family).empty();
    };
    const bool has_ports = (packet.flags & RUDDER_PKT_HAS_PORTS) != 0;
    return lies_in_some(excluded.src, packet.src_be) || lies_in_some(excluded.dst, packet.dst_be) ||
           excluded.ip_proto == packet.protocol || (has_ports && in_ranges(excluded.src_ports, packet.src_port)) ||
           (has_ports && in_ranges(excluded.dst_ports, packet.dst_port)) || ((excluded.dscp >> (packet.tos >> 2)) & 1) != 0 ||
           matches_vlan(excluded.vlan, packet) || is_excluded(excluded.rare, packet);
}

bool is_installed(const Rule& rule, const Topology& topology) {
    return rule.targets.empty() || std::any_of(rule.targets.begin(), rule.targets.end(), [&](const Target& target) {
               return find_link(topology, target.via) != nullptr;
           });
}

}  // namespace

Reference::Reference(const Policy& policy, const Topology& topology) : policy_(policy) {
    for (const Rule& rule : policy.rules) {
        std::vector<bool> selected;
        if (is_installed(rule, topology)) {
            selected.resize(topology.links.empty() ? 1 : topology.links.rbegin()->first + 1, false);
            for (const auto& [ifindex, link] : topology.links) {
                selected[ifindex] = selects(rule.match.interface, link);
            }
        }
        selected_.push_back(std::move(selected));
    }
}

bool Reference::matches(const Rule& rule, std::size_t rank, const Probe& probe) const {
    const Match& match = rule.match;
    const rudder_packet& packet = probe.packet;
    const IpFamily family = packet.family == 4 ? IpFamily::v4 : IpFamily::v6;
    const bool is_here = match.direction == probe.direction && probe.ifindex < selected_[rank].size() &&
                         selected_[rank][probe.ifindex];
    if (!is_here || (family == IpFamily::v4 ? !match.family_v4 : !match.family_v6) ||
        !matches_vlan(match.vlan, packet) || (match.ip_proto && *match.ip_proto != packet.protocol) ||
        ((match.dscp >> (packet.tos >> 2)) & 1) == 0 || !matches_ports(match, packet) ||
        (match.rare && !matches_rare(*match.rare, packet)) ||
        (match.excluded && is_excluded(*match.excluded, packet, family))) {
        return false;
    }
    for (const IpPrefix* src : candidates(match.src, packet.src_be, family)) {
        for (const IpPrefix* dst : candidates(match.dst, packet.dst_be, family)) {
            if (flags_allow(rule, src, dst, packet.flags)) {
                return true;
            }
        }
    }
    return false;
}

std::uint32_t Reference::first_match(const Probe& probe) const {
    for (std::size_t rank = 0; rank < policy_.rules.size(); ++rank) {
        if (matches(policy_.rules[rank], rank, probe)) {
            return static_cast<std::uint32_t>(rank);
        }
    }
    return RUDDER_NO_RULE;
}

}  // namespace rudder::test
