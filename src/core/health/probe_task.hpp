// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/base/topology.hpp"
#include "core/compile/groups.hpp"
#include "core/health/member_health.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

/// From the groups of a policy and the network to what is asked of whom.
namespace rudder {

/// One question: everything a prober needs.
struct ProbeOrder {
    HealthProbe::Type type = HealthProbe::Type::icmp;
    std::uint32_t ifindex = 0;
    std::optional<IpAddress> source;  ///< empty: the kernel's choice
    IpAddress destination;
    std::uint16_t port = 0;  ///< tcp, udp
    std::string request;     ///< udp
    std::string expect;      ///< udp: what the answer begins with
    friend bool operator==(const ProbeOrder&, const ProbeOrder&) = default;
};

/// The probing of one member.
struct ProbeTask {
    HealthProbe probe;
    std::string via;  ///< as the policy names it
    ProbeOrder order;
    std::optional<Miss> obstacle;  ///< nothing can be asked now
    friend bool operator==(const ProbeTask&, const ProbeTask&) = default;
};

using ProbeTasks = std::map<GroupMemberKey, ProbeTask>;

/// The tasks of all groups with a probe.
[[nodiscard]] ProbeTasks probe_tasks(const Policy& policy, const Topology& topology);

}  // namespace rudder
