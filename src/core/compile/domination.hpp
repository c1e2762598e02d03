// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/node_view.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace rudder {

/// Removes boxes that no packet of `region` can reach, because a box of better rank matches whatever they match;
/// returns how many are left, at the front. `boxes` are ascending by rank and differ at most in `candidates`.
/// Complete for small nodes, an inexpensive part of it for large ones.
[[nodiscard]] std::size_t drop_dominated(const BoxSet& set, const Region& region, DimensionMask candidates,
                                         std::span<std::uint32_t> boxes);

/// The box covers `hull` in all of `dimensions`: if boxes differ in no others and do not reach beyond, it matches what
/// they match but for some flags of packets and the addresses that it excludes.
[[nodiscard]] bool is_full_but_for_holes(const BoxSet& set, const Region& hull, DimensionMask dimensions,
                                         std::uint32_t box);

}  // namespace rudder
