// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "measure.hpp"

#include <string>
#include <vector>

/// The results of bench_classify as text.
namespace rudder::bench {

/// What the columns mean, and their names.
[[nodiscard]] std::string table_header();
/// One line for each kind of traffic.
[[nodiscard]] std::string table_lines(const Measurement& measurement);
/// Everything that was measured.
[[nodiscard]] std::string to_json(const std::vector<Measurement>& measurements);

}  // namespace rudder::bench
