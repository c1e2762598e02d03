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

}  // namespace rudder
