// SPDX-License-Identifier: Apache-2.0
#include "core/compile/group_table.hpp"

#include "rudder_abi.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>

namespace rudder {
namespace {

constexpr std::size_t k_entries = RUDDER_GROUP_ENTRIES;

/// The finalizer of splitmix64 (Steele, Lea, Flood 2014).
std::uint64_t mix(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15u;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

bool is_alive(const GroupEntry& group, std::size_t member) { return (group.alive >> member & 1u) != 0; }

/// The best tier with a member that can be used.
std::optional<std::uint32_t> tier_in_use(const GroupEntry& group) {
    std::optional<std::uint32_t> best;
    for (std::size_t i = 0; i < group.members.size(); ++i) {
        const GroupShare& share = group.members[i];
        if (share.weight > 0 && is_alive(group, i) && (!best || share.tier < *best)) best = share.tier;
    }
    return best;
}

/// A member of the tier while the table is filled.
struct Candidate {
    std::uint16_t index = 0;
    std::uint64_t identity = 0;
    std::uint64_t weight = 0;
    std::uint64_t quota = 0;     ///< places it is due
    std::size_t place = 0;       ///< next in its permutation of the places
    std::size_t step = 1;
    std::uint64_t remainder = 0; ///< what its quota was rounded down by
};

/// In the order of identities: what a member gets does not hang on where it is written.
std::vector<Candidate> candidates_of(const GroupEntry& group, std::uint32_t tier) {
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < group.members.size(); ++i) {
        const GroupShare& share = group.members[i];
        if (share.tier != tier || share.weight == 0) continue;
        Candidate candidate;
        candidate.index = static_cast<std::uint16_t>(i);
        candidate.identity = share.identity;
        candidate.weight = share.weight;
        candidate.place = mix(share.identity) % k_entries;
        candidate.step = mix(~share.identity) % (k_entries - 1) + 1;
        candidates.push_back(candidate);
    }
    std::sort(candidates.begin(), candidates.end(),
              [](const Candidate& a, const Candidate& b) { return a.identity < b.identity; });
    return candidates;
}

/// One place each, the others by weight, rounded so that they sum up to the table (largest remainders first).
void set_quotas(std::vector<Candidate>& candidates) {
    const std::uint64_t total = std::accumulate(candidates.begin(), candidates.end(), std::uint64_t{0},
                                                [](std::uint64_t sum, const Candidate& c) { return sum + c.weight; });
    const std::uint64_t shared = k_entries - candidates.size();
    std::uint64_t left = shared;
    std::vector<Candidate*> order;
    for (Candidate& candidate : candidates) {
        candidate.quota = 1 + shared * candidate.weight / total;
        candidate.remainder = shared * candidate.weight % total;
        left -= candidate.quota - 1;
        order.push_back(&candidate);
    }
    std::stable_sort(order.begin(), order.end(),
                     [](const Candidate* a, const Candidate* b) { return a->remainder > b->remainder; });
    for (std::size_t i = 0; i < left; ++i) ++order[i]->quota;
}

void take_place(std::vector<std::uint16_t>& table, Candidate& candidate) {
    while (table[candidate.place] != RUDDER_NO_MEMBER) {
        candidate.place += candidate.step;
        if (candidate.place >= k_entries) candidate.place -= k_entries;
    }
    table[candidate.place] = candidate.index;
}

/// Turn by turn, the heaviest one place in each, the others as many as their weight is of its.
std::vector<std::uint16_t> fill(std::vector<Candidate> candidates) {
    std::vector<std::uint16_t> table(k_entries, RUDDER_NO_MEMBER);
    std::uint64_t heaviest = 0;
    for (const Candidate& candidate : candidates) heaviest = std::max(heaviest, candidate.weight);
    std::size_t filled = 0;
    for (std::uint64_t turn = 1; filled < k_entries; ++turn) {
        for (Candidate& candidate : candidates) {
            const bool is_due = turn * candidate.weight / heaviest > (turn - 1) * candidate.weight / heaviest;
            if (!is_due || candidate.quota == 0) continue;
            take_place(table, candidate);
            --candidate.quota;
            ++filled;
        }
    }
    return table;
}

/// Grows with the member's weight: the highest of several is each one's in proportion to its weight.
double score(const Candidate& candidate, std::size_t place) {
    const double uniform = (static_cast<double>(mix(candidate.identity ^ mix(place)) >> 11) + 0.5) * 0x1p-53;
    return std::log(uniform) / static_cast<double>(candidate.weight);
}

std::uint16_t best_for(const std::vector<Candidate>& alive, std::size_t place) {
    const Candidate* best = &alive.front();
    double highest = score(*best, place);
    for (const Candidate& candidate : alive) {
        const double value = score(candidate, place);
        if (value <= highest) continue;
        highest = value;
        best = &candidate;
    }
    return best->index;
}

}  // namespace

std::vector<std::uint16_t> group_table(const GroupEntry& group) {
    const auto tier = tier_in_use(group);
    if (!tier) return std::vector<std::uint16_t>(k_entries, RUDDER_NO_MEMBER);
    std::vector<Candidate> candidates = candidates_of(group, *tier);
    set_quotas(candidates);
    std::vector<std::uint16_t> table = fill(candidates);
    std::erase_if(candidates, [&](const Candidate& candidate) { return !is_alive(group, candidate.index); });
    for (std::size_t place = 0; place < k_entries; ++place) {
        if (!is_alive(group, table[place])) table[place] = best_for(candidates, place);
    }
    return table;
}

std::uint64_t members_in_use(const GroupEntry& group) {
    const auto tier = tier_in_use(group);
    std::uint64_t members = 0;
    for (std::size_t i = 0; tier && i < group.members.size(); ++i) {
        const GroupShare& share = group.members[i];
        if (share.weight > 0 && share.tier == *tier && is_alive(group, i)) members |= std::uint64_t{1} << i;
    }
    return members;
}

}  // namespace rudder
