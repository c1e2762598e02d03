// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace rudder {

/// How long the steps of a load took. *Units*: microseconds of real time; 0: the load did not get there.
struct LoadTimes {
    std::uint64_t read_us = 0;     ///< read and hash the files
    std::uint64_t judge_us = 0;    ///< parse and validate
    std::uint64_t compile_us = 0;
    std::uint64_t stage_us = 0;    ///< all before the commit point: programs, maps, hooks
    std::uint64_t publish_us = 0;  ///< the commit, with the wait for packets in the generation before
    std::uint64_t finish_us = 0;   ///< free what nobody uses any more
    std::uint64_t audit_us = 0;    ///< say in the log what changed
};

}  // namespace rudder
