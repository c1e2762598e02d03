// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace rudder {

/// Whether the daemon may still call itself alive after looks at the kernel that failed. One failure may be a passing
/// shortage of memory; some in a row are not, and a restart is then the better state.
class SelfCheck {
public:
    struct Verdict {
        bool is_alive = true;
        bool is_news = false;  ///< from alive to not: worth one entry in the log
    };

    Verdict note(bool is_ok) {
        failures_ = is_ok ? 0 : failures_ + 1;
        return {failures_ < k_failures_in_a_row, failures_ == k_failures_in_a_row};
    }

private:
    static constexpr unsigned k_failures_in_a_row = 3;
    unsigned failures_ = 0;
};

}  // namespace rudder
