// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/log/logger.hpp"

#include <cstdint>
#include <string>

namespace rudder {

/// What tells entries of one run apart and in which order they were made, however late they arrive.
struct LogStamp {
    std::uint64_t sequence = 0;  ///< from 1; a number that never arrives is an entry that was lost
    std::uint64_t unix_us = 0;   ///< when it was made
};

/// The entry as one datagram of the journal's native protocol: NAME=value lines; a value with a newline is preceded by
/// its length (64 bits, little endian) instead. *Source*: systemd.io/JOURNAL_NATIVE_PROTOCOL.
[[nodiscard]] std::string journal_record(const LogEntry& entry, const LogStamp& stamp);

/// The entry as one line of text, its control characters escaped.
[[nodiscard]] std::string text_record(const LogEntry& entry);

}  // namespace rudder
