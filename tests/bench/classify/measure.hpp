// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel_bench.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

/// Rounds of interleaved contenders, and what comes out of them.
namespace rudder::bench {

/// One contender over one trace. *Units*: nanoseconds of one run above the empty program.
struct Cost {
    double best_ns = 0;    ///< best round, above the best round of the empty program
    double median_ns = 0;  ///< median of the rounds, each above the empty runs before and after it
};

/// The walk over one trace beside its baselines. A ratio is the median of the rounds' own ratios unless it says
/// otherwise.
struct Comparison {
    double empty_ns = 0;  ///< the empty program's own run, best round
    Cost linear;          ///< 64 rules of all fields, one after the other
    Cost linear_5_tuple;  ///< the same with addresses, ports and protocol alone
    Cost walk;
    double ratio = 0;  ///< walk to linear, both above the empty program
    double ratio_5_tuple = 0;
    double ratio_of_best = 0;  ///< of the two best_ns
    double run_ratio = 0;      ///< walk to linear, whole runs
    std::uint32_t rounds = 0;
};

/// Rounds for each kind of traffic, and packets of a contender in a round. *Units*: counts.
struct Effort {
    std::uint32_t rounds = 0;
    std::uint32_t packets = 0;
};
using Efforts = std::map<Traffic, Effort>;
/// About three minutes for all generated sets; `scale` changes the number of rounds.
[[nodiscard]] Efforts efforts(double scale);

struct TrafficResult {
    Traffic traffic = Traffic::warm;
    Comparison hit;
    std::optional<Comparison> miss;  ///< none where nearly every header matches some rule
};

/// All about one rule set.
struct Measurement {
    std::string set;  ///< "acl", "fw", "ipc" or a file's name
    int family = 4;
    std::size_t rules = 0;
    double build_ms = 0;  ///< the whole of compile(), processor time
    std::size_t image_bytes = 0;
    std::uint32_t verified = 0;  ///< instructions the verifier followed for the walk
    std::size_t checked = 0;     ///< headers whose rank was held against the policy read literally
    std::size_t mismatches = 0;
    std::vector<TrafficResult> traffic;
};

/// Measures one scenario beside the linear scans of `linear`. *Errors*: of the kernel.
[[nodiscard]] Result<Measurement> measure(KernelBench& bench, const Scenario& scenario, const Scenario& linear,
                                          const Efforts& efforts);

}  // namespace rudder::bench
