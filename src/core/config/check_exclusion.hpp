// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/config/reading.hpp"

namespace rudder {

/// Reports what no packet could meet, and lists that are too long for the datapath. `table` is the `not` of a match
/// that has been read whole; `key` its place.
void check_exclusion(const Reading& reading, const ConfigTable& table, const Span& key, const Match& match);

}  // namespace rudder
