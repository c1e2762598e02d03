// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/report/kernel_state.hpp"

#include <cstdint>
#include <string>
#include <vector>

/// What this kernel can do, asked by trying and not by its version number.
namespace rudder {

/// Whether a filled map can be made read-only for user space as well (BPF_MAP_FREEZE, 5.2).
[[nodiscard]] bool can_freeze_maps();

/// Whether an array map may hold a value of that many bytes. *Source*: array_map_alloc_check in kernel/bpf/arraymap.c:
/// before 6.0 a value is limited to KMALLOC_MAX_SIZE, 4 MiB with 4 KiB pages.
[[nodiscard]] bool can_hold_value(std::uint32_t bytes);

/// Whether programs may look into a routing table by its number (BPF_FIB_LOOKUP_TBID, 6.5), as `program` says when run:
/// BpfObject::table_probe().
[[nodiscard]] bool can_look_up_tables(int program);

/// Raises RLIMIT_MEMLOCK as far as this process may, since kernels before 5.11 charge maps to it.
/// Returns the row that says what came of it.
[[nodiscard]] KernelFeature raise_memlock();

/// The row for the largest blob this kernel can hold.
[[nodiscard]] KernelFeature value_limit_feature();

}  // namespace rudder
