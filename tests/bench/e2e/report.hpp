// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rounds.hpp"

#include <string>
#include <vector>

/// The results of bench_e2e as text.
namespace rudder::bench {

struct E2eResult {
    std::string title;  ///< names the unit
    std::vector<Standing> standings;
};

[[nodiscard]] std::string to_table(const E2eResult& result);
[[nodiscard]] std::string to_json(const std::vector<E2eResult>& results);

}  // namespace rudder::bench
