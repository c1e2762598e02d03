// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/net_types.hpp"

#include <vector>

namespace rudder {

/// The values of `ranges` that lie in none of `taken`. *Shape*: both sorted and disjoint, and so is the result.
[[nodiscard]] std::vector<ValueRange> without(const std::vector<ValueRange>& ranges,
                                              const std::vector<ValueRange>& taken);

}  // namespace rudder
