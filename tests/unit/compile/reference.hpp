// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/base/topology.hpp"

#include "rudder_abi.h"

#include <cstdint>
#include <vector>

/// The policy language read literally, rule by rule: what the compiled classifier must agree with.
namespace rudder::test {

/// A parsed packet and the hook it is seen at; `packet.hook_class` does not matter here.
struct Probe {
    rudder_packet packet{};
    std::uint32_t ifindex = 0;
    Direction direction = Direction::ingress;
};

class Reference {
public:
    Reference(const Policy& policy, const Topology& topology);

    /// Rank of the first rule that matches, or RUDDER_NO_RULE.
    [[nodiscard]] std::uint32_t first_match(const Probe& probe) const;

private:
    [[nodiscard]] bool matches(const Rule& rule, std::size_t rank, const Probe& probe) const;

    const Policy& policy_;
    std::vector<std::vector<bool>> selected_;  ///< [rank][ifindex]; empty for a rule that is not installed
};

}  // namespace rudder::test
