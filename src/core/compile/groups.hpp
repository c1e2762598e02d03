// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/image.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>

/// From groups of the policy to what their tables must hold.
namespace rudder {

/// A member of a group, whatever its place there.
struct GroupMemberKey {
    std::string group;
    std::uint64_t member = 0;  ///< member_identity()
    friend auto operator<=>(const GroupMemberKey&, const GroupMemberKey&) = default;
};

/// Members that were found dead by other means than their link and neighbour.
using DeadMembers = std::set<GroupMemberKey>;

[[nodiscard]] GroupKey group_key(const Group& group);

/// Whether a next hop in this state may get flows. A neighbour that is not known yet may: its first packet resolves it.
[[nodiscard]] bool is_usable(const NextHopEntry& entry);

/// What each group slot of the image must hold under this topology.
[[nodiscard]] std::map<std::uint32_t, GroupEntry> group_entries(const Image& image, const Topology& topology,
                                                                const DeadMembers& dead);

}  // namespace rudder
