// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/report/report.hpp"
#include "shell/daemon/engine.hpp"
#include "shell/daemon/policy_keeper.hpp"
#include "shell/kernel/kernel_port.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace rudder {

/// What only the daemon itself knows.
struct DaemonFacts {
    std::uint64_t started_unix_us = 0;
    std::uint64_t netlink_resyncs = 0;
    std::uint64_t inotify_overflows = 0;
    std::vector<std::string> directories;
    LogDelivery log;
};

/// Everything the reports need, at this moment. What the kernel does not tell is left empty.
[[nodiscard]] Snapshot take_snapshot(KernelPort& kernel, Engine& engine, const Topology& topology,
                                     const PolicyKeeper& keeper, const DaemonFacts& facts);

}  // namespace rudder
