// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/diagnostic.hpp"
#include "core/config/limits.hpp"
#include "core/config/source_file.hpp"
#include "core/report/report.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Reads the policy files of all directories as one set. Unreadable is not empty: whatever cannot be
/// read or trusted is an error of the whole set, never a smaller set.
namespace rudder {

/// Directories in order of precedence: a file of an earlier one replaces the same basename of later ones.
[[nodiscard]] const std::vector<std::string>& default_config_directories();

/// What an ownership or mode that others could abuse means.
enum class Trust { required, advised };

/// A file that stands in for `destination` (a path in one of the directories, existing or not) for this load.
struct Substitution {
    std::string source;
    std::string destination;
};

struct ConfigSetOptions {
    std::vector<std::string> directories = default_config_directories();
    std::vector<Substitution> substitutions;
    Limits limits;
    /// `advised` only for a check by somebody who is not root: the findings are warnings then.
    Trust trust = Trust::required;
    bool are_directories_named = false;  ///< by the user: one that does not exist is worth a warning
};

/// The files in the order of their basenames (C locale), masked ones left out.
/// If `diagnostics` has errors the files are those that could be read, good for showing source lines only.
struct ConfigSet {
    std::vector<SourceFile> files;
    std::vector<ReportFile> reports;  ///< same order
    std::string sha256;               ///< over names and bytes of `files`
    Diagnostics diagnostics;
};

/// True for names the daemon reads: `[A-Za-z0-9][A-Za-z0-9._-]*` and `.toml`, or `.list` for the lists of sets. Leaves
/// out what editors, dpkg, rsync and Ansible keep beside a file while they write it.
[[nodiscard]] bool is_config_file_name(std::string_view name);

/// *Blocking*: reads files. *Errors*: as diagnostics F001 to F012 of rudder.toml(5).
[[nodiscard]] ConfigSet load_config_set(const ConfigSetOptions& options);

/// The named files and nothing else, for a check of single files: no trust rules, no masking.
[[nodiscard]] ConfigSet load_config_files(const std::vector<std::string>& paths, const Limits& limits = {});

}  // namespace rudder
