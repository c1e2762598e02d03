// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// One line of a source file made ready to be shown with marks below it.
namespace rudder {

/// *Units*: `mark_column` and `mark_columns` are terminal columns in `text`, counted from 0.
struct SourceLine {
    std::string text;  ///< tabs expanded, control bytes escaped, cut around the mark when long
    std::size_t mark_column = 0;
    std::size_t mark_columns = 1;
};

/// Line `line` (from 1) of `source` without its line end; empty if there is no such line.
[[nodiscard]] std::string_view line_of(std::string_view source, std::uint32_t line);

/// Shows `line` with `length` bytes from byte `column` (from 1) marked. A place past the end is marked there.
[[nodiscard]] SourceLine show_line(std::string_view line, std::uint32_t column, std::uint32_t length);

}  // namespace rudder
