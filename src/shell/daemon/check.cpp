// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/check.hpp"

#include "core/compile/image.hpp"
#include "core/compile/named_topology.hpp"
#include "shell/config/settings.hpp"
#include "shell/daemon/policy_load.hpp"
#include "shell/log/wording.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace rudder {

namespace {

/// The daemon does not start with settings that have errors.
void add_settings(const std::string& path, PolicyLoad& load) {
    SettingsLoad settings = load_settings(path);
    for (const Diagnostic& diagnostic : settings.diagnostics.all()) load.diagnostics.add(diagnostic);
    load.sources.merge(settings.sources);
    load.diagnostics.sort();
}

/// Of rules that are good one by one there may be too much: said here rather than when they are to be published.
void compile_without_host(PolicyLoad& load) {
    if (!load.policy || load.diagnostics.has_errors()) return;
    const Result<Image> image = compile(*load.policy, named_topology(*load.policy), {});
    if (!image) load.diagnostics.error("F031", {}, image.error().message);
}

}  // namespace

ExitCode check(const CheckOptions& options) {
    const Limits& limits = options.set.limits;
    PolicyLoad load = judge(options.files.empty() ? load_config_set(options.set) : load_config_files(options.files, limits), limits);
    if (options.files.empty() && !options.settings_path.empty()) add_settings(options.settings_path, load);
    compile_without_host(load);
    const bool is_accepted = load.policy.has_value() && !load.diagnostics.has_errors() && !(options.warnings_fail && load.diagnostics.warning_count() > 0);
    if (options.is_json) {
        fmt::print("{}\n", render_json(load.diagnostics));
    } else {
        fmt::print(stderr, "{}", render_text(load.diagnostics, load.sources, options.wants_color));
        if (is_accepted) {
            fmt::print("configuration ok: {} in {}, sha256 {}\n", counted(load.policy->rules.size(), "rule"), counted(load.files.size(), "file"), load.sha256);
        } else {
            fmt::print(stderr, "configuration not ok: {}, {} in {}\n", counted(load.diagnostics.error_count(), "error"),
                       counted(load.diagnostics.warning_count(), "warning"), counted(load.files.size(), "file"));
        }
    }
    return is_accepted ? ExitCode::ok : ExitCode::configuration;
}

}  // namespace rudder
