// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/flow_cache.hpp"

#include "shell/os/unique_fd.hpp"

#include <rudder_flow.h>

#include <catch2/catch.hpp>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace rudder {

TEST_CASE("hits and misses of the flow cache are the sums over all CPUs") {
    const UniqueFd file(memfd_create("flows", MFD_CLOEXEC));  // in place of a BPF array: it is mapped by the same call
    const auto cache = std::make_unique<rudder_flow_cache>();
    for (rudder_flow& flow : cache->flow) {
        flow.generation = flow.fields = ~0ull;  // flows are not counts
    }
    for (std::uint32_t cpu = 0; cpu < 3; ++cpu) {
        cache->hits = cpu + 1;
        cache->misses = 100 * (cpu + 1);
        const auto offset = static_cast<off_t>(cpu * sizeof(*cache));
        REQUIRE(pwrite(file.get(), cache.get(), sizeof(*cache), offset) == static_cast<ssize_t>(sizeof(*cache)));
    }
    const Result<FlowCacheStatus> status = read_flow_map(file.get(), 3);
    REQUIRE(status.is_ok());
    CHECK(status->max_entries == 3 * RUDDER_CPU_FLOWS);
    CHECK(status->hits == 6);
    CHECK(status->misses == 600);
    CHECK(read_flow_map(file.get(), 2)->hits == 3);
}

TEST_CASE("a flow cache that cannot be mapped is an error") {
    CHECK(read_flow_map(-1, 1).error().code == EBADF);
}

}  // namespace rudder
