// SPDX-License-Identifier: Apache-2.0
#include "core/compile/next_hops.hpp"

#include "core/compile/link_index.hpp"
#include "rudder_abi.h"

#include <set>

namespace rudder {
namespace {

MacAddress group_mac(const IpAddress& group) {
    const auto& b = group.bytes;
    if (group.family == IpFamily::v4) {
        return {{0x01, 0x00, 0x5e, static_cast<std::uint8_t>(b[1] & 0x7f), b[2], b[3]}};
    }
    return {{0x33, 0x33, b[12], b[13], b[14], b[15]}};
}

const Link* find_device(const Topology& topology, std::uint32_t ifindex) {
    const auto found = topology.links.find(ifindex);
    return found == topology.links.end() ? nullptr : &found->second;
}

std::uint16_t link_flags(const Link& link) {
    return static_cast<std::uint16_t>((link.is_up ? RUDDER_NH_LINK_UP : 0u) | (link.is_layer3 ? RUDDER_NH_LAYER3 : 0u));
}

std::uint16_t gateway_flag(const IpAddress& gateway) {
    return gateway.family == IpFamily::v4 ? RUDDER_NH_GATEWAY4 : RUDDER_NH_GATEWAY6;
}

/// A destination stays "by packet" until its MAC is known: the kernel then routes the rewritten packet itself.
void resolve(const NextHopKey& key, const Topology& topology, NextHopEntry& entry) {
    if (key.is_gateway) {
        entry.gateway = key.address;
        entry.flags |= gateway_flag(*key.address);
    }
    const auto query = query_of(key, topology);
    const auto answer = query ? topology.next_hops.find(*query) : topology.next_hops.end();
    const bool is_answered = answer != topology.next_hops.end();
    if (is_answered && answer->second.mac) {
        entry.dst_mac = *answer->second.mac;
        entry.flags |= RUDDER_NH_MAC_VALID;
        return;
    }
    if (is_answered && !answer->second.is_reachable) {
        entry.flags |= RUDDER_NH_UNREACHABLE;
    }
    if (is_answered && answer->second.has_failed) {
        entry.flags |= RUDDER_NH_FAILED;
    }
    if (!key.is_gateway) {
        entry.flags |= RUDDER_NH_BY_PACKET;
    }
}

}  // namespace

NextHopEntry next_hop_entry(const NextHopKey& key, const Topology& topology) {
    NextHopEntry entry;
    entry.ifindex = key.ifindex;
    const Link* link = find_device(topology, key.ifindex);
    if (link != nullptr) {
        entry.flags = link_flags(*link);
        entry.src_mac = link->mac;
        entry.mtu = link->mtu;
    }
    if (key.mac) {
        entry.dst_mac = *key.mac;
        entry.flags |= RUDDER_NH_MAC_VALID;
    } else if (key.address) {
        resolve(key, topology, entry);
    } else {
        entry.flags |= RUDDER_NH_BY_PACKET;
    }
    return entry;
}

NextHopKey next_hop_key(const Target& target, const Link& link) {
    NextHopKey key;
    key.ifindex = link.ifindex;
    const auto& dst_ip = target.rewrite.dst_ip;
    if (target.next_hop_mac) {
        key.mac = target.next_hop_mac;
    } else if (target.next_hop) {
        key.address = target.next_hop;
        key.is_gateway = true;
    } else if (dst_ip && dst_ip->is_multicast()) {
        key.mac = group_mac(*dst_ip);
    } else if (dst_ip) {
        key.address = dst_ip;
    }
    return key;
}

std::optional<NextHopQuery> query_of(const NextHopKey& key, const Topology& topology) {
    const Link* link = find_device(topology, key.ifindex);
    if (key.mac || !key.address || (link != nullptr && link->is_layer3)) {
        return std::nullopt;
    }
    return NextHopQuery{key.ifindex, *key.address, key.is_gateway};
}

std::vector<NextHopQuery> next_hop_queries(const Policy& policy, const Topology& topology) {
    const LinkIndex links(topology);
    std::set<NextHopQuery> queries;
    const Target* before = nullptr;
    const auto add = [&](const Target& target) {
        const Link* link = links.find(target.via);
        const auto query = link == nullptr ? std::nullopt : query_of(next_hop_key(target, *link), topology);
        if (query) {
            queries.insert(*query);
        }
    };
    for (const Rule& rule : policy.rules) {
        for (const Target& target : rule.targets) {
            const Group* group = target.group.empty() ? nullptr : find_group(policy, target.group);
            if (group == nullptr) {
                // Mostly that of the rule before.
                if (before == nullptr || target != *before) {
                    add(target);
                }
                before = &target;
                continue;
            }
            for (const GroupMember& member : group->members) {
                add(member_target(target, member));
            }
        }
    }
    return {queries.begin(), queries.end()};
}

std::map<std::uint32_t, NextHopEntry> next_hop_entries(const Slots& slots, const Topology& topology) {
    std::map<std::uint32_t, NextHopEntry> entries;
    for (const auto& [key, slot] : slots.next_hops) {
        entries.emplace(slot, next_hop_entry(key, topology));
    }
    return entries;
}

}  // namespace rudder
