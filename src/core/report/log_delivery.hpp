// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace rudder {

/// How the log of the daemon fares.
struct LogDelivery {
    bool is_degraded = false;   ///< entries wait for longer than a moment, or some were lost while others wait
    std::string reason;         ///< why they wait; empty if none does
    std::uint64_t waiting = 0;  ///< entries
    std::uint64_t waiting_bytes = 0;
    std::uint64_t late = 0;  ///< entries since start that had to wait
    std::uint64_t lost = 0;  ///< entries since start that did not fit any more
};

}  // namespace rudder
