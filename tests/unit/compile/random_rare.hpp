// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "random_policy.hpp"

#include <cstdint>
#include <optional>

namespace rudder::test {

/// Rare fields, each stated in `odds` percent of the cases and then a list in `many` percent.
[[nodiscard]] HeapOptional<RareMatch> random_rare(Random& random, std::uint32_t odds, std::uint32_t many,
                                                  std::optional<std::uint8_t> protocol);
/// Gives a packet values at the corners of these fields.
void set_rare(Random& random, const RareMatch& rare, rudder_packet& packet);

}  // namespace rudder::test
