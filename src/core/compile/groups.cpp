// SPDX-License-Identifier: Apache-2.0
#include "core/compile/groups.hpp"

#include "core/compile/next_hops.hpp"
#include "rudder_abi.h"

namespace rudder {
namespace {

bool is_up(const GroupWays::Way& way, const Topology& topology) {
    if (way.is_table) {
        return true;
    }
    return way.next_hop && is_usable(next_hop_entry(*way.next_hop, topology));
}

GroupEntry entry_of(const GroupKey& key, const GroupWays& ways, const Topology& topology, const DeadMembers& dead) {
    GroupEntry entry;
    entry.members = key.members;
    for (std::size_t i = 0; i < ways.ways.size(); ++i) {
        const bool is_alive = is_up(ways.ways[i], topology) && !dead.contains({key.name, key.members[i].identity});
        entry.alive |= std::uint64_t{is_alive} << i;
    }
    return entry;
}

}  // namespace

GroupKey group_key(const Group& group) {
    GroupKey key;
    key.name = group.name;
    for (const GroupMember& member : group.members) {
        key.members.push_back({member_identity(member), member.weight, member.tier});
    }
    return key;
}

bool is_usable(const NextHopEntry& entry) {
    return (entry.flags & (RUDDER_NH_LINK_UP | RUDDER_NH_UNREACHABLE | RUDDER_NH_FAILED)) == RUDDER_NH_LINK_UP;
}

std::map<std::uint32_t, GroupEntry> group_entries(const Image& image, const Topology& topology, const DeadMembers& dead) {
    std::map<std::uint32_t, GroupEntry> entries;
    for (const auto& [key, slot] : image.slots.groups) {
        const auto ways = image.groups.find(slot);
        if (ways != image.groups.end()) {
            entries.emplace(slot, entry_of(key, ways->second, topology, dead));
        }
    }
    return entries;
}

}  // namespace rudder
