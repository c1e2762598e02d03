// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/report/report_json.hpp"

#include <cstdint>

/// Multicast memberships in the documents of rules, interfaces and internals.
namespace rudder {

/// Null for a rule without `join`. `state` is "joined", "partial", "failed" or "waiting" (for an interface).
[[nodiscard]] Json rule_joins_json(const Snapshot& snapshot, const Rule& rule);

/// Every membership on the device, joined or refused.
[[nodiscard]] Json link_joins_json(const Snapshot& snapshot, std::uint32_t ifindex);

/// How many there are.
[[nodiscard]] Json joins_summary_json(const Snapshot& snapshot);

}  // namespace rudder
