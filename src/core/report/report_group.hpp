// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/report/count_index.hpp"
#include "core/report/report.hpp"
#include "core/report/report_json.hpp"

#include <cstddef>

namespace rudder {

/// Adds the group that target `index` of the rule names: its members with their state, share and counters.
void add_group(Json& out, const Snapshot& snapshot, const CountIndex& counts, const Rule& rule, std::size_t index, const Group& group);

}  // namespace rudder
