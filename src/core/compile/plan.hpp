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
};

/// Executed strictly in this order: write `new_next_hops` (slots no running generation uses), stage, attach,
/// publish (the only commit point, invariant I2), then write `changed_next_hops`, detach, free, release.
struct Plan {
    bool publishes = false;                                               ///< the image differs from the running one
    std::uint64_t generation = 0;                                         ///< of the new image if it is published
    std::vector<std::pair<std::uint32_t, NextHopEntry>> new_next_hops;
    std::vector<HookSpec> attach;
    std::vector<std::pair<std::uint32_t, NextHopEntry>> changed_next_hops; ///< slots already in use
    std::vector<HookSpec> detach;
    std::vector<std::uint32_t> released_counters;
    std::vector<std::uint32_t> released_next_hops;

    [[nodiscard]] bool is_empty() const;
};

/// Pure. `next_hops` is the wanted content of the table (next_hop_entries). An equal image gives no publish;
/// a changed neighbour alone gives only `changed_next_hops`.
[[nodiscard]] Plan make_plan(const Applied& applied, const Image& image,
                             const std::map<std::uint32_t, NextHopEntry>& next_hops);

}  // namespace rudder
