// SPDX-License-Identifier: Apache-2.0
#include "core/compile/records.hpp"

#include "core/compile/icmp_sources.hpp"
#include "core/compile/limits.hpp"
#include "core/compile/stacking.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

namespace rudder {
namespace {

std::uint8_t action_of(RuleType type) {
    switch (type) {
        case RuleType::drop: return RUDDER_ACTION_DROP;
        case RuleType::steer: return RUDDER_ACTION_STEER;
        case RuleType::replicate: return RUDDER_ACTION_REPLICATE;
        case RuleType::mirror: return RUDDER_ACTION_MIRROR;
        case RuleType::pass: break;
    }
    return RUDDER_ACTION_PASS;
}

std::uint16_t network_order(std::uint16_t port) {
    return std::endian::native == std::endian::little ? static_cast<std::uint16_t>(port << 8 | port >> 8) : port;
}

void set_addresses(const Rewrite& rewrite, const std::optional<IpAddress>& own, rudder_target& record) {
    if (rewrite.dst_ip) {
        record.flags |= RUDDER_REWRITE_DST_IP;
        std::memcpy(record.dst_be, rewrite.dst_ip->bytes.data(), sizeof(record.dst_be));
    }
    const auto& src_ip = rewrite.src_ip ? rewrite.src_ip : own;
    if (src_ip) {
        record.flags |= RUDDER_REWRITE_SRC_IP;
        std::memcpy(record.src_be, src_ip->bytes.data(), sizeof(record.src_be));
    }
}

void set_ports_and_dscp(const Rewrite& rewrite, rudder_target& record) {
    if (rewrite.dst_port) {
        record.flags |= RUDDER_REWRITE_DST_PORT;
        record.dst_port_be = network_order(*rewrite.dst_port);
    }
    if (rewrite.src_port) {
        record.flags |= RUDDER_REWRITE_SRC_PORT;
        record.src_port_be = network_order(*rewrite.src_port);
    }
    if (rewrite.dscp) {
        record.flags |= RUDDER_REWRITE_DSCP;
        record.dscp = *rewrite.dscp;
    }
}

void set_vlan(const Rewrite& rewrite, rudder_target& record) {
    if (!rewrite.vlan) return;
    record.flags |= static_cast<std::uint16_t>(*rewrite.vlan == 0 ? RUDDER_POP_VLAN : RUDDER_REWRITE_VLAN);
    record.vlan_id = *rewrite.vlan;
}

bool matches_multicast_only(const Match& match) {
    const auto is_multicast = [](const IpPrefix& prefix) {
        return prefix.address.is_multicast() && prefix.length >= (prefix.address.family == IpFamily::v4 ? 4 : 8);
    };
    return !match.dst.empty() && std::all_of(match.dst.begin(), match.dst.end(), is_multicast);
}

/// A multicast packet often has TTL 1; its unicast copy starts anew, it cannot match a multicast rule again.
constexpr std::uint8_t k_unicast_copy_ttl = 64;

void set_ttl(const Rule& rule, const Rewrite& rewrite, rudder_target& record) {
    switch (rewrite.ttl.mode) {
        case TtlAction::Mode::keep: record.ttl_mode = RUDDER_TTL_KEEP; return;
        case TtlAction::Mode::set:
            record.ttl_mode = RUDDER_TTL_SET;
            record.ttl = rewrite.ttl.value;
            return;
        case TtlAction::Mode::decrement: break;
    }
    record.ttl_mode = RUDDER_TTL_DECREMENT;
    const bool becomes_unicast = rewrite.dst_ip && !rewrite.dst_ip->is_multicast() && matches_multicast_only(rule.match);
    if (rule.type == RuleType::replicate && becomes_unicast) {
        record.ttl_mode = RUDDER_TTL_SET;
        record.ttl = k_unicast_copy_ttl;
    }
}

/// One random number of 32 bits out of `sample` is below it.
std::uint32_t sample_threshold(std::uint32_t sample) {
    return static_cast<std::uint32_t>((std::uint64_t{1} << 32) / sample);
}

/// What the host sends to itself comes in by the loopback device, or by that of the VRF it is in.
bool is_outside(const Link& link) { return !link.is_loopback && link.kind != "vrf"; }

rudder_hook hook_record(const HookSpec& hook, const HookTable& hooks, const Topology& topology, const Stacking& stacking) {
    const auto has_hook = [&hooks](Direction direction) {
        return [&hooks, direction](std::uint32_t ifindex) { return hooks.contains({ifindex, direction}); };
    };
    rudder_hook record{};
    record.ifindex = hook.ifindex;
    record.direction = static_cast<std::uint32_t>(hook.direction);
    record.hook_class = hooks.class_of(hook);
    std::uint32_t flags = topology.links.at(hook.ifindex).is_layer3 ? RUDDER_HOOK_LAYER3 : 0u;
    const bool is_ingress = hook.direction == Direction::ingress;
    flags |= has_hook(is_ingress ? Direction::egress : Direction::ingress)(hook.ifindex) ? RUDDER_HOOK_BOTH : 0u;
    flags |= is_ingress && stacking.leads_to(hook.ifindex, has_hook(Direction::ingress)) ? RUDDER_HOOK_BELOW : 0u;
    flags |= is_ingress && is_outside(topology.links.at(hook.ifindex)) ? RUDDER_HOOK_OUTSIDE : 0u;
    record.flags = static_cast<std::uint16_t>(flags);
    return record;
}

void append_layer3_devices(const Topology& topology, std::vector<rudder_hook>& records) {
    for (const auto& [ifindex, link] : topology.links) {
        if (link.is_layer3) {
            rudder_hook record{};
            record.ifindex = ifindex;
            record.direction = RUDDER_LAYER3_DEVICE;
            records.push_back(record);
        }
    }
}

/// The table with `size` entries; empty if some hook would lie too far from its place.
std::optional<std::vector<rudder_hook>> hash_hooks(const std::vector<rudder_hook>& records, std::size_t size) {
    std::vector<rudder_hook> table(size);
    for (const rudder_hook& record : records) {
        const std::size_t home = rudder_hook_hash(record.ifindex, record.direction);
        std::size_t probe = 0;
        while (probe < RUDDER_HOOK_PROBES && table[(home + probe) & (size - 1)].ifindex != 0) {
            ++probe;
        }
        if (probe == RUDDER_HOOK_PROBES) {
            return std::nullopt;
        }
        table[(home + probe) & (size - 1)] = record;
    }
    return table;
}

}  // namespace

rudder_rule encode_rule(const Rule& rule) {
    const bool has_samples = std::any_of(rule.targets.begin(), rule.targets.end(),
                                         [](const Target& target) { return target.sample != 1; });
    rudder_rule record{};
    record.action = action_of(rule.type);
    record.flags = static_cast<std::uint8_t>((rule.original_passes ? RUDDER_RULE_ORIGINAL_PASSES : 0u) |
                                             (rule.failure_drops ? RUDDER_RULE_FAILURE_DROPS : 0u) |
                                             (rule.excess_drops ? RUDDER_RULE_EXCESS_DROPS : 0u) |
                                             (has_samples ? RUDDER_RULE_SAMPLES : 0u));
    record.target_count = static_cast<std::uint16_t>(rule.targets.size());
    return record;
}

rudder_target encode_target(const Rule& rule, const Target& target, const TargetState& now) {
    rudder_target record{};
    if (now.is_deferred()) {
        record.flags |= RUDDER_TARGET_DEFERRED;
        record.next_hop = now.reason;
    }
    set_addresses(target.rewrite, now.src_ip, record);
    set_ports_and_dscp(target.rewrite, record);
    set_ttl(rule, target.rewrite, record);
    set_vlan(target.rewrite, record);
    record.sample = target.sample == 1 ? 0 : sample_threshold(target.sample);
    record.snap = target.snap;
    return record;
}

void note_forwarding(const Target& target, const Link* link, const rudder_target& record, rudder_rule& rule) {
    if (link == nullptr || link->is_layer3 || (!target.next_hop_mac && !target.next_hop)) {
        return;
    }
    if ((record.flags & (RUDDER_TARGET_LONG_WAY | RUDDER_TARGET_GROUP)) != 0 || record.ttl_mode == RUDDER_TTL_SET) {
        return;
    }
    rule.next_hop = static_cast<std::uint16_t>(record.next_hop);
    rule.flags = static_cast<std::uint8_t>(rule.flags | RUDDER_RULE_FORWARDS | (rule.limit == 0 ? RUDDER_RULE_AT_ONCE : 0u) |
                                           (record.ttl_mode == RUDDER_TTL_DECREMENT ? RUDDER_RULE_DECREMENTS : 0u) |
                                           ((record.flags & RUDDER_TARGET_MEETS_HOOK) != 0 ? RUDDER_RULE_MEETS_HOOK : 0u));
}

Status write_hook_table(BlobWriter& blob, const HookTable& hooks, const Topology& topology, bool has_tables,
                        rudder_blob_header& header) {
    const Stacking stacking(topology);
    std::vector<rudder_hook> records;
    for (const HookSpec& hook : hooks.hooks()) {
        records.push_back(hook_record(hook, hooks, topology, stacking));
    }
    if (has_tables) {
        append_layer3_devices(topology, records);
    }
    std::size_t size = std::bit_ceil(2 * records.size() + 1);
    auto table = hash_hooks(records, size);
    while (!table && size < k_max_hook_entries) {
        size *= 2;
        table = hash_hooks(records, size);
    }
    if (!table) {
        return Error{"the interface numbers of " + std::to_string(records.size()) + " hooks do not fit the hook table"};
    }
    header.hook_offset = static_cast<std::uint32_t>(blob.align(16));
    header.hook_mask = static_cast<std::uint32_t>(size - 1);
    IcmpSources sources(topology, blob.size() + size * sizeof(rudder_hook));
    for (rudder_hook& record : *table) {
        if (record.ifindex != 0 && record.direction == RUDDER_INGRESS) {
            record.source_offset = sources.offset_of(topology.links.at(record.ifindex));
        }
        blob.append(record);
    }
    sources.write(blob);
    blob.align(16);
    return {};
}

void write_extensions(BlobWriter& blob, const Extensions& extensions, rudder_blob_header& header) {
    header.extension_offset = static_cast<std::uint32_t>(blob.align(8));
    header.extension_bytes = static_cast<std::uint32_t>(extensions.bytes().size());
    blob.append_bytes(extensions.bytes());
}

void write_hook_sets(BlobWriter& blob, const HookSets& sets, std::size_t class_count, rudder_blob_header& header) {
    header.hook_set_offset = static_cast<std::uint32_t>(blob.align(8));
    header.hook_set_words = static_cast<std::uint32_t>(sets.words());
    for (const std::uint64_t word : sets.bitmap(class_count)) {
        blob.append(word);
    }
}

}  // namespace rudder
