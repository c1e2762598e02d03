// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/config/source_file.hpp"
#include "core/config/syntax.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Files of a configuration directory that hold the list of a set: one entry on each line, "#" begins a comment.
namespace rudder {

inline constexpr std::string_view k_list_suffix = ".list";

[[nodiscard]] bool is_list_file(std::string_view path);

/// Reads the entries one by one: a large file never stands in memory as values, too. *Ownership*: borrows the bytes.
class ListLines {
public:
    explicit ListLines(std::string_view bytes);

    /// The next entry with its place, a whole number as an integer, all else as a string; none at the end.
    std::optional<ConfigValue> next();

private:
    std::string_view take_line();

    std::string_view left_;
    std::uint32_t number_ = 0;
    std::uint32_t hidden_;  ///< bytes before the first line (a byte-order mark)
};

/// A list file, and which set has named it.
struct ListFile {
    const SourceFile* file = nullptr;
    bool is_text = true;            ///< false: its bytes were reported
    std::optional<Location> taken;  ///< where it is named
};

/// The list files of all directories. *Ownership*: borrows them.
class ListFiles {
public:
    void add(const SourceFile& file, bool is_text);
    /// The file of that name; null if there is none.
    ListFile* find(std::string_view name);
    [[nodiscard]] std::vector<std::string_view> names() const;
    /// The paths of files that no set names, in the order of their names.
    [[nodiscard]] std::vector<std::string> unused() const;

private:
    std::map<std::string, ListFile, std::less<>> files_;
    std::vector<std::string> others_;  ///< of the same name as one before
};

}  // namespace rudder
