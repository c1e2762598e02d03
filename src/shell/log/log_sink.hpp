// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/log/journal_record.hpp"
#include "shell/os/unique_fd.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

/// Where log records go. Nothing here ever waits for a receiver: packets would wait with it.
namespace rudder {

class LogSink {
public:
    virtual ~LogSink() = default;
    [[nodiscard]] virtual std::string record_of(const LogEntry& entry, const LogStamp& stamp) const = 0;

    struct Offer {
        std::size_t taken = 0;  ///< bytes from the beginning; less than all: the rest is to be offered later
        int error = 0;          ///< why not all; EAGAIN: the receiver does not keep up
    };
    virtual Offer offer(std::string_view rest) = 0;

    /// What poll(2) finds writable once the receiver reads on; -1: nothing.
    [[nodiscard]] virtual int descriptor() const = 0;
};

/// The native socket of the journal: one datagram an entry, taken wholly or not at all. A record that no datagram can
/// carry goes as a sealed memory file. A journal that is not there is one that does not keep up: it may come back.
class JournalSink final : public LogSink {
public:
    explicit JournalSink(std::string path = "/run/systemd/journal/socket") : path_(std::move(path)) {}

    [[nodiscard]] std::string record_of(const LogEntry& entry, const LogStamp& stamp) const override {
        return journal_record(entry, stamp);
    }
    Offer offer(std::string_view rest) override;
    [[nodiscard]] int descriptor() const override { return socket_.get(); }

private:
    int connect();
    [[nodiscard]] int send(std::string_view record) const;
    [[nodiscard]] int send_as_file(std::string_view record) const;

    std::string path_;
    UniqueFd socket_;
};

/// Lines of text to a descriptor that others may share (standard error), which is therefore left in blocking mode.
/// A pipe is filled by what surely fits. Lines for a reader that is gone are forgotten.
class StreamSink final : public LogSink {
public:
    /// *Ownership*: `descriptor` stays the caller's.
    explicit StreamSink(int descriptor) : descriptor_(descriptor) {}

    [[nodiscard]] std::string record_of(const LogEntry& entry, const LogStamp&) const override {
        return text_record(entry);
    }
    Offer offer(std::string_view rest) override;
    [[nodiscard]] int descriptor() const override { return descriptor_; }

private:
    int descriptor_;
};

/// The journal when this process's standard error is connected to it (JOURNAL_STREAM), else standard error.
[[nodiscard]] std::unique_ptr<LogSink> default_log_sink();

}  // namespace rudder
