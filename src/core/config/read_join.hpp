// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/config/limits.hpp"
#include "core/config/read_rule.hpp"
#include "core/config/reading.hpp"

/// The keys `join` and `sources` of an action: which multicast groups the daemon joins for a rule.
namespace rudder {

/// Fills `rule.join`; whether the rule has groups to join is not settled yet.
void read_join(const Reading& reading, const ConfigTable& action, Rule& rule);

/// Whether packets of what is joined can come to the rule, and how many memberships that are. To be called when
/// the families of the match are settled.
void check_join(const Reading& reading, RuleScope& scope, const RuleTables& tables, const Rule& rule);

}  // namespace rudder
