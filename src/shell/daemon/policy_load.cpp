// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/policy_load.hpp"

#include "core/config/build_policy.hpp"

namespace rudder {

PolicyLoad judge(ConfigSet set, const Limits& limits) {
    PolicyLoad load;
    load.diagnostics = std::move(set.diagnostics);
    load.files = std::move(set.reports);
    load.sha256 = std::move(set.sha256);
    // Also of a set with unreadable files: one run reports everything there is to say.
    PolicyResult built = build_policy(set.files, limits);
    for (const Diagnostic& diagnostic : built.diagnostics.all()) load.diagnostics.add(diagnostic);
    if (built.policy && !load.diagnostics.has_errors()) {
        load.policy = std::move(built.policy);
        load.policy->sha256 = load.sha256;
    }
    for (SourceFile& file : set.files) load.sources[file.path] = std::move(file.bytes);
    load.diagnostics.sort();
    return load;
}

}  // namespace rudder
