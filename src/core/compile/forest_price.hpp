// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/tree_builder.hpp"

#include <vector>

namespace rudder {

/// What a packet costs in a forest, for comparing forests over the same boxes. *Units*: nanoseconds, roughly. Trees are
/// in the order of the walk, by best rank. Deterministic: the packets are points in some of the boxes, and the same
/// with another destination.
/// A box is taken to match whatever lies in it: what it excludes and what is no dimension is not looked at.
[[nodiscard]] double forest_price(const BoxSet& set, const std::vector<Tree>& forest);

}  // namespace rudder
