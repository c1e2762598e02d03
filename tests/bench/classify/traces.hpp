// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/base/result.hpp"
#include "core/compile/image.hpp"

#include "rudder_abi.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Headers for a policy, and what the policy says of them.
namespace rudder::bench {

using Trace = std::vector<rudder_packet>;

/// The network that generated policies are compiled for: eth0 alone.
[[nodiscard]] Topology one_device();

/// A policy, its image for one_device(), and headers in random order that match a rule or none.
struct Scenario {
    Policy policy;
    IpFamily family = IpFamily::v4;
    Image image;
    double build_ms = 0;  ///< the whole of compile(), processor time, best of three
    Trace hits;
    Trace misses;  ///< empty where nearly every header matches some rule
    std::uint16_t hook_class = 0;
};

/// Compiles the policy and draws `headers` headers of either kind. `trace`, if not empty, takes the place of the drawn
/// hits: it is shuffled, and repeated as needed. A miss is every other time a random header, else one whose fields come
/// from three different rules. *Errors*: of compile().
[[nodiscard]] Result<Scenario> make_scenario(Policy policy, IpFamily family, std::size_t headers, Trace trace = {});

/// The rank of the policy read literally: the reference that every contender is held against.
[[nodiscard]] std::uint32_t first_match(const Policy& policy, const rudder_packet& packet);

}  // namespace rudder::bench
