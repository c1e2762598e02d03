// SPDX-License-Identifier: Apache-2.0
#include "core/health/probe_task.hpp"

namespace rudder {
namespace {

/// A link-local source has to go with a link-local destination: the kernel finds it, also the one of a layer-3 device.
std::optional<IpAddress> source_of(const Link& link, const IpAddress& destination) {
    if (destination.family == IpFamily::v6 && destination.is_link_local()) return std::nullopt;
    const LinkAddress* address = source_address(link, destination.family, destination);
    return address == nullptr ? std::nullopt : std::optional(address->address);
}

ProbeTask task_of(const HealthProbe& probe, const GroupMember& member, const IpAddress& destination,
                  const Topology& topology) {
    ProbeTask task{probe, member.way.via, {}, std::nullopt};
    task.order.type = probe.type;
    task.order.destination = destination;
    task.order.port = probe.port;
    task.order.request = probe.request;
    task.order.expect = probe.expect;
    const Link* link = find_link(topology, member.way.via);
    if (link == nullptr) {
        task.obstacle = Miss{MissReason::no_device, 0};
        return task;
    }
    task.order.ifindex = link->ifindex;
    task.order.source = source_of(*link, destination);
    if (!link->is_up) task.obstacle = Miss{MissReason::link_down, 0};
    return task;
}

}  // namespace

ProbeTasks probe_tasks(const Policy& policy, const Topology& topology) {
    ProbeTasks tasks;
    for (const Group& group : policy.groups) {
        if (!group.probe) continue;
        for (const GroupMember& member : group.members) {
            const auto destination = probe_destination(*group.probe, member);
            if (!destination) continue;
            tasks.emplace(GroupMemberKey{group.name, member_identity(member)},
                          task_of(*group.probe, member, *destination, topology));
        }
    }
    return tasks;
}

}  // namespace rudder
