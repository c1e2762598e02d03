// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "random_frame.hpp"

#include "core/base/policy.hpp"

/// Matches that random packets of random_frame.hpp meet often enough.
namespace rudder::test {

/// Families, prefixes, protocol, ports, VLANs and DSCP.
void random_match(Random& random, Rule& rule);
/// The fields that few rules have, after random_match().
void random_rare(Random& random, Rule& rule);
/// One of a few marks, often none, that random_rare() asks for.
[[nodiscard]] std::uint32_t random_mark(Random& random);
/// What `not` says, after both.
void random_exclusion(Random& random, Rule& rule);

}  // namespace rudder::test
