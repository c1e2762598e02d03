// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../ruleset_generator.hpp"
#include "contenders.hpp"

namespace rudder::bench {

/// Headers of a workload that no cache of the path holds.
inline constexpr std::size_t k_wide_headers = 131072;

/// `size` generated IPv4 rules that steer out of out0, and `headers` headers that each match one of them, in random order.
[[nodiscard]] Workload steer_workload(const Lab& lab, Kind kind, std::size_t size, std::size_t headers);

/// One rule that replicates a multicast stream to `targets` unicast receivers.
[[nodiscard]] Workload replicate_workload(const Lab& lab, std::uint32_t targets);

/// The same receivers for the hand-written clone loop; entry 0 serves the other hand-written programs.
[[nodiscard]] std::vector<e2e_target> clone_targets(const Lab& lab, const Workload& workload);

}  // namespace rudder::bench
