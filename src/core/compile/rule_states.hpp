// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/base/topology.hpp"
#include "core/compile/image.hpp"
#include "core/compile/link_index.hpp"

#include <vector>

namespace rudder {

/// Where each rule is installed, and what it or its first waiting target waits for; index = rank. `links` is of
/// `topology`.
[[nodiscard]] std::vector<RuleState> rule_states(const Policy& policy, const Topology& topology,
                                                 const LinkIndex& links);

}  // namespace rudder
