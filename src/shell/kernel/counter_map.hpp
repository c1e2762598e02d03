// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/report/kernel_state.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

/// The counters of one tier as rudder_abi.h lays them out: one value per CPU, with all slots in it. Each CPU adds to its own value
/// without atomics while they are read here. All functions *block* for one pass over the slots and map a window of them at a time.
namespace rudder {

/// *Units*: `cpus` values of `slots` struct rudder_counter. *Ownership*: the descriptor stays with the caller.
struct CounterMap {
    int fd = -1;
    std::uint32_t cpus = 0;
    std::uint32_t slots = 0;
};

/// Adds what all CPUs have counted in the first slots to `sums`, as many as both have. Pages behind them are not touched.
/// *Errors*: as MapWindow; then `sums` holds part of it and is to be thrown away.
[[nodiscard]] Status add_counters(const CounterMap& map, std::vector<CounterValue>& sums);

/// Zeroes these slots; those that the map does not have are left out. No generation may count in them, active or on its way out: a
/// CPU loads, adds and stores, and what it stores over the zero would be inherited by the slot's next owner. (Who releases
/// a slot waits for the packets of the generation that used it, see apply.cpp, and gives it away only after this.)
[[nodiscard]] Status zero_counters(const CounterMap& map, const std::vector<std::uint32_t>& slots);

/// One more than the highest number a CPU of this kernel can ever have. There may be fewer CPUs: numbers can be left out.
[[nodiscard]] Result<std::uint32_t> cpu_number_end();

/// The same of a list as in /sys/devices/system/cpu/possible: "0-3", "0,2-7". Empty: not such a list.
[[nodiscard]] std::optional<std::uint32_t> end_of_cpu_list(std::string_view list);

}  // namespace rudder
