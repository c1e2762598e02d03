// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/health/member_health.hpp"
#include "core/health/probe_task.hpp"

#include <map>
#include <string>

namespace rudder {

/// What the daemon knows of a member that it probes.
struct MemberProbe {
    ProbeTask task;
    MemberState state;
    std::string trouble;  ///< why it could not be asked last time; empty: it could
};
using MemberProbes = std::map<GroupMemberKey, MemberProbe>;

}  // namespace rudder
