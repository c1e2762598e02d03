// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

struct sd_event;
struct sd_event_source;

/// Thin owners over sd-event: everything the daemon does hangs on one loop, in one thread.
namespace rudder {

struct EventLoopUnref {
    void operator()(sd_event* loop) const;
};
using EventLoop = std::unique_ptr<sd_event, EventLoopUnref>;

struct EventSourceUnref {
    void operator()(sd_event_source* source) const;
};
using EventSource = std::unique_ptr<sd_event_source, EventSourceUnref>;

[[nodiscard]] Result<EventLoop> new_event_loop();

/// Calls `on_ready(revents)` when `fd` has one of the epoll `events`.
/// *Ownership*: `fd` stays the caller's and must outlive the source.
class IoWatch {
public:
    static Result<std::unique_ptr<IoWatch>> open(sd_event* loop, int fd, std::uint32_t events,
                                                 std::function<void(std::uint32_t)> on_ready);
    /// Changes the epoll events waited for.
    Status set_events(std::uint32_t events);
    /// Whatever else is ready goes first from now on.
    Status let_others_first();

private:
    std::function<void(std::uint32_t)> on_ready_;
    EventSource source_;
};

/// A one-shot timer on CLOCK_MONOTONIC: jumps of the wall clock do not move it.
class Timer {
public:
    static Result<std::unique_ptr<Timer>> open(sd_event* loop, std::function<void()> on_elapsed);
    /// (Re)arms it relative to now.
    void start(std::chrono::microseconds delay);
    void stop();
    [[nodiscard]] bool is_running() const;

private:
    std::function<void()> on_elapsed_;
    EventSource source_;
};

/// Calls `on_signal()` from the loop. The signal must be blocked (block_signals) in this thread.
class SignalWatch {
public:
    static Result<std::unique_ptr<SignalWatch>> open(sd_event* loop, int signal, std::function<void()> on_signal);

private:
    std::function<void()> on_signal_;
    EventSource source_;
};

}  // namespace rudder
