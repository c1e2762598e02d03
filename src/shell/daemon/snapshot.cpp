// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/snapshot.hpp"

#include <algorithm>
#include <ctime>
#include <sys/utsname.h>

namespace rudder {
namespace {

template <class T>
T value_or_empty(Result<T> result) {
    return result ? std::move(result).value() : T{};
}

std::uint32_t slots_in_use(const Slots& slots) {
    std::uint32_t count = 0;
    for (const auto& [key, slot] : slots.counters) count = std::max(count, slot + 1);
    return count;
}

std::uint64_t now_us(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

std::string kernel_release() {
    utsname names{};
    return uname(&names) == 0 ? names.release : "";
}

}  // namespace

Snapshot take_snapshot(KernelPort& kernel, Engine& engine, const Topology& topology, const PolicyKeeper& keeper,
                       const DaemonFacts& facts) {
    const LoadRecord& record = keeper.record();
    const Applied& applied = engine.applied();
    Snapshot snapshot;
    snapshot.policy = engine.shared_policy();
    snapshot.image = engine.shared_image();
    snapshot.topology = topology;
    snapshot.next_hops = applied.next_hops;
    snapshot.groups = applied.groups;
    snapshot.generation = applied.generation;
    snapshot.published_unix_us = record.published_unix_us;
    snapshot.started_unix_us = facts.started_unix_us;
    snapshot.state = facts.log.is_degraded ? "degraded" : keeper.state();
    snapshot.log = facts.log;
    snapshot.directories = facts.directories;
    snapshot.files = record.files;
    snapshot.last_diagnostics = record.last_diagnostics;
    snapshot.last_load_accepted = record.last_accepted;
    snapshot.last_load_unix_us = record.last_unix_us;
    snapshot.last_load_times = record.last_times;
    snapshot.loads_accepted = record.accepted;
    snapshot.loads_rejected = record.rejected;
    snapshot.netlink_resyncs = facts.netlink_resyncs;
    snapshot.inotify_overflows = facts.inotify_overflows;
    snapshot.taken_unix_us = now_us(CLOCK_REALTIME);
    snapshot.taken_monotonic_us = now_us(CLOCK_MONOTONIC);
    snapshot.counters = value_or_empty(kernel.read_counters(slots_in_use(applied.image.slots)));
    snapshot.failures = value_or_empty(kernel.read_failures());
    snapshot.reasons = value_or_empty(kernel.read_reasons());
    snapshot.flow_cache = value_or_empty(kernel.read_flow_cache());
    snapshot.hooks = value_or_empty(kernel.list_hooks());
    snapshot.maps = value_or_empty(kernel.list_maps());
    snapshot.features = kernel.features();
    snapshot.version = RUDDER_VERSION;
    snapshot.kernel_release = kernel_release();
    return snapshot;
}

}  // namespace rudder
