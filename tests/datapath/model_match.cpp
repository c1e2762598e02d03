// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include "rudder_abi.h"

#include <algorithm>

namespace rudder::test {
namespace {

IpAddress read_address(const Frame& frame, std::size_t at, IpFamily family) {
    IpAddress result;
    result.family = family;
    std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(at), result.bits() / 8, result.bytes.begin());
    return result;
}

/// Addresses that no wide rule takes.
const std::vector<IpPrefix>& special_prefixes() {
    static const std::vector<IpPrefix> prefixes = [] {
        std::vector<IpPrefix> result;
        for (const char* text : {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/24", "255.255.255.255/32",
                                 "::/128", "::1/128", "fe80::/10", "ff01::/16", "ff02::/16"}) {
            result.push_back(*parse_ip_prefix(text).prefix);
        }
        return result;
    }();
    return prefixes;
}

/// Does one of them hold the address, or the whole prefix?
template <class What>
bool is_special(const What& what) {
    return std::any_of(special_prefixes().begin(), special_prefixes().end(), [&](const IpPrefix& p) { return p.contains(what); });
}

/// Least bytes of the transport header, and where its checksum is.
struct Form {
    std::size_t least = 0;
    int checksum = -1;
    bool has_ports = false;
};

Form form_of(const ModelPacket& p) {
    switch (p.protocol) {
        case 6: return {20, 16, true};
        case 17:
        case 136: return {8, 6, true};
        case 33: return {12, 6, true};
        case 132: return {12, -1, true};
        case 58: return p.family == IpFamily::v6 ? Form{4, 2, false} : Form{};
        default: return {};
    }
}

/// Headers that begin further behind than this are not looked at. A tag beside the frame takes no place in it.
bool is_within_reach(const ModelPacket& p, std::size_t at) { return at <= 512u + (p.is_tag_beside ? 4u : 0u); }

void parse_transport(const Frame& frame, ModelPacket& p, std::size_t at, std::size_t end) {
    p.parse = Parse::ok;
    if (p.is_later_fragment || !is_within_reach(p, at)) {
        return;
    }
    const Form form = form_of(p);
    const bool is_cut = end - at < form.least;
    if (is_cut && (!p.is_fragment || !form.has_ports || end - at < 8)) {
        p.parse = Parse::short_frame;
        return;
    }
    if (!is_cut || form.checksum < 0 || end - at >= static_cast<std::size_t>(form.checksum) + 2) {
        p.transport = at;
        p.checksum = form.checksum;
    }
    p.has_ports = form.has_ports;
    if (p.has_ports) {
        p.src_port = static_cast<std::uint16_t>(be16(frame, at));
        p.dst_port = static_cast<std::uint16_t>(be16(frame, at + 2));
    }
}

void parse_v4(const Frame& frame, ModelPacket& p) {
    p.family = IpFamily::v4;
    if (frame.size() < p.ip + 20) {
        p.parse = Parse::short_frame;
        return;
    }
    p.header_bytes = (frame[p.ip] & 15u) * 4;
    p.ip_bytes = be16(frame, p.ip + 2);
    if (frame[p.ip] >> 4 != 4 || p.header_bytes < 20 || p.ip_bytes < p.header_bytes || p.ip + p.ip_bytes > frame.size()) {
        p.parse = Parse::malformed;
        return;
    }
    const unsigned fragment = be16(frame, p.ip + 6);
    p.is_fragment = (fragment & 0x3fff) != 0;
    p.is_later_fragment = (fragment & 0x1fff) != 0;
    p.tos = frame[p.ip + 1];
    p.ttl = frame[p.ip + 8];
    p.protocol = frame[p.ip + 9];
    p.src = read_address(frame, p.ip + 12, p.family);
    p.dst = read_address(frame, p.ip + 16, p.family);
    parse_transport(frame, p, p.ip + p.header_bytes, p.ip + p.ip_bytes);
}

/// What rules may look at behind the ports.
void look_closer(const Frame& frame, ModelPacket& p) {
    const std::size_t end = p.ip + p.ip_bytes;
    if (p.transport == 0) {
        return;
    }
    if (p.protocol == 6) {
        p.tcp_flags = frame[p.transport + 13];
    }
    if (p.protocol == (p.family == IpFamily::v4 ? 1 : 58) && p.transport + 2 <= end) {
        p.icmp = static_cast<std::uint16_t>(be16(frame, p.transport));
    }
}

bool is_extension(unsigned next) { return next == 0 || next == 43 || next == 44 || next == 51 || next == 60; }

void parse_v6(const Frame& frame, ModelPacket& p) {
    p.family = IpFamily::v6;
    if (frame.size() < p.ip + 40) {
        p.parse = Parse::short_frame;
        return;
    }
    p.header_bytes = 40;
    p.ip_bytes = 40 + be16(frame, p.ip + 4);
    if (frame[p.ip] >> 4 != 6 || p.ip + p.ip_bytes > frame.size()) {
        p.parse = Parse::malformed;
        return;
    }
    p.tos = static_cast<std::uint8_t>(be16(frame, p.ip) >> 4);
    p.ttl = frame[p.ip + 7];
    p.src = read_address(frame, p.ip + 8, p.family);
    p.dst = read_address(frame, p.ip + 24, p.family);
    std::size_t at = p.ip + 40;
    const std::size_t end = p.ip + p.ip_bytes;
    unsigned next = frame[p.ip + 6];
    for (int i = 0; i < 6 && is_extension(next) && !p.is_later_fragment && is_within_reach(p, at); i++) {
        if (at + 8 > frame.size()) {
            p.parse = Parse::short_frame;
            return;
        }
        if (next == 43 && frame[at + 3] != 0) {
            break;
        }
        std::size_t bytes = (frame[at + 1] + 1u) * 8;
        if (next == 44) {
            const unsigned fragment = be16(frame, at + 2);
            p.is_fragment |= (fragment & 0xfff9) != 0;
            p.is_later_fragment |= (fragment & 0xfff8) != 0;
            bytes = 8;
        } else if (next == 51) {
            bytes = (frame[at + 1] + 2u) * 4;
        }
        next = frame[at];
        at += bytes;
        if (at > end) {
            p.parse = Parse::short_frame;
            return;
        }
    }
    p.protocol = static_cast<std::uint8_t>(next);
    if (is_extension(next)) {
        p.parse = Parse::ok;
        return;
    }
    parse_transport(frame, p, at, end);
}

bool in_ports(const std::vector<PortRange>& ranges, const ModelPacket& p, std::uint16_t port) {
    return ranges.empty() || (p.has_ports && std::any_of(ranges.begin(), ranges.end(), [&](const PortRange& r) {
               return r.first <= port && port <= r.last;
           }));
}

bool lies_in_multicast(const IpPrefix& p) {
    return p.address.is_multicast() && p.length >= (p.address.family == IpFamily::v4 ? 4 : 8);
}

/// The prefixes of a rule in this family; one that holds everything when it names none at all.
std::vector<IpPrefix> prefixes_or_any(const std::vector<IpPrefix>& prefixes, IpFamily family) {
    IpPrefix any;
    any.address.family = family;
    return prefixes.empty() ? std::vector<IpPrefix>{any} : prefixes;
}

/// A MAC address to match is a group's: that is to ask for link-layer groups.
bool names_group_mac(const Match& m) {
    return m.rare && std::any_of(m.rare->dst_macs.begin(), m.rare->dst_macs.end(), [](const MacPattern& pattern) {
               return (pattern.mask.bytes[0] & pattern.value.bytes[0] & 1) != 0;
           });
}

/// The prefix is one address, and packets to it are for all hosts of a network.
bool is_broadcast(const IpPrefix& prefix, const Topology& topology) {
    const auto value = [](const IpAddress& address) {
        const auto& b = address.bytes;
        return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
    };
    if (prefix.length != 32 || prefix.address.family != IpFamily::v4) {
        return false;
    }
    bool is_found = value(prefix.address) == 0xffffffff;
    for (const auto& [ifindex, link] : topology.links) {
        for (const LinkAddress& own : link.addresses) {
            const bool has_broadcast = own.address.family == IpFamily::v4 && own.prefix_length < 31;
            is_found |=
                has_broadcast && value(prefix.address) == (value(own.address) | 0xffffffff >> own.prefix_length);
        }
    }
    return is_found;
}

/// It comes in from outside with an address of this host as its source.
bool comes_from_itself(const ModelPacket& p, const Topology& topology, const Link& hook, Direction direction) {
    bool is_own = false;
    for (const auto& [ifindex, link] : topology.links) {
        for (const LinkAddress& own : link.addresses) {
            is_own |= own.address == p.src && own.scope != AddressScope::link && !own.is_tentative;
        }
    }
    return is_own && direction == Direction::ingress && !hook.is_loopback;
}

/// Some pair of prefixes holds the packet and asks for what is special about it.
bool matches_addresses(const Rule& rule, const ModelPacket& p, const Topology& topology, bool is_own) {
    const bool sends = rule.type == RuleType::steer || rule.type == RuleType::replicate;
    const bool takes_group = !sends || names_group_mac(rule.match);
    for (const IpPrefix& src : prefixes_or_any(rule.match.src, p.family)) {
        for (const IpPrefix& dst : prefixes_or_any(rule.match.dst, p.family)) {
            const bool asks_special = is_special(src) || is_special(dst) || lies_in_multicast(src);
            const bool names_host = src.length == (p.family == IpFamily::v4 ? 32 : 128);
            if (src.contains(p.src) && dst.contains(p.dst) && (!p.is_special || asks_special) && (!is_own || !sends || names_host) &&
                (!p.is_group || takes_group || lies_in_multicast(dst) || is_broadcast(dst, topology))) {
                return true;
            }
        }
    }
    return false;
}

}  // namespace

