// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/os/event_loop.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <systemd/sd-event.h>

namespace rudder::test {

/// Runs an event loop in the test's own thread, always with a deadline.
class LoopRunner {
public:
    LoopRunner() : loop_(std::move(new_event_loop()).value()) {}
    [[nodiscard]] sd_event* get() const { return loop_.get(); }

    /// True as soon as `is_done` holds; false at the deadline.
    bool run_until(const std::function<bool()>& is_done, std::chrono::milliseconds at_most = std::chrono::seconds(10)) {
        const auto deadline = std::chrono::steady_clock::now() + at_most;
        while (!is_done()) {
            const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline - std::chrono::steady_clock::now());
            if (left.count() <= 0) return false;
            // What is waited for need not be an event of this loop.
            const auto turn = std::min<std::chrono::microseconds>(left, std::chrono::milliseconds(2));
            (void)sd_event_run(loop_.get(), static_cast<std::uint64_t>(turn.count()));
        }
        return true;
    }
    void run_for(std::chrono::milliseconds time) {
        (void)run_until([] { return false; }, time);
    }

private:
    EventLoop loop_;
};

}  // namespace rudder::test
