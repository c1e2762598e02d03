// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace rudder {

/// Since when the packet counters of rules stand still. Fed now and then; as exact as that is often.
class Silence {
public:
    /// *Units*: microseconds of one clock. `packets` by rule name are all rules to be watched; others are forgotten.
    void note(std::uint64_t now_us, const std::map<std::string, std::uint64_t>& packets) {
        std::map<std::string, Watched> next;
        for (const auto& [rule, count] : packets) {
            const auto known = watched_.find(rule);
            const bool is_still = known != watched_.end() && known->second.packets == count;
            next.emplace(rule, is_still ? known->second : Watched{count, now_us});
        }
        watched_ = std::move(next);
    }

    /// For how long no packet of each rule was seen, by rule name.
    [[nodiscard]] std::map<std::string, std::uint64_t> durations_us(std::uint64_t now_us) const {
        std::map<std::string, std::uint64_t> durations;
        for (const auto& [rule, watched] : watched_) durations.emplace(rule, now_us - watched.since_us);
        return durations;
    }

private:
    struct Watched {
        std::uint64_t packets = 0;
        std::uint64_t since_us = 0;
    };
    std::map<std::string, Watched> watched_;
};

}  // namespace rudder
