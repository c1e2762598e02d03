// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/config/limits.hpp"
#include "core/config/source_file.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <vector>

/// The bad inputs of tests/bad and what is expected of them.
namespace rudder::test {

/// File, line, column, code; the order in which findings are compared.
struct Finding {
    std::string file;
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::string code;
    friend auto operator<=>(const Finding&, const Finding&) = default;
};

std::ostream& operator<<(std::ostream& out, const Finding& finding);

/// All findings expected of each case, by case name, sorted. *Source*: expected.tsv.
std::map<std::string, std::vector<Finding>> read_expected();

/// The files of a case, `tests/bad/<name>.toml` or all of `tests/bad/<name>/`; paths are relative to tests/bad.
std::vector<SourceFile> read_case(const std::string& name);

/// The names of all cases found on disk.
std::vector<std::string> case_names();

/// Limits of a case: the line "# limits: files=1" at the start of its first file changes single ones.
Limits limits_of(const std::vector<SourceFile>& files);

std::string read_bytes(const std::string& path);

}  // namespace rudder::test
