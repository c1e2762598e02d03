// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/config/warnings.hpp"

#include <vector>

namespace rudder {

/// Warns of rules that never match, or only while an earlier rule waits for its interface, because that rule alone
/// takes all of their packets. Only what is certain
/// is said; rules that several earlier ones cover together are not found. *Shape*: `rules` sorted by priority. *Units*:
/// work is bounded; a large set of much alike rules is not searched to the end.
void warn_shadowed(const std::vector<Rule>& rules, Warnings& warnings);

}  // namespace rudder
