// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/net_types.hpp"

#include <vector>

/// The canonical form of lists, so that the same meaning gives the same policy.
namespace rudder {

/// Sorted, no prefix inside another.
void normalise(std::vector<IpPrefix>& prefixes);

/// Sorted, disjoint, not adjacent.
void normalise(std::vector<PortRange>& ranges);
void normalise(std::vector<ValueRange>& ranges);

}  // namespace rudder
