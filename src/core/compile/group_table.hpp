// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

namespace rudder {

/// What the table of a group must know of a member.
struct GroupShare {
    std::uint64_t identity = 0;  ///< member_identity(): the same way has the same place in every table
    std::uint32_t weight = 1;
    std::uint32_t tier = 1;
    friend auto operator<=>(const GroupShare&, const GroupShare&) = default;
};

/// All that the table of one group depends on. At most RUDDER_MAX_MEMBERS members.
struct GroupEntry {
    std::vector<GroupShare> members;
    std::uint64_t alive = 0;  ///< bit i: member i may get packets
    friend bool operator==(const GroupEntry&, const GroupEntry&) = default;
};

/// The look-up table: RUDDER_GROUP_ENTRIES indices of members, RUDDER_NO_MEMBER in all if none can be used.
///
/// In use is the best tier that has an alive member of some weight. Its members share the table by weight as if all were
/// alive (Maglev: each takes its next free place of a permutation of its own), then each place of a dead
/// member goes to the alive one with the highest score for that place. So a death moves the places of the dead member only,
/// whoever was dead before, and a return takes back exactly these.
/// *Source*: Eisenbud et al., Maglev, NSDI 2016, 3.4; Thaler and Ravishankar, rendezvous hashing, 1998.
[[nodiscard]] std::vector<std::uint16_t> group_table(const GroupEntry& group);

/// The members that the table of `group` may name now, as bits like GroupEntry::alive.
[[nodiscard]] std::uint64_t members_in_use(const GroupEntry& group);

}  // namespace rudder
