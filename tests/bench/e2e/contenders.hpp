// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/base/result.hpp"
#include "generator.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace rudder::bench {

/// Rules that steer (or replicate) out of out0, and headers of which each matches one of them.
struct Workload {
    std::string name;
    std::string set;  ///< "acl", "fw", "ipc"; "stream" for replication
    std::vector<Rule> rules;
    std::vector<e2e_header> trace;
};

/// One way to move packets from in0 to out0. `start` puts it in place, `stop` takes it away again; both may be
/// called many times.
struct Contender {
    std::string kind;  ///< what --contenders chooses: "rudder", "nft-map", ...
    std::string name;
    std::string set;  ///< of the workload
    std::size_t rules = 0;
    std::vector<e2e_header> trace;
    std::uint32_t copies = 1;  ///< frames at the sink for each one sent
    std::function<Status()> start;
    std::function<Status()> stop;
};

/// A program of e2e.bpf.c at tcx ingress of in0.
[[nodiscard]] Contender program_contender(Generator& generator, const Lab& lab, std::string name, const char* program,
                                          const Workload& workload, std::uint32_t copies);
/// The kernel's forwarding: no program at all.
[[nodiscard]] Contender forwarding_contender(const Workload& workload);
/// rudderd's own stages, stage to publish, with this policy; attached at start, detached at stop.
[[nodiscard]] Result<Contender> rudder_contender(const Lab& lab, const Workload& workload, std::uint32_t copies);
/// nftables in the netdev family: one rule with `fwd to out0` for each of ours, in one chain. Loaded here, dormant
/// until start.
[[nodiscard]] Result<Contender> nft_list_contender(const Workload& workload);
/// nftables again: all five fields concatenated, looked up in one verdict map of intervals. A rule that the map
/// refuses, since a corner of it lies in one before it, comes after the map, in the chain.
[[nodiscard]] Result<Contender> nft_map_contender(const Workload& workload);

}  // namespace rudder::bench
