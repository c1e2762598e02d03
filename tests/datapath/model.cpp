// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include "rudder_abi.h"

#include <algorithm>

namespace rudder::test {
namespace {

unsigned be16(const Frame& frame, std::size_t at) { return static_cast<unsigned>(frame[at] << 8 | frame[at + 1]); }

void store16(Frame& frame, std::size_t at, unsigned value) {
    frame[at] = static_cast<std::uint8_t>(value >> 8);
    frame[at + 1] = static_cast<std::uint8_t>(value);
}

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

void parse_transport(const Frame& frame, ModelPacket& p, std::size_t at, std::size_t end) {
    p.parse = Parse::ok;
    if (p.is_later_fragment || at > 512) {
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
    for (int i = 0; i < 6 && is_extension(next) && !p.is_later_fragment && at <= 512; i++) {
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

/// Some pair of prefixes holds the packet and asks for what is special about it.
bool matches_addresses(const Rule& rule, const ModelPacket& p) {
    const bool takes_group = rule.type != RuleType::steer && rule.type != RuleType::replicate;
    for (const IpPrefix& src : prefixes_or_any(rule.match.src, p.family)) {
        for (const IpPrefix& dst : prefixes_or_any(rule.match.dst, p.family)) {
            const bool asks_special = is_special(src) || is_special(dst) || lies_in_multicast(src);
            if (src.contains(p.src) && dst.contains(p.dst) && (!p.is_special || asks_special) &&
                (!p.is_group || takes_group || lies_in_multicast(dst))) {
                return true;
            }
        }
    }
    return false;
}

}  // namespace

ModelPacket model_parse(const Frame& frame, bool is_layer3, std::optional<std::uint16_t> offloaded) {
    ModelPacket p;
    unsigned type = 0;
    unsigned tags = offloaded ? 1 : 0;
    const auto note = [&p](unsigned tci) { p.vlan = static_cast<std::uint16_t>(p.vlan != 0 ? p.vlan : tci & 0xfff); };
    if (offloaded) {
        note(*offloaded);
    }
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
        p.ip = 14;
        type = be16(frame, 12);
        while ((type == 0x8100 || type == 0x88a8) && tags++ < 2) {
            if (frame.size() < p.ip + 4) {
                p.parse = Parse::short_frame;
                return p;
            }
            note(be16(frame, p.ip));
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
    }
    return p;
}

namespace {

bool in_vlans(const VlanMatch& wanted, unsigned vid) {
    return vid == 0 ? wanted.untagged : std::any_of(wanted.ids.begin(), wanted.ids.end(), [vid](const ValueRange& ids) {
        return ids.first <= vid && vid <= ids.last;
    });
}

}  // namespace

bool model_matches(const Rule& rule, const ModelPacket& p, const Link& link, Direction direction) {
    const Match& m = rule.match;
    if (!in_vlans(m.vlan, p.vlan) || m.direction != direction || !selects(m.interface, link)) {
        return false;
    }
    if (p.family == IpFamily::v4 ? !m.family_v4 : !m.family_v6) {
        return false;
    }
    if (!matches_addresses(rule, p) || (m.ip_proto && *m.ip_proto != p.protocol)) {
        return false;
    }
    return in_ports(m.src_ports, p, p.src_port) && in_ports(m.dst_ports, p, p.dst_port) && (m.dscp >> (p.tos >> 2) & 1) != 0;
}

namespace {

std::optional<std::uint8_t> model_ttl(const ModelPacket& p, const Rewrite& rewrite, Direction direction) {
    if (rewrite.ttl.mode == TtlAction::Mode::set) {
        return rewrite.ttl.value;
    }
    if (rewrite.ttl.mode == TtlAction::Mode::keep) {
        return p.ttl;
    }
    if (p.dst.is_multicast() && rewrite.dst_ip && !rewrite.dst_ip->is_multicast()) {
        return std::uint8_t{64};
    }
    if (direction == Direction::egress) {
        return p.ttl;
    }
    return p.ttl <= 1 ? std::nullopt : std::optional<std::uint8_t>(static_cast<std::uint8_t>(p.ttl - 1));
}

/// Sum of everything the transport checksum covers and that lies in this frame, the checksum itself included.
std::uint32_t transport_sum(const Frame& frame, const ModelPacket& p) {
    const std::size_t bytes = p.ip + p.ip_bytes - p.transport;
    const std::size_t source = p.ip + (p.family == IpFamily::v4 ? 12 : 8);
    const std::size_t size = p.family == IpFamily::v4 ? 8 : 32;
    std::uint32_t sum = sum16(frame.data() + p.transport, bytes);
    sum = sum16(frame.data() + source, size, sum);
    return fold16(sum + p.protocol + static_cast<std::uint32_t>(bytes));
}

/// Recomputes from scratch. What is missing here (later fragments of the datagram) is taken as that which made the
/// original checksum right.
void fix_transport(const Frame& before, Frame& after, const ModelPacket& p) {
    if (p.checksum < 0 || p.transport == 0) {
        return;
    }
    const std::size_t field = p.transport + static_cast<std::size_t>(p.checksum);
    const bool zero_means_none = p.protocol == 17 || p.protocol == 136;
    if (be16(before, field) == 0 && zero_means_none) {
        return;
    }
    const std::uint32_t missing = 0xffffu - transport_sum(before, p);
    store16(after, field, 0);
    auto value = static_cast<std::uint16_t>(~fold16(transport_sum(after, p) + missing));
    if (value == 0 && zero_means_none) {
        value = 0xffff;
    }
    store16(after, field, value);
}

void put_address(Frame& frame, std::size_t at, const IpAddress& address) {
    std::copy_n(address.bytes.begin(), address.bits() / 8, frame.begin() + static_cast<std::ptrdiff_t>(at));
}

void rewrite_ip(Frame& frame, const ModelPacket& p, const Rewrite& rewrite, std::uint8_t ttl) {
    const bool is_v4 = p.family == IpFamily::v4;
    const auto tos = rewrite.dscp ? static_cast<std::uint8_t>(*rewrite.dscp << 2 | (p.tos & 3)) : p.tos;
    if (rewrite.src_ip) {
        put_address(frame, p.ip + (is_v4 ? 12 : 8), *rewrite.src_ip);
    }
    if (rewrite.dst_ip) {
        put_address(frame, p.ip + (is_v4 ? 16 : 24), *rewrite.dst_ip);
    }
    if (!is_v4) {
        store16(frame, p.ip, 0x6000u | static_cast<unsigned>(tos) << 4 | (frame[p.ip + 1] & 15u));
        frame[p.ip + 7] = ttl;
        return;
    }
    frame[p.ip + 1] = tos;
    frame[p.ip + 8] = ttl;
    store16(frame, p.ip + 10, 0);
    store16(frame, p.ip + 10, static_cast<std::uint16_t>(~fold16(sum16(frame.data() + p.ip, p.header_bytes))));
}

}  // namespace

ModelRewrite model_rewrite(const Frame& frame, const ModelPacket& p, const Rewrite& rewrite, Direction direction) {
    const auto ttl = model_ttl(p, rewrite, direction);
    if (!ttl) {
        return {RUDDER_REASON_TTL_EXPIRED, frame};
    }
    if ((rewrite.dst_ip || rewrite.src_ip) && p.transport == 0 && !p.is_later_fragment) {
        return {RUDDER_REASON_HIDDEN_TRANSPORT, frame};
    }
    const bool wants_ports = (rewrite.dst_port || rewrite.src_port) && !p.is_later_fragment;
    if (wants_ports && (!p.has_ports || p.checksum < 0)) {
        return {RUDDER_REASON_NO_PORTS, frame};
    }
    ModelRewrite result{0, frame};
    if (wants_ports && rewrite.src_port) {
        store16(result.frame, p.transport, *rewrite.src_port);
    }
    if (wants_ports && rewrite.dst_port) {
        store16(result.frame, p.transport + 2, *rewrite.dst_port);
    }
    rewrite_ip(result.frame, p, rewrite, *ttl);
    if (wants_ports || rewrite.dst_ip || rewrite.src_ip) {
        fix_transport(frame, result.frame, p);
    }
    return result;
}

namespace {

void put_macs(Frame& frame, const MacAddress& dst, const MacAddress& src) {
    std::copy(dst.bytes.begin(), dst.bytes.end(), frame.begin());
    std::copy(src.bytes.begin(), src.bytes.end(), frame.begin() + 6);
}

MacAddress group_mac(const IpAddress& group) {
    const auto& b = group.bytes;
    if (group.family == IpFamily::v4) {
        return {{0x01, 0, 0x5e, static_cast<std::uint8_t>(b[1] & 0x7f), b[2], b[3]}};
    }
    return {{0x33, 0x33, b[12], b[13], b[14], b[15]}};
}

std::optional<MacAddress> known_mac(const Target& target, const Topology& topology, const Link& out, const IpAddress& dst) {
    if (target.next_hop_mac) {
        return target.next_hop_mac;
    }
    std::optional<NextHopQuery> query;
    if (target.next_hop) {
        query = NextHopQuery{out.ifindex, *target.next_hop, true};
    } else if (target.rewrite.dst_ip && !target.rewrite.dst_ip->is_multicast()) {
        query = NextHopQuery{out.ifindex, *target.rewrite.dst_ip, false};
    }
    const auto found = query ? topology.next_hops.find(*query) : topology.next_hops.end();
    if (found != topology.next_hops.end() && found->second.mac) {
        return found->second.mac;
    }
    return dst.is_multicast() ? std::optional<MacAddress>(group_mac(dst)) : std::nullopt;
}

ModelResult refused(const Rule& rule, int index, const Frame& frame, std::uint32_t reason) {
    const bool drops = rule.failure_drops && reason != RUDDER_REASON_TTL_EXPIRED;
    return {drops ? 2 : -1, frame, index, reason};
}

/// What `src_ip = "interface"` means here: the only address of that family.
std::optional<IpAddress> only_address(const Link& link, IpFamily family) {
    const auto own = std::find_if(link.addresses.begin(), link.addresses.end(),
                                  [&](const LinkAddress& address) { return address.address.family == family; });
    return own == link.addresses.end() ? std::nullopt : std::optional(own->address);
}

ModelResult model_steer(const Rule& rule, int index, const Topology& topology, const ModelPacket& p, Direction direction,
                        const Frame& frame) {
    const Target& target = rule.targets.front();
    const Link* out = find_link(topology, target.via);
    Rewrite rewrite = target.rewrite;
    if (rewrite.is_src_of_interface) {
        rewrite.src_ip = only_address(*out, p.family);
    }
    ModelRewrite made = model_rewrite(frame, p, rewrite, direction);
    if (made.reason != 0) {
        return refused(rule, index, frame, made.reason);
    }
    if (!out->is_up) {
        return refused(rule, index, frame, RUDDER_REASON_LINK_DOWN);
    }
    if (frame.size() - p.ip > out->mtu) {
        return refused(rule, index, frame, RUDDER_REASON_TOO_BIG);
    }
    const auto mac = known_mac(target, topology, *out, target.rewrite.dst_ip.value_or(p.dst));
    if (mac && !out->is_layer3) {
        put_macs(made.frame, *mac, out->mac);
    } else if (!out->is_layer3) {
        if (p.ip != 14) {
            return refused(rule, index, frame, RUDDER_REASON_NO_NEIGHBOUR);
        }
        if ((frame[0] & 1) != 0) {
            put_macs(made.frame, MacAddress{}, out->mac);
        }
    }
    return {7, made.frame, index, 0};
}

std::optional<std::uint32_t> mirrored(const Target& target, const Topology& topology, const ModelPacket& p, const Link& link,
                                      std::size_t bytes) {
    const Link* out = find_link(topology, target.via);
    if (out == nullptr) {
        return RUDDER_REASON_NO_DEVICE;
    }
    if (out->ifindex == link.ifindex) {
        return std::nullopt;
    }
    if (link.is_layer3 && !out->is_layer3) {
        return RUDDER_REASON_NOT_WRITABLE;
    }
    if (!out->is_up) {
        return RUDDER_REASON_LINK_DOWN;
    }
    return bytes - p.ip > out->mtu ? RUDDER_REASON_TOO_BIG : RUDDER_REASON_NONE;
}

ModelResult model_mirror(const Rule& rule, int index, const Topology& topology, const ModelPacket& p, const Link& link,
                         const Frame& frame) {
    ModelResult result{-1, frame, index, 0};
    for (const Target& target : rule.targets) {
        result.copies.push_back(mirrored(target, topology, p, link, frame.size()));
    }
    return result;
}

/// Tells the sender, if that is what a failure comes to.
ModelResult answered(ModelResult result, const Rule& rule, const Topology& topology, const Link& link, Direction direction,
                     const ModelPacket& p) {
    const bool is_too_big = result.reason == RUDDER_REASON_TOO_BIG;
    const bool may_be_fragmented = p.family == IpFamily::v4 && (result.frame[p.ip + 6] & 0x40) == 0;
    if ((!is_too_big && result.reason != RUDDER_REASON_TTL_EXPIRED) || (is_too_big && may_be_fragmented && result.verdict == -1)) {
        return result;
    }
    const std::uint32_t mtu = is_too_big ? find_link(topology, rule.targets.front().via)->mtu : 0;
    if (const auto message = model_icmp(result.frame, p, topology, link, direction, mtu)) {
        result.verdict = 7;
        result.frame = *message;
        result.is_answered = true;
    }
    return result;
}

/// A rule none of whose devices exists is not installed.
bool is_usable(const Rule& rule, const Target& target, const Topology& topology) {
    const Link* out = find_link(topology, target.via);
    const IpFamily family = rule.match.family_v4 ? IpFamily::v4 : IpFamily::v6;
    return out != nullptr && (!target.rewrite.is_src_of_interface || only_address(*out, family));
}

/// A rule none of whose devices exists, or has the address it needs, is not installed.
bool is_deferred(const Rule& rule, const Topology& topology) {
    return !rule.targets.empty() && std::none_of(rule.targets.begin(), rule.targets.end(), [&](const Target& target) {
        return is_usable(rule, target, topology);
    });
}

bool is_header_good(const Frame& frame, const ModelPacket& p) {
    return p.family == IpFamily::v6 || fold16(sum16(frame.data() + p.ip, p.header_bytes)) == 0xffff;
}

}  // namespace

ModelResult model_run(const Policy& policy, const Topology& topology, const Link& link, Direction direction,
                      const Frame& frame) {
    const bool is_hook = std::any_of(policy.rules.begin(), policy.rules.end(), [&](const Rule& rule) {
        return !is_deferred(rule, topology) && rule.match.direction == direction && selects(rule.match.interface, link);
    });
    if (!is_hook) {
        return {-1, frame, -1, 0};
    }
    const ModelPacket p = model_parse(frame, link.is_layer3);
    if (p.parse == Parse::short_frame) {
        return {-1, frame, -1, RUDDER_REASON_SHORT};
    }
    if (p.parse == Parse::malformed) {
        return {-1, frame, -1, RUDDER_REASON_MALFORMED};
    }
    for (std::size_t i = 0; p.parse == Parse::ok && i < policy.rules.size(); i++) {
        const Rule& rule = policy.rules[i];
        const int index = static_cast<int>(i);
        if (is_deferred(rule, topology) || !model_matches(rule, p, link, direction)) {
            continue;
        }
        if (!is_header_good(frame, p)) {
            return {-1, frame, -1, RUDDER_REASON_MALFORMED};
        }
        switch (rule.type) {
            case RuleType::pass: return {-1, frame, index, 0};
            case RuleType::drop: return {2, frame, index, 0};
            case RuleType::mirror: return model_mirror(rule, index, topology, p, link, frame);
            default: return answered(model_steer(rule, index, topology, p, direction, frame), rule, topology, link, direction, p);
        }
    }
    return {-1, frame, -1, 0};
}

}  // namespace rudder::test
