// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/report/kernel_state.hpp"

#include <cstdint>

namespace rudder {

/// What the kernel says about the map behind a descriptor. `memory_bytes` is 0 where /proc does not tell.
[[nodiscard]] Result<MapStatus> map_status(int map_fd);

/// Kernel-wide id of a map or a program.
[[nodiscard]] Result<std::uint32_t> map_id(int map_fd);
[[nodiscard]] Result<std::uint32_t> program_id(int program_fd);

}  // namespace rudder
