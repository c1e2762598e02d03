// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "contenders.hpp"

#include <cstdint>
#include <string>
#include <vector>

/// Interleaved rounds of contenders, each compared with the same unit.
namespace rudder::bench {

struct Standing {
    std::string kind;
    std::string name;
    std::string set;
    std::size_t rules = 0;
    std::size_t headers = 0;           ///< different ones
    std::uint32_t copies = 1;
    std::vector<double> ns_per_frame;  ///< at the sink; one for each round
    std::vector<double> ratios;        ///< frames per second to those of the unit just before and after
    double worst_loss = 0;             ///< share of the frames that did not arrive, worst round
};

/// How much to run. *Units*: counts, and milliseconds of one burst.
struct E2eEffort {
    std::uint32_t rounds = 15;
    double burst_ms = 100;
};

/// Runs all contenders in turn, `unit` after every few of them. The unit stands first in the result.
[[nodiscard]] Result<std::vector<Standing>> run_rounds(Generator& generator, const Contender& unit,
                                                       const std::vector<Contender>& contenders,
                                                       const E2eEffort& effort);

}  // namespace rudder::bench
