// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/log_replay.hpp"

#include <algorithm>
#include <utility>

namespace rudder {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::microseconds k_first_delay = 20ms;
constexpr std::chrono::microseconds k_longest_delay = 500ms;

}  // namespace

LogReplay::LogReplay(SpoolLogger& log, std::function<void()> on_change) : log_(log), on_change_(std::move(on_change)) {}

LogReplay::~LogReplay() {
    log_.when_waiting({});
}

Result<std::unique_ptr<LogReplay>> LogReplay::open(sd_event* loop, SpoolLogger& log, std::function<void()> on_change) {
    std::unique_ptr<LogReplay> replay(new LogReplay(log, std::move(on_change)));
    Result<std::unique_ptr<Timer>> timer = Timer::open(loop, [self = replay.get()] { self->replay(); });
    if (!timer) return timer.error();
    replay->timer_ = std::move(timer).value();
    log.when_waiting([self = replay.get()] {
        self->delay_ = k_first_delay;
        self->timer_->start(self->delay_);
    });
    return replay;
}

void LogReplay::replay() {
    const bool has_sent = log_.replay() > 0;
    const LogDelivery delivery = log_.delivery();
    delay_ = has_sent ? k_first_delay : std::min(delay_ * 2, k_longest_delay);
    if (delivery.waiting > 0) timer_->start(delay_);
    if (std::exchange(was_degraded_, delivery.is_degraded) != delivery.is_degraded) on_change_();
}

}  // namespace rudder
