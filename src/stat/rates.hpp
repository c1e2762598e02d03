// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "stat/json_access.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace rudder::stat {

struct Rate {
    std::uint64_t packets_per_s = 0;
    std::uint64_t bits_per_s = 0;
    friend bool operator==(const Rate&, const Rate&) = default;
};

/// The counters of one `stats` document by rule name and target index (-1: the rule itself).
struct CounterSample {
    using Key = std::pair<std::string, std::int64_t>;
    struct Value {
        std::uint64_t packets = 0;
        std::uint64_t bytes = 0;
    };
    std::uint64_t monotonic_us = 0;
    std::map<Key, Value> counters;
};

/// `received_us` stands in where the document has no clock of its own.
[[nodiscard]] CounterSample sample_of(const Json& stats, std::uint64_t received_us);

/// Growth per second between two samples. Nothing: new, counted anew, or no time has passed.
[[nodiscard]] std::optional<Rate> rate_between(const CounterSample& before, const CounterSample& now,
                                               const CounterSample::Key& key);

}  // namespace rudder::stat
