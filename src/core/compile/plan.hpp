// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/image.hpp"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

/// The steps from what the kernel runs to what it should run.
namespace rudder {

/// What this daemon has put into the kernel, by its own record.
struct Applied {
    std::uint64_t generation = 0;                     ///< 0: nothing published yet
    Image image;                                      ///< of that generation
    std::vector<HookSpec> hooks;                      ///< attached by us, sorted
    std::map<std::uint32_t, NextHopEntry> next_hops;  ///< content of the next-hop table
    std::map<std::uint32_t, GroupEntry> groups{};     ///< content of the group tables
};

/// Executed strictly in this order: write `new_next_hops` and `new_groups` (slots no running generation uses), stage,
/// attach, publish (the only commit point, invariant I2), then write `changed_next_hops` and `changed_groups`, detach,
/// free, release.
struct Plan {
    bool publishes = false;                                               ///< the image differs from the running one
    std::uint64_t generation = 0;                                         ///< of the new image if it is published
    std::vector<std::pair<std::uint32_t, NextHopEntry>> new_next_hops;
    std::vector<std::pair<std::uint32_t, GroupEntry>> new_groups;
    std::vector<HookSpec> attach;
    std::vector<std::pair<std::uint32_t, NextHopEntry>> changed_next_hops; ///< slots already in use
    std::vector<std::pair<std::uint32_t, GroupEntry>> changed_groups;
    std::vector<HookSpec> detach;
    std::vector<std::uint32_t> released_counters;
    std::vector<std::uint32_t> released_next_hops;

    [[nodiscard]] bool is_empty() const;
};

/// Pure. `next_hops` and `groups` are the wanted content of the tables (next_hop_entries, group_entries). An equal image
/// gives no publish; a changed neighbour alone gives only `changed_next_hops` and `changed_groups`.
[[nodiscard]] Plan make_plan(const Applied& applied, const Image& image,
                             const std::map<std::uint32_t, NextHopEntry>& next_hops,
                             const std::map<std::uint32_t, GroupEntry>& groups = {});

}  // namespace rudder
