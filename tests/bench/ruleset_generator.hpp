// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"

#include "rudder_abi.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Policies with the structure of filter sets in the field: access lists (acl), firewalls (fw) and IP chains (ipc).
/// *Source*: the statistics that Taylor and Turner describe in "ClassBench: A Packet Classification Benchmark" (prefix
/// length pairs, address nesting, port classes, protocol mix), in round numbers of our own; no file of theirs is used.
namespace rudder::bench {

enum class Kind { acl, fw, ipc };

[[nodiscard]] std::string to_string(Kind kind);

struct Ruleset {
    Kind kind = Kind::acl;
    IpFamily family = IpFamily::v4;
    std::size_t rules = 0;
    std::uint64_t seed = 1;
};

/// Drop rules on every interface, no two with the same match. Equal arguments give equal policies.
[[nodiscard]] Policy generate_policy(const Ruleset& wanted);

/// Headers inside rules, each rule as likely as any other, in random order.
[[nodiscard]] std::vector<rudder_packet> generate_hits(const Policy& policy, std::size_t count, std::uint64_t seed);
/// Random headers of that family; hardly any lies in a rule with a long prefix.
[[nodiscard]] std::vector<rudder_packet> generate_misses(IpFamily family, std::size_t count, std::uint64_t seed);

}  // namespace rudder::bench