std::size_t model_cut(const ModelPacket& packet, std::size_t snap, bool is_to_layer3) {
    const std::size_t removed = is_to_layer3 ? packet.ip : 0;
    const std::size_t headers = packet.transport != 0 ? packet.transport + form_of(packet).least : packet.ip + packet.header_bytes + 8;
    return std::max(snap, headers - removed);
}

ModelPacket model_parse(const Frame& frame, bool is_layer3, TagPlace place) {
    ModelPacket p;
    unsigned type = 0;
    if (is_layer3) {
        if (frame.empty()) {
            p.parse = Parse::short_frame;
            return p;
        }
        type = frame[0] >> 4 == 6 ? 0x86dd : 0x0800;
    } else {
        if (frame.size() < 14) {
            p.parse = Parse::short_frame;
            return p;
        }
        p.is_group = (frame[0] & 1) != 0;
        p.dst_mac.emplace();
        p.src_mac.emplace();
        std::copy_n(frame.begin(), 6, p.dst_mac->bytes.begin());
        std::copy_n(frame.begin() + 6, 6, p.src_mac->bytes.begin());
        p.ip = 14;
        type = be16(frame, 12);
        for (int tags = 0; tags < 2 && (type == 0x8100 || type == 0x88a8); tags++) {
            if (frame.size() < p.ip + 4) {
                p.parse = Parse::short_frame;
                return p;
            }
            p.is_tag_beside = place == TagPlace::beside;
            p.vlan = p.vlan != 0 ? p.vlan : static_cast<std::uint16_t>(be16(frame, p.ip) & 0xfff);
            type = be16(frame, p.ip + 2);
            p.ip += 4;
        }
    }
    if (type == 0x0800) {
        parse_v4(frame, p);
    } else if (type == 0x86dd) {
        parse_v6(frame, p);
    }
    if (p.parse == Parse::ok) {
        p.is_special = is_special(p.src) || is_special(p.dst) || p.src.is_multicast();
        p.is_group |= p.dst.is_multicast();
        look_closer(frame, p);
    }
    return p;
}

