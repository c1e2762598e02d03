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

/// What is offered to a contender: rules that steer out of out0, and headers of which each matches one.
struct Workload {
    std::string name;
    std::vector<Rule> rules;
    std::vector<e2e_header> trace;
};

/// One way to move packets from in0 to out0. `start` puts it in place, `stop` takes it away again; both may be
/// called many times.
struct Contender {
    std::string name;
    const Workload* workload = nullptr;
    std::uint32_t copies = 1;  ///< frames at the sink for each one sent
    std::function<Status()> start;
    std::function<Status()> stop;
    std::shared_ptr<void> owned;  ///< what start and stop use
};

/// A program of e2e.bpf.c at tcx ingress of in0.
[[nodiscard]] Contender program_contender(Generator& generator, const Lab& lab, std::string label, const char* program,
                                          const Workload& workload, std::uint32_t copies);
/// rudderd's own stages, stage to publish, with this policy; attached at start, detached at stop.
[[nodiscard]] Result<Contender> rudder_contender(const Lab& lab, std::string label, const Workload& workload,
                                                 std::uint32_t copies);
/// The kernel's forwarding: no program at all.
[[nodiscard]] Contender forwarding_contender(const Workload& workload);
/// nftables in the netdev family: one `fwd to out0` rule for each of ours, in one chain.
[[nodiscard]] Contender nftables_contender(const Workload& workload);

}  // namespace rudder::bench
