// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/report/kernel_state.hpp"

#include <cstdint>
#include <set>
#include <vector>

/// Reading and zeroing the per-CPU maps of rudder_abi.h; counters of rules and targets: counter_map.hpp. All functions *block* for
/// one system call per entry.
namespace rudder {

/// CPUs that may ever come online, which is the number of values a per-CPU look-up returns.
[[nodiscard]] Result<std::uint32_t> possible_cpus();

/// Sums over all CPUs of the first `entries` entries of a map of __u64.
[[nodiscard]] Result<std::vector<std::uint64_t>> read_reason_map(int map_fd, std::uint32_t cpus, std::uint32_t entries);

/// All entries of the failures map, sorted by slot and reason, summed over all CPUs.
[[nodiscard]] Result<std::vector<FailureCount>> read_failure_map(int map_fd, std::uint32_t cpus, std::uint32_t max_entries);

/// Deletes the entries of these slots.
[[nodiscard]] Status clear_failures(int map_fd, std::uint32_t max_entries, const std::set<std::uint32_t>& slots);

}  // namespace rudder
