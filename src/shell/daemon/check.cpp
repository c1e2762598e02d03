// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/check.hpp"

#include "shell/daemon/policy_load.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace rudder {

ExitCode check(const CheckOptions& options) {
    const Limits& limits = options.set.limits;
    const PolicyLoad load = judge(options.files.empty() ? load_config_set(options.set) : load_config_files(options.files, limits), limits);
    const bool is_accepted = load.policy.has_value() && !(options.warnings_fail && load.diagnostics.warning_count() > 0);
    if (options.is_json) {
        fmt::print("{}\n", render_json(load.diagnostics));
    } else {
        fmt::print(stderr, "{}", render_text(load.diagnostics, load.sources, options.wants_color));
        if (is_accepted) {
            fmt::print("configuration ok: {} rules in {} files, sha256 {}\n", load.policy->rules.size(), load.files.size(), load.sha256);
        } else {
            fmt::print(stderr, "configuration not ok: {} errors, {} warnings in {} files\n", load.diagnostics.error_count(),
                       load.diagnostics.warning_count(), load.files.size());
        }
    }
    return is_accepted ? ExitCode::ok : ExitCode::configuration;
}

}  // namespace rudder
