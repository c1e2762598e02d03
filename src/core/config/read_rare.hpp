// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/config/read_rule.hpp"
#include "core/config/reading.hpp"

namespace rudder {

/// Fills `match.rare` from the keys that few rules have. `match.ip_proto` and ports are there already.
void read_rare(const Reading& reading, RuleScope& scope, const ConfigTable& table, Match& match);

/// The same keys of `not`. `match` is what the rule says otherwise.
[[nodiscard]] RareMatch read_excluded_rare(const Reading& reading, RuleScope& scope, const ConfigTable& table,
                                           const Match& match);

/// Nothing that `inner` matches is left out by `outer`.
[[nodiscard]] bool covers(const HeapOptional<RareMatch>& outer, const HeapOptional<RareMatch>& inner);

}  // namespace rudder
