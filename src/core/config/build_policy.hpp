// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/diagnostic.hpp"
#include "core/base/policy.hpp"
#include "core/config/limits.hpp"
#include "core/config/source_file.hpp"

#include <optional>
#include <vector>

namespace rudder {

/// The policy of a set of files, or why there is none. *Shape*: `policy` is empty exactly if `diagnostics` has errors;
/// warnings may come with a policy. `diagnostics` are sorted.
struct PolicyResult {
    std::optional<Policy> policy;
    Diagnostics diagnostics;
};

/// Parses and validates the whole set. Pure; the policy does not depend on the order of the files. `Policy::sha256` is
/// left to the caller, who knows which bytes count. An empty set gives an empty policy: whether that may be published
/// is not decided here.
[[nodiscard]] PolicyResult build_policy(const std::vector<SourceFile>& files, const Limits& limits = {});

}  // namespace rudder
