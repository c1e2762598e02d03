// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/topology.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

namespace rudder {

/// Which devices hand what they receive on to which: a port to its bridge or bond, a device to the VLANs and macvlans on it.
class Stacking {
public:
    explicit Stacking(const Topology& topology);

    /// Does a packet that arrives at the device come to one that is `wanted`, directly or by others between them?
    [[nodiscard]] bool leads_to(std::uint32_t ifindex, const std::function<bool(std::uint32_t)>& wanted) const;

private:
    std::map<std::uint32_t, std::vector<std::uint32_t>> above_;
};

}  // namespace rudder
