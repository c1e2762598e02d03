// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/diagnostic.hpp"
#include "shell/kernel/attachment.hpp"
#include "shell/log/logger.hpp"

#include <chrono>
#include <string>

namespace rudder {

/// The daemon's own knobs: the optional /etc/rudder/rudder.toml. Read once, at start.
struct Settings {
    bool allow_empty = false;                ///< an empty set may replace a policy with rules
    std::chrono::milliseconds settle{300};   ///< `settle_ms`
    Attachment attachment = Attachment::automatic;
    Priority log_level = Priority::info;
};

inline constexpr const char* k_default_settings_path = "/etc/rudder/rudder.toml";

struct SettingsLoad {
    Settings settings;
    Diagnostics diagnostics;
    SourceTexts sources;
};

/// A file that does not exist gives the defaults. *Errors*: as diagnostics F001 to F010 for the file and
/// F020 to F023 for its content.
[[nodiscard]] SettingsLoad load_settings(const std::string& path);

}  // namespace rudder
