// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/diagnostic.hpp"
#include "core/base/policy.hpp"
#include "core/report/report.hpp"
#include "shell/config/config_set.hpp"

#include <optional>
#include <string>
#include <vector>

namespace rudder {

/// A whole set read and judged: the one path that --check, start and every reload take.
struct PolicyLoad {
    std::optional<Policy> policy;     ///< only if there is no error
    Diagnostics diagnostics;          ///< sorted
    SourceTexts sources;
    std::vector<ReportFile> files;
    std::string sha256;
};

[[nodiscard]] PolicyLoad judge(ConfigSet set, const Limits& limits);

}  // namespace rudder
