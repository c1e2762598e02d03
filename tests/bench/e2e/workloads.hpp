// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "contenders.hpp"

namespace rudder::bench {

/// `size` generated acl-like rules that steer out of out0, and headers that each match one of them.
[[nodiscard]] Workload steer_workload(const Lab& lab, std::uint32_t size);

/// One rule that replicates a multicast stream to `targets` unicast receivers.
[[nodiscard]] Workload replicate_workload(const Lab& lab, std::uint32_t targets);

/// The same receivers for the hand-written clone loop; entry 0 serves the other hand-written programs.
[[nodiscard]] std::vector<e2e_target> clone_targets(const Lab& lab, const Workload& workload);

}  // namespace rudder::bench
