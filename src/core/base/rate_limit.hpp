// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rudder {

/// A rate, and how much may come at once after a pause. *Units*: by `unit` packets or bits per second, packets or bytes.
struct RateLimit {
    enum class Unit : std::uint8_t { packets, bits } unit = Unit::packets;
    std::uint64_t per_second = 0;  ///< 1 to 10^9 packets, 1000 to 10^12 bits
    std::uint64_t burst = 0;       ///< at least 1

    friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

/// "1000pps", "20kpps", "3mpps", "64kbit", "10mbit", "1gbit", in upper or lower case, with the default burst: what the rate
/// carries in 100 ms, at least one packet or one full Ethernet frame. Empty if it is none or out of range.
[[nodiscard]] std::optional<RateLimit> parse_rate_limit(std::string_view text);

/// The rate as parse_rate_limit reads it, in the largest unit without a fraction; "10mbit burst 9000" if the burst is
/// not the default.
[[nodiscard]] std::string to_string(const RateLimit& limit);

}  // namespace rudder
