// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "stat/json_access.hpp"
#include "stat/rates.hpp"
#include "stat/table.hpp"

#include <string>

/// The documents of the status socket as text for people. Nothing here fails: what a document lacks is shown as "-".
namespace rudder::stat {

[[nodiscard]] std::string draw_rules(const Json& document, const TableStyle& style);
[[nodiscard]] std::string draw_stats(const Json& document, const TableStyle& style);
/// With packets and bits per second since `before`; "-" where there is no rate yet.
[[nodiscard]] std::string draw_rates(const Json& document, const TableStyle& style, const CounterSample& before,
                                     const CounterSample& now);
[[nodiscard]] std::string draw_interfaces(const Json& document, const TableStyle& style);
[[nodiscard]] std::string draw_maps(const Json& document, const TableStyle& style);
[[nodiscard]] std::string draw_internals(const Json& document, const TableStyle& style);
[[nodiscard]] std::string draw_config(const Json& document, const TableStyle& style);

/// A state word coloured by what it asks of the operator.
[[nodiscard]] Cell state_cell(const std::string& state);
/// "path:line:col: error[E0123]: text" for each finding, with its help.
[[nodiscard]] std::string draw_findings(const Json& object, const char* key);
/// Blocks with an empty line between them.
[[nodiscard]] std::string blocks(const std::vector<std::string>& texts);

}  // namespace rudder::stat
