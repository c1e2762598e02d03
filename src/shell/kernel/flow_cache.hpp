// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/report/kernel_state.hpp"

#include <cstdint>

namespace rudder {

/// What the map `flows` of rudder_flow.h has counted, which has a value for each of these CPUs; the flows in it are not
/// touched. CPUs count on meanwhile. *Blocking*: a page of each CPU is mapped. *Errors*: as MapWindow.
[[nodiscard]] Result<FlowCacheStatus> read_flow_map(int map_fd, std::uint32_t cpus);

}  // namespace rudder
