// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/config/limits.hpp"
#include "core/config/reading.hpp"

#include <cstddef>

/// `[group.health]`: the probes of a group.
namespace rudder {

/// What the probes of all groups together ask for.
struct ProbeLoad {
    std::size_t members = 0;
    double questions_per_second = 0;
};

/// Reads `health` of a `[[group]]` table, if it is there, into a group whose members are read, and adds to the load.
/// Members with errors of their own are not judged again.
void read_health(const Reading& reading, const Limits& limits, const ConfigTable& table, Group& group,
                 bool are_members_good, ProbeLoad& load);

}  // namespace rudder
