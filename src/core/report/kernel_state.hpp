// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/image.hpp"

#include <cstdint>
#include <string>

/// What the kernel says about our objects, as plain data: filled by the shell, read by the reports.
namespace rudder {

struct CounterValue {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    friend bool operator==(const CounterValue&, const CounterValue&) = default;
};

/// `packets` of one rule or target (by counter slot) that met `reason` of rudder_abi.h.
struct FailureCount {
    std::uint32_t slot = 0;
    std::uint32_t reason = 0;
    std::uint64_t packets = 0;
};

/// The flow cache of all CPUs, and packets since the daemon started.
struct FlowCacheStatus {
    std::uint64_t max_entries = 0;  ///< flows that it has room for
    std::uint64_t hits = 0;         ///< packets whose flow was found
    std::uint64_t misses = 0;       ///< packets whose flow was looked for in vain
};

struct HookStatus {
    HookSpec hook;
    std::string mechanism;      ///< "tcx" or "cls_bpf"
    std::uint32_t program_id = 0;
    bool is_attached = false;   ///< as read back from the kernel, not from our record
    std::string detail;         ///< why not attached, or what else is worth knowing
};

struct MapStatus {
    std::string name;
    std::uint32_t id = 0;
    std::string type;
    std::uint32_t key_bytes = 0;
    std::uint32_t value_bytes = 0;
    std::uint32_t max_entries = 0;
    std::uint64_t memory_bytes = 0;  ///< as the kernel accounts it (fdinfo memlock)
};

/// A choice made at start for this kernel: {"attachment", "tcx", "kernel has BPF_TCX_INGRESS (6.6)"}.
struct KernelFeature {
    std::string name;
    std::string chosen;
    std::string why;
};

}  // namespace rudder
