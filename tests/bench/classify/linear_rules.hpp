// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"

#include "classify_bench.h"

namespace rudder::bench {

/// The first 64 rules of the policy for the linear scans, once more from the start if there are fewer. Of a list of
/// prefixes or ports the first counts: generated and ClassBench sets have no others.
[[nodiscard]] bench_linear linear_rules(const Policy& policy, IpFamily family, std::uint16_t hook_class);

}  // namespace rudder::bench
