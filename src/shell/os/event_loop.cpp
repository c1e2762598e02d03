// SPDX-License-Identifier: Apache-2.0
#include "shell/os/event_loop.hpp"

#include "shell/os/os_error.hpp"

#include <ctime>
#include <sys/signalfd.h>
#include <systemd/sd-event.h>

namespace rudder {

void EventLoopUnref::operator()(sd_event* loop) const { sd_event_unref(loop); }
void EventSourceUnref::operator()(sd_event_source* source) const { sd_event_source_disable_unref(source); }

Result<EventLoop> new_event_loop() {
    sd_event* loop = nullptr;
    const int error = sd_event_new(&loop);
    if (error < 0) return os_error("create event loop", error);
    return EventLoop(loop);
}

Result<std::unique_ptr<IoWatch>> IoWatch::open(sd_event* loop, int fd, std::uint32_t events,
                                               std::function<void(std::uint32_t)> on_ready) {
    auto watch = std::make_unique<IoWatch>();
    watch->on_ready_ = std::move(on_ready);
    const auto handler = [](sd_event_source*, int, std::uint32_t revents, void* self) {
        // A copy, since the call may destroy the watch.
        const auto call = static_cast<IoWatch*>(self)->on_ready_;
        call(revents);
        return 0;
    };
    sd_event_source* source = nullptr;
    const int error = sd_event_add_io(loop, &source, fd, events, handler, watch.get());
    if (error < 0) return os_error("watch file descriptor", error);
    watch->source_.reset(source);
    return watch;
}

Status IoWatch::set_events(std::uint32_t events) {
    const int error = sd_event_source_set_io_events(source_.get(), events);
    if (error < 0) return os_error("set watched events", error);
    return {};
}

Status IoWatch::let_others_first() {
    const int error = sd_event_source_set_priority(source_.get(), SD_EVENT_PRIORITY_IDLE);
    if (error < 0) return os_error("set priority", error);
    return {};
}

Result<std::unique_ptr<Timer>> Timer::open(sd_event* loop, std::function<void()> on_elapsed) {
    auto timer = std::make_unique<Timer>();
    timer->on_elapsed_ = std::move(on_elapsed);
    const auto handler = [](sd_event_source*, std::uint64_t, void* self) {
        const auto call = static_cast<Timer*>(self)->on_elapsed_;
        call();
        return 0;
    };
    sd_event_source* source = nullptr;
    const int error = sd_event_add_time(loop, &source, CLOCK_MONOTONIC, 0, 1000, handler, timer.get());
    if (error < 0) return os_error("create timer", error);
    timer->source_.reset(source);
    timer->stop();
    return timer;
}

void Timer::start(std::chrono::microseconds delay) {
    // From now, not from the start of this turn of the loop: a load or a report may have taken a second of it.
    timespec now{};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    const auto now_us = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
    // Neither call fails for a valid time source of this loop.
    (void)sd_event_source_set_time(source_.get(), now_us + static_cast<std::uint64_t>(delay.count()));
    (void)sd_event_source_set_enabled(source_.get(), SD_EVENT_ONESHOT);
}

void Timer::stop() { (void)sd_event_source_set_enabled(source_.get(), SD_EVENT_OFF); }

bool Timer::is_running() const { return sd_event_source_get_enabled(source_.get(), nullptr) > 0; }

Result<std::unique_ptr<SignalWatch>> SignalWatch::open(sd_event* loop, int signal, std::function<void()> on_signal) {
    auto watch = std::make_unique<SignalWatch>();
    watch->on_signal_ = std::move(on_signal);
    const auto handler = [](sd_event_source*, const signalfd_siginfo*, void* self) {
        const auto call = static_cast<SignalWatch*>(self)->on_signal_;
        call();
        return 0;
    };
    sd_event_source* source = nullptr;
    const int error = sd_event_add_signal(loop, &source, signal, handler, watch.get());
    if (error < 0) return os_error("watch signal", error);
    watch->source_.reset(source);
    return watch;
}

}  // namespace rudder
