// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/health/member_health.hpp"

#include <cstddef>
#include <optional>
#include <utility>

namespace rudder {

/// How many changes are told one by one: a thousand members that come and go must not fill the log.
class ChangeBudget {
public:
    static constexpr std::size_t k_changes = 100;
    static constexpr Nanoseconds k_window = std::chrono::seconds(10);

    /// True if this change is to be told now; else it is counted.
    bool take(Nanoseconds now) {
        if (spent_ == 0 || (now >= started_ + k_window && left_out_ == 0)) {
            started_ = now;
            spent_ = 0;
        }
        if (spent_ < k_changes) {
            ++spent_;
            return true;
        }
        ++left_out_;
        return false;
    }

    /// When the sum of what was left out is due; empty if nothing was.
    [[nodiscard]] std::optional<Nanoseconds> due() const {
        return left_out_ == 0 ? std::nullopt : std::optional(started_ + k_window);
    }

    /// How many were left out in a window that is over, once; 0 for none.
    std::size_t take_left_out(Nanoseconds now) {
        if (left_out_ == 0 || now < started_ + k_window) return 0;
        spent_ = 0;
        return std::exchange(left_out_, 0);
    }

private:
    Nanoseconds started_{0};
    std::size_t spent_ = 0;
    std::size_t left_out_ = 0;
};

}  // namespace rudder
