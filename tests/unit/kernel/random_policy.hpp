// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/plan.hpp"

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>

namespace rudder::test {

/// What compile would be asked for, in miniature: enough to move hooks, slots and bytes about.
struct Wish {
    std::set<std::string> rules;
    std::set<NextHopKey> next_hops;
    std::set<GroupKey> groups;
    std::set<HookSpec> hooks;
    std::map<std::uint32_t, std::uint8_t> neighbour_epochs;  ///< by ifindex: last byte of each MAC there
    std::uint64_t alive = ~std::uint64_t{0};                ///< members of all groups
    std::uint8_t salt = 0;                                  ///< anything else that makes other bytes
};

inline constexpr std::uint32_t k_devices = 4;  ///< ifindex 1..4

/// A wish over the devices 1..k_devices, or a small change of `before`.
[[nodiscard]] Wish random_wish(std::mt19937& random);
[[nodiscard]] Wish changed_wish(std::mt19937& random, Wish before);

/// The image of a wish, with the slots of vanished names held back as compile does.
[[nodiscard]] Image image_of(const Wish& wish, const Slots& previous);
[[nodiscard]] std::map<std::uint32_t, NextHopEntry> entries_of(const Wish& wish, const Slots& slots);
[[nodiscard]] std::map<std::uint32_t, GroupEntry> groups_of(const Wish& wish, const Slots& slots);

}  // namespace rudder::test
