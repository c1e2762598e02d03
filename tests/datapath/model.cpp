// SPDX-License-Identifier: Apache-2.0
#include "model_parts.hpp"

#include "rudder_abi.h"

#include <algorithm>
#include <cstring>

namespace rudder::test {
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

// Two members of one datagram, or of one flow without ports, must hash alike: so only what all of them have counts.
std::uint32_t model_flow_hash(const ModelPacket& p, HashFields fields) {
    unsigned used = fields;
    if (p.is_fragment || !p.has_ports) {
        used &= p.is_fragment ? 0x03u : 0x13u;
        if ((used & 0x03u) == 0) {
            used |= 0x03u;
        }
    }
    std::vector<std::uint64_t> words;
    const auto word32 = [](const IpAddress& address, unsigned index) {
        std::uint32_t word = 0;
        std::memcpy(&word, address.bytes.data() + 4 * index, sizeof(word));
        return std::uint64_t{word};
    };
    const auto address_words = [&](const IpAddress& address) {
        words.push_back(word32(address, 0) << 32 | word32(address, 1));
        words.push_back(word32(address, 2) << 32 | word32(address, 3));
    };
    if (p.family == IpFamily::v4) {
        words.push_back(((used & 1) != 0 ? word32(p.src, 0) << 32 : 0) | ((used & 2) != 0 ? word32(p.dst, 0) : 0));
    } else {
        (used & 1) != 0 ? address_words(p.src) : words.push_back(0);
        (used & 2) != 0 ? address_words(p.dst) : words.push_back(0);
    }
    words.push_back(((used & 4) != 0 ? std::uint64_t{p.src_port} << 32 : 0) |
                    ((used & 8) != 0 ? std::uint64_t{p.dst_port} << 16 : 0) | ((used & 16) != 0 ? p.protocol : 0u));
    std::uint64_t hash = p.family == IpFamily::v4 ? 4 : 6;
    for (const std::uint64_t word : words) {
        hash = (hash ^ word) * 11400714819323198485u;
        hash ^= hash >> 32;
    }
    hash *= 13787848793156543929u;
    hash ^= hash >> 29;
    return static_cast<std::uint32_t>(hash >> 32);
}

std::size_t model_group_place(std::uint32_t hash) { return static_cast<std::size_t>(std::uint64_t{hash} * 4093 / 4294967296); }

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

MacAddress group_mac(const IpAddress& group) {
    const auto& b = group.bytes;
    if (group.family == IpFamily::v4) {
        return {{0x01, 0, 0x5e, static_cast<std::uint8_t>(b[1] & 0x7f), b[2], b[3]}};
    }
    return {{0x33, 0x33, b[12], b[13], b[14], b[15]}};
}

/// What `src_ip = "interface"` means here: the only address of that family.
std::optional<IpAddress> only_address(const Link& link, IpFamily family) {
    const auto own = std::find_if(link.addresses.begin(), link.addresses.end(),
                                  [&](const LinkAddress& address) { return address.address.family == family; });
    return own == link.addresses.end() ? std::nullopt : std::optional(own->address);
}

}  // namespace

void model_put_macs(Frame& frame, const MacAddress& dst, const MacAddress& src) {
    std::copy(dst.bytes.begin(), dst.bytes.end(), frame.begin());
    std::copy(src.bytes.begin(), src.bytes.end(), frame.begin() + 6);
}

