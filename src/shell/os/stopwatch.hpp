// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace rudder {

/// Real time between one step and the next.
class Stopwatch {
public:
    /// Since the last lap, at first since creation. *Units*: microseconds.
    [[nodiscard]] std::uint64_t lap_us() {
        const auto now = std::chrono::steady_clock::now();
        const auto passed = std::chrono::duration_cast<std::chrono::microseconds>(now - start_);
        start_ = now;
        return static_cast<std::uint64_t>(passed.count());
    }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace rudder
