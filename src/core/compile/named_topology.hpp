// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/base/topology.hpp"

namespace rudder {

/// A network in which no rule waits for an interface, to compile a policy where there is no host to ask: one interface
/// for every name, every pattern and `any` that the policy holds, all up, with an address of each family.
[[nodiscard]] Topology named_topology(const Policy& policy);

}  // namespace rudder
