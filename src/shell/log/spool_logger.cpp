// SPDX-License-Identifier: Apache-2.0
#include "shell/log/spool_logger.hpp"

#include "shell/log/events.hpp"
#include "shell/log/wording.hpp"
#include "shell/os/os_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <utility>

namespace rudder {
namespace {

using namespace std::chrono_literals;

constexpr auto k_moment = 1s;
constexpr std::chrono::milliseconds k_patience_at_end = 1s;
constexpr std::chrono::milliseconds k_longest_poll = 50ms;

std::uint64_t unix_us() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

std::string reason_of(int error) {
    return error == EAGAIN ? "the receiver does not keep up" : os_error("the journal", error).message;
}

}  // namespace

SpoolLogger::SpoolLogger(std::unique_ptr<LogSink> sink, SpoolOptions options)
    : sink_(std::move(sink)), options_(std::move(options)) {}

SpoolLogger::~SpoolLogger() {
    finish(k_patience_at_end);
}

void SpoolLogger::log(const LogEntry& entry) {
    if (entry.priority > options_.least) return;
    std::string record = sink_->record_of(entry, {++sequence_, unix_us()});
    if (!waiting_.empty()) return keep(std::move(record), 0, entry.priority);
    const LogSink::Offer offer = sink_->offer(record);
    if (offer.error == 0) return;
    since_ = options_.clock();
    late_before_ = late_;
    lost_before_ = lost_;
    error_ = offer.error;
    keep(std::move(record), offer.taken, entry.priority);
    if (when_waiting_ && !waiting_.empty()) when_waiting_();
}

void SpoolLogger::keep(std::string record, std::size_t sent, Priority priority) {
    const std::size_t room = priority <= Priority::notice ? options_.bytes : options_.bytes / 4 * 3;
    if (sent == 0 && waiting_bytes_ + record.size() > room) {
        ++lost_;
        return;
    }
    ++late_;
    waiting_bytes_ += record.size();
    waiting_.push_back({std::move(record), sent});
}

std::size_t SpoolLogger::replay() {
    std::size_t count = 0;
    while (!waiting_.empty()) {
        Waiting& first = waiting_.front();
        const LogSink::Offer offer = sink_->offer(std::string_view(first.record).substr(first.sent));
        first.sent += offer.taken;
        error_ = offer.error;
        if (offer.error != 0) return count;
        waiting_bytes_ -= first.record.size();
        waiting_.pop_front();
        if (++count; waiting_.empty()) note_caught_up();
    }
    return count;
}

void SpoolLogger::note_caught_up() {
    const auto duration = options_.clock() - since_;
    const std::uint64_t lost = lost_ - std::exchange(lost_before_, lost_);
    if (duration < k_moment && lost == 0) return;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
    log({Priority::warning,
         event::k_log_late,
         fmt::format("the log was held up for {} s: {} came late, {} lost", seconds,
                     counted(late_ - late_before_, "entry", "entries"),
                     lost == 0 ? "none was" : fmt::format("{} were", lost)),
         {}});
}

LogDelivery SpoolLogger::delivery() const {
    LogDelivery delivery;
    delivery.waiting = waiting_.size();
    delivery.waiting_bytes = waiting_bytes_;
    delivery.late = late_;
    delivery.lost = lost_;
    if (waiting_.empty()) return delivery;
    delivery.reason = reason_of(error_);
    delivery.is_degraded = lost_ > lost_before_ || options_.clock() - since_ >= k_moment;
    return delivery;
}

void SpoolLogger::when_waiting(std::function<void()> call) {
    when_waiting_ = std::move(call);
    if (when_waiting_ && !waiting_.empty()) when_waiting_();
}

void SpoolLogger::finish(std::chrono::milliseconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    (void)replay();
    while (!waiting_.empty() && error_ == EAGAIN) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left <= 0ms) return;
        pollfd writable{sink_->descriptor(), POLLOUT, 0};
        (void)poll(&writable, 1, static_cast<int>(std::min(left, k_longest_poll).count()));
        (void)replay();
    }
}

}  // namespace rudder
