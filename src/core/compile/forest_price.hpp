// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/sample_points.hpp"
#include "core/compile/tree_builder.hpp"

#include <vector>

namespace rudder {

/// What a packet costs in a forest, for comparing ways to classify the same boxes: the mean over `packets`. *Units*: nanoseconds,
/// roughly. Trees are in the order of the walk, by best rank.
[[nodiscard]] double forest_price(const BoxSet& set, const std::vector<Tree>& forest, const std::vector<SamplePoint>& packets);

}  // namespace rudder
