// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/report/report.hpp"
#include "core/report/report_json.hpp"

#include <string>

namespace rudder {

/// The probe of a member and what is known by it; null if the member is not probed.
[[nodiscard]] Json probe_json(const Snapshot& snapshot, const std::string& group, const GroupMember& member);

}  // namespace rudder
