// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/tree_builder.hpp"

#include <cstdint>
#include <vector>

namespace rudder {

/// Removes boxes that no packet of `region` can reach, because a box of better rank matches whatever they match.
/// `boxes` are ascending by rank. Complete for small nodes, an inexpensive part of it for large ones.
void drop_dominated(const BoxSet& set, const Region& region, std::vector<std::uint32_t>& boxes);

}  // namespace rudder
