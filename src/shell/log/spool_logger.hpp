// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/report/log_delivery.hpp"
#include "shell/log/log_sink.hpp"
#include "shell/log/logger.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

namespace rudder {

struct SpoolOptions {
    Priority least = Priority::info;  ///< entries of less urgency are left out
    std::size_t bytes = 8U << 20;     ///< how much may wait
    std::function<std::chrono::steady_clock::time_point()> clock = std::chrono::steady_clock::now;
};

/// A log that never waits for whoever reads it. Keeps:
/// - entries arrive in the order in which they were logged, each once: while one waits, all later ones wait behind it;
/// - what waits is bounded. What does not fit is lost and counted, single rules first: a quarter of the room is kept
/// for
///   entries of the priority notice and above, such as the summary of a generation. RUDDER_SEQUENCE shows the gap;
/// - once everything has arrived, an entry says how long it took and what was lost, if it was worth a word.
class SpoolLogger final : public Logger {
public:
    SpoolLogger(std::unique_ptr<LogSink> sink, SpoolOptions options);
    /// See `finish`.
    ~SpoolLogger() override;
    SpoolLogger(const SpoolLogger&) = delete;
    SpoolLogger& operator=(const SpoolLogger&) = delete;

    /// *Blocking*: never.
    void log(const LogEntry& entry) override;
    /// Sends what waits, as far as the receiver takes it. Returns how many entries went. *Blocking*: never.
    std::size_t replay();
    [[nodiscard]] LogDelivery delivery() const;
    /// Called when entries begin to wait; at once if some do.
    void when_waiting(std::function<void()> call);
    /// Gives a receiver that does not keep up this long for the rest. *Blocking*: that long.
    void finish(std::chrono::milliseconds patience);

private:
    struct Waiting {
        std::string record;
        std::size_t sent = 0;
    };

    void keep(std::string record, std::size_t sent, Priority priority);
    void note_caught_up();

    std::unique_ptr<LogSink> sink_;
    SpoolOptions options_;
    std::function<void()> when_waiting_;
    std::deque<Waiting> waiting_;
    std::size_t waiting_bytes_ = 0;
    std::uint64_t sequence_ = 0;
    std::uint64_t late_ = 0;
    std::uint64_t lost_ = 0;
    // Of the present wait.
    std::chrono::steady_clock::time_point since_;
    std::uint64_t late_before_ = 0;
    std::uint64_t lost_before_ = 0;
    int error_ = 0;
};

}  // namespace rudder
