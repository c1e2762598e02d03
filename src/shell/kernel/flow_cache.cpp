// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/flow_cache.hpp"

#include "shell/kernel/array_mapping.hpp"

#include <rudder_flow.h>

#include <cstddef>

namespace rudder {
namespace {

constexpr std::size_t k_hits = offsetof(rudder_flow_cache, hits);
constexpr std::size_t k_misses = offsetof(rudder_flow_cache, misses);
static_assert(k_misses == k_hits + sizeof(__u64));

}  // namespace

Result<FlowCacheStatus> read_flow_map(int map_fd, std::uint32_t cpus) {
    FlowCacheStatus status;
    status.max_entries = std::uint64_t{cpus} * RUDDER_CPU_FLOWS;
    for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) {
        const std::size_t offset = cpu * sizeof(rudder_flow_cache) + k_hits;
        const Result<MapWindow> window = MapWindow::map(map_fd, offset, 2 * sizeof(__u64), MapAccess::read);
        if (!window) {
            return window.error().within("read the flow cache");
        }
        const auto* counts = reinterpret_cast<const __u64*>(window->data());
        status.hits += __atomic_load_n(&counts[0], __ATOMIC_RELAXED);
        status.misses += __atomic_load_n(&counts[1], __ATOMIC_RELAXED);
    }
    return status;
}

}  // namespace rudder