std::optional<MacAddress> model_known_mac(const Target& target, const Topology& topology, const Link& out, const IpAddress& dst) {
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

std::optional<ModelTaken> model_taken(const ModelScene& scene, const Target& target, const ModelPacket& p) {
    const Group* group = find_group(scene.policy, target.group);
    if (group == nullptr) {
        return ModelTaken{target};
    }
    const std::uint16_t member = scene.context.tables.at(group->name).at(model_group_place(model_flow_hash(p, group->hash)));
    if (member == RUDDER_NO_MEMBER) {
        return std::nullopt;
    }
    return ModelTaken{member_target(target, group->members.at(member)), member_identity(group->members.at(member))};
}

ModelWay model_way(const ModelScene& scene, const Target& target, const ModelPacket& p) {
    const Link* out = find_link(scene.topology, target.via);
    if (out == nullptr) {
        return {RUDDER_REASON_NO_DEVICE, nullptr, {}, {}};
    }
    Rewrite rewrite = target.rewrite;
    if (rewrite.is_src_of_interface) {
        rewrite.src_ip = only_address(*out, p.family);
        if (!rewrite.src_ip) {
            return {RUDDER_REASON_NO_ADDRESS, nullptr, {}, {}};
        }
    }
    ModelRewrite made = model_rewrite(scene.frame, p, rewrite, scene.direction);
    const auto reason = [&]() -> std::uint32_t {
        if (made.reason != 0) return made.reason;
        if (!out->is_up) return RUDDER_REASON_LINK_DOWN;
        if (out->is_layer3 && model_leaves_with_tag_beside(p, rewrite)) return RUDDER_REASON_NOT_WRITABLE;
        return scene.frame.size() - p.ip > out->mtu ? RUDDER_REASON_TOO_BIG : RUDDER_REASON_NONE;
    };
    return {reason(), out, rewrite, std::move(made.frame)};
}

void model_tell(ModelResult& result, const ModelScene& scene, const ModelPacket& p, std::uint32_t mtu) {
    if (const auto message = model_icmp(scene.frame, p, scene.topology, scene.link, scene.direction, mtu)) {
        result.verdict = 7;
        result.frame = *message;
        result.is_answered = true;
    }
}

namespace {

ModelResult refused(const Rule& rule, int index, const Frame& frame, std::uint32_t reason) {
    const bool drops = rule.failure_drops && reason != RUDDER_REASON_TTL_EXPIRED;
    return {drops ? 2 : -1, frame, index, 0, reason};
}

ModelResult model_steer(const ModelScene& scene, const Rule& rule, const Target& target, int index, const ModelPacket& p) {
    ModelWay way = model_way(scene, target, p);
    if (way.reason != 0) {
        return refused(rule, index, scene.frame, way.reason);
    }
    const auto mac = model_known_mac(target, scene.topology, *way.out, target.rewrite.dst_ip.value_or(p.dst));
    if (mac && !way.out->is_layer3) {
        model_put_macs(way.frame, *mac, way.out->mac);
    } else if (!way.out->is_layer3) {
        if (model_tags_left(p, way.rewrite) > (model_leaves_with_tag_beside(p, way.rewrite) ? 1u : 0u)) {
            return refused(rule, index, scene.frame, RUDDER_REASON_NO_NEIGHBOUR);
        }
        if ((way.frame[0] & 1) != 0) {
            model_put_macs(way.frame, MacAddress{}, way.out->mac);
        }
    }
    model_retag(way.frame, way.rewrite);
    return {7, way.frame, index};
}

/// Tells the sender, if that is what a failure comes to.
void answer(ModelResult& result, const ModelScene& scene, const std::string& via, const ModelPacket& p) {
    const bool is_too_big = result.reason == RUDDER_REASON_TOO_BIG;
    const bool may_be_fragmented = p.family == IpFamily::v4 && (scene.frame[p.ip + 6] & 0x40) == 0;
    if (is_too_big ? !(may_be_fragmented && result.verdict == -1) : result.reason == RUDDER_REASON_TTL_EXPIRED) {
        model_tell(result, scene, p, is_too_big ? find_link(scene.topology, via)->mtu : 0);
    }
}

/// A steer, by the rule's own target or by that of the member that the packet gets.
ModelResult model_send(const ModelScene& scene, int index, const ModelPacket& p) {
    const Rule& rule = scene.policy.rules[static_cast<std::size_t>(index)];
    const auto taken = model_taken(scene, rule.targets.front(), p);
    if (!taken) {
        return refused(rule, index, scene.frame, RUDDER_REASON_NO_MEMBER);
    }
    ModelPacket seen = p;
    seen.is_tag_beside |= taken->target.rewrite.vlan && model_tags(p) > 0;
    ModelResult result = model_steer(scene, rule, taken->target, index, seen);
    result.member = taken->member;
    answer(result, scene, taken->target.via, seen);
    return result;
}

/// A rule none of whose devices exists is not installed.
bool is_usable(const Rule& rule, const Target& target, const Topology& topology) {
    const Link* out = find_link(topology, target.via);
    const IpFamily family = rule.match.family_v4 ? IpFamily::v4 : IpFamily::v6;
    return out != nullptr && (!target.rewrite.is_src_of_interface || only_address(*out, family));
}

/// A rule none of whose devices exists, or has the address it needs, is not installed.
bool is_deferred(const Rule& rule, const Policy& policy, const Topology& topology) {
    std::vector<Target> ways;
    for (const Target& target : rule.targets) {
        const Group* group = find_group(policy, target.group);
        if (group == nullptr) {
            ways.push_back(target);
        }
        for (std::size_t i = 0; group != nullptr && i < group->members.size(); ++i) {
            ways.push_back(member_target(target, group->members[i]));
        }
    }
    return !ways.empty() && std::none_of(ways.begin(), ways.end(), [&](const Target& way) {
        return is_usable(rule, way, topology);
    });
}

bool is_header_good(const Frame& frame, const ModelPacket& p) {
    return p.family == IpFamily::v6 || fold16(sum16(frame.data() + p.ip, p.header_bytes)) == 0xffff;
}

}  // namespace

ModelResult model_run(const Policy& policy, const Topology& topology, const Link& link, Direction direction,
                      const Frame& frame, const ModelContext& context) {
    const bool is_hook = std::any_of(policy.rules.begin(), policy.rules.end(), [&](const Rule& rule) {
        return !is_deferred(rule, policy, topology) && rule.match.direction == direction && selects(rule.match.interface, link);
    });
    if (!is_hook) {
        return {-1, frame};
    }
    ModelPacket p = model_parse(frame, link.is_layer3, context.tag_place);
    p.mark = context.mark;
    const ModelScene scene{policy, topology, link, direction, context, frame};
    if (p.parse == Parse::short_frame) {
        return {-1, frame, -1, 0, RUDDER_REASON_SHORT};
    }
    if (p.parse == Parse::malformed) {
        return {-1, frame, -1, 0, RUDDER_REASON_MALFORMED};
    }
    for (std::size_t i = 0; p.parse == Parse::ok && i < policy.rules.size(); i++) {
        const Rule& rule = policy.rules[i];
        const int index = static_cast<int>(i);
        if (is_deferred(rule, policy, topology) || !model_matches(rule, p, topology, link, direction)) {
            continue;
        }
        if (!is_header_good(frame, p)) {
            return {-1, frame, -1, 0, RUDDER_REASON_MALFORMED};
        }
        switch (rule.type) {
            case RuleType::pass: return {-1, frame, index};
            case RuleType::drop: return {2, frame, index};
            case RuleType::mirror: return model_mirror(scene, index, p);
            case RuleType::replicate: return model_replicate(scene, index, p);
            default: return model_send(scene, index, p);
        }
    }
    return {-1, frame};
}

}  // namespace rudder::test
