// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/config/reading.hpp"

#include <optional>

/// The keys `limit`, `burst` and `excess`.
namespace rudder {

/// Fills the rule's limit and what becomes of packets beyond it. To be called when the rule's other action keys are read.
void read_rule_limit(const Reading& reading, const ConfigTable& action, Rule& rule);

/// The limit of one `[[rule.action.targets]]`; empty without one, and after an error.
[[nodiscard]] std::optional<RateLimit> read_target_limit(const Reading& reading, const ConfigTable& target);

}  // namespace rudder
