// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/diagnostic.hpp"
#include "core/compile/image.hpp"
#include "core/health/member_probe.hpp"
#include "core/multicast/membership.hpp"
#include "core/report/document.hpp"
#include "core/report/kernel_state.hpp"
#include "core/report/load_times.hpp"
#include "core/report/log_delivery.hpp"
#include "core/base/policy.hpp"
#include "core/base/topology.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

/// What the status socket answers: pure functions from a snapshot of the daemon to a document, whose text is JSON.
/// rudderstat only draws these documents; every number in them is named with its unit.
namespace rudder {

struct ReportFile {
    std::string path;
    std::string sha256;
    std::uint64_t bytes = 0;
};

/// Everything a report may need, copied out of the daemon at one moment.
struct Snapshot {
    std::shared_ptr<const Policy> policy = std::make_shared<const Policy>();  ///< the running one
    std::shared_ptr<const Image> image = std::make_shared<const Image>();
    Topology topology;
    std::map<std::uint32_t, NextHopEntry> next_hops;
    std::map<std::uint32_t, GroupEntry> groups{};
    std::uint64_t generation = 0;
    std::uint64_t taken_unix_us = 0;        ///< when the counters were read
    std::uint64_t taken_monotonic_us = 0;   ///< the same moment on CLOCK_MONOTONIC, for rates
    std::uint64_t published_unix_us = 0;
    std::uint64_t started_unix_us = 0;
    std::string state;                      ///< "running", "degraded", "starting"
    std::vector<std::string> directories;   ///< in order of precedence
    std::vector<ReportFile> files;
    Diagnostics last_diagnostics;           ///< of the last load, accepted or not
    bool last_load_accepted = true;
    std::uint64_t last_load_unix_us = 0;
    LoadTimes last_load_times;
    std::uint64_t loads_accepted = 0;
    std::uint64_t loads_rejected = 0;
    std::uint64_t netlink_resyncs = 0;
    std::uint64_t inotify_overflows = 0;
    LogDelivery log;
    std::vector<CounterValue> counters;    ///< index = counter slot
    std::vector<FailureCount> failures;
    std::vector<std::uint64_t> reasons;     ///< index = reason
    FlowCacheStatus flow_cache;
    std::vector<HookStatus> hooks;
    std::vector<MapStatus> maps;
    std::vector<KernelFeature> features;
    Memberships memberships;                ///< in multicast groups, held or refused
    std::size_t memberships_left_out = 0;   ///< beyond the limit
    std::size_t membership_sockets = 0;
    std::map<std::string, std::uint64_t> silent_us;  ///< by rule with `join`: for how long it has seen no packet
    MemberProbes probes{};
    std::string version;
    std::string kernel_release;
};

/// A document that is written later keeps it alive.
using SharedSnapshot = std::shared_ptr<const Snapshot>;

[[nodiscard]] Document report_rules(const SharedSnapshot& snapshot);
[[nodiscard]] Document report_stats(const SharedSnapshot& snapshot);
[[nodiscard]] Document report_interfaces(const SharedSnapshot& snapshot);
[[nodiscard]] Document report_maps(const SharedSnapshot& snapshot);
[[nodiscard]] Document report_internals(const SharedSnapshot& snapshot);
[[nodiscard]] Document report_config(const SharedSnapshot& snapshot);

}  // namespace rudder
