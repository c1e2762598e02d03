// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/groups.hpp"
#include "core/health/member_health.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>

/// What a daemon leaves behind for the next one, so that a restart neither gives flows to a dead member nor takes them
/// from a live one for a single lost packet.
namespace rudder {

struct HealthRecord {
    Health health = Health::unknown;  ///< up or dead
    Nanoseconds since{0};
    std::optional<Miss> death;
    friend bool operator==(const HealthRecord&, const HealthRecord&) = default;
};

using HealthRecords = std::map<GroupMemberKey, HealthRecord>;

/// One line a member: group, identity, health, since when, and why.
[[nodiscard]] std::string health_records_to_text(const HealthRecords& records);

/// Lines that are not understood, and those from after `now` - of another boot -, are passed over.
[[nodiscard]] HealthRecords parse_health_records(std::string_view text, Nanoseconds now);

}  // namespace rudder