namespace {

bool in_vlans(const VlanMatch& wanted, unsigned vid) {
    return vid == 0 ? wanted.untagged : std::any_of(wanted.ids.begin(), wanted.ids.end(), [vid](const ValueRange& ids) {
        return ids.first <= vid && vid <= ids.last;
    });
}

bool in_values(const std::vector<ValueRange>& ranges, std::optional<unsigned> value) {
    return ranges.empty() || (value && std::any_of(ranges.begin(), ranges.end(), [&](const ValueRange& range) {
                                  return range.first <= *value && *value <= range.last;
                              }));
}

bool in_flags(const std::vector<TcpFlags>& wanted, std::optional<std::uint8_t> flags) {
    return wanted.empty() || (flags && std::any_of(wanted.begin(), wanted.end(), [&](const TcpFlags& one) {
                                  return (*flags & one.set) == one.set && (*flags & one.clear) == 0;
                              }));
}

bool in_macs(const std::vector<MacPattern>& patterns, const std::optional<MacAddress>& mac) {
    const auto holds = [&](const MacPattern& pattern) {
        for (unsigned i = 0; i < 6; i++) {
            if ((mac->bytes[i] & pattern.mask.bytes[i]) != pattern.value.bytes[i]) {
                return false;
            }
        }
        return true;
    };
    return patterns.empty() || (mac && std::any_of(patterns.begin(), patterns.end(), holds));
}

bool in_marks(const std::vector<MarkPattern>& patterns, std::uint32_t mark) {
    return patterns.empty() || std::any_of(patterns.begin(), patterns.end(), [mark](const MarkPattern& pattern) {
        return (mark & pattern.mask) == pattern.value;
    });
}

bool matches_rare(const RareMatch& m, const ModelPacket& p) {
    const unsigned kind = p.is_later_fragment ? 4 : p.is_fragment ? 2 : 1;
    const auto bytes = static_cast<unsigned>(p.ip_bytes);
    return in_values(m.icmp_types, p.icmp) && in_flags(m.tcp_flags, p.tcp_flags) && (m.fragment & kind) != 0 &&
           in_values(m.lengths, bytes) && in_values(m.ttls, p.ttl) && (m.ecn >> (p.tos & 3) & 1) != 0 && in_marks(m.fwmarks, p.mark) &&
           in_macs(m.src_macs, p.src_mac) && in_macs(m.dst_macs, p.dst_mac);
}

bool lies_in(const std::vector<IpPrefix>& prefixes, const IpAddress& address) {
    return std::any_of(prefixes.begin(), prefixes.end(), [&](const IpPrefix& prefix) { return prefix.contains(address); });
}

/// The packet has a value that `not` names. Each field by itself, by what it would take for a match.
bool is_excluded(const Exclusion& no, const ModelPacket& p) {
    const auto names = [&](auto field) {
        RareMatch only;
        only.*field = no.rare.*field;
        return only != RareMatch{} && matches_rare(only, p);
    };
    return lies_in(no.src, p.src) || lies_in(no.dst, p.dst) || no.ip_proto == p.protocol ||
           (!no.src_ports.empty() && in_ports(no.src_ports, p, p.src_port)) ||
           (!no.dst_ports.empty() && in_ports(no.dst_ports, p, p.dst_port)) || (no.dscp >> (p.tos >> 2) & 1) != 0 ||
           in_vlans(no.vlan, p.vlan) || names(&RareMatch::icmp_types) || names(&RareMatch::tcp_flags) ||
           names(&RareMatch::fragment) || names(&RareMatch::lengths) || names(&RareMatch::ttls) || names(&RareMatch::ecn) ||
           names(&RareMatch::fwmarks) || names(&RareMatch::src_macs) || names(&RareMatch::dst_macs);
}

}  // namespace

bool model_matches(const Rule& rule, const ModelPacket& p, const Topology& topology, const Link& link,
                   Direction direction) {
    const Match& m = rule.match;
    if (!in_vlans(m.vlan, p.vlan) || m.direction != direction || !selects(m.interface, link)) {
        return false;
    }
    if (p.family == IpFamily::v4 ? !m.family_v4 : !m.family_v6) {
        return false;
    }
    if ((m.rare && !matches_rare(*m.rare, p)) || (m.excluded && is_excluded(*m.excluded, p))) {
        return false;
    }
    if (!matches_addresses(rule, p, topology, comes_from_itself(p, topology, link, direction)) || (m.ip_proto && *m.ip_proto != p.protocol)) {
        return false;
    }
    return in_ports(m.src_ports, p, p.src_port) && in_ports(m.dst_ports, p, p.dst_port) && (m.dscp >> (p.tos >> 2) & 1) != 0;
}

}  // namespace rudder::test
