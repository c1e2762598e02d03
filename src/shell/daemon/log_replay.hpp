// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/log/spool_logger.hpp"
#include "shell/os/event_loop.hpp"

#include <chrono>
#include <functional>
#include <memory>

namespace rudder {

/// Sends from the event loop what the receiver of the log did not take when it was said: often while that works, more
/// and more seldom while it does not.
class LogReplay {
public:
    /// `on_change` is called when the log becomes degraded or complete again. `log` must outlive this.
    static Result<std::unique_ptr<LogReplay>> open(sd_event* loop, SpoolLogger& log, std::function<void()> on_change);
    ~LogReplay();
    LogReplay(const LogReplay&) = delete;
    LogReplay& operator=(const LogReplay&) = delete;

private:
    LogReplay(SpoolLogger& log, std::function<void()> on_change);
    void replay();

    SpoolLogger& log_;
    std::function<void()> on_change_;
    std::unique_ptr<Timer> timer_;
    std::chrono::microseconds delay_{};
    bool was_degraded_ = false;
};

}  // namespace rudder
