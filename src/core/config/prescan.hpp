// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/diagnostic.hpp"
#include "core/config/limits.hpp"
#include "core/config/source_file.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

/// The bounded look at a file before toml++ sees it. It needs no stack, and after it toml++ is safe: toml++ 3.3
/// recurses once per bracket and per segment of a dotted key, and crashes on some kilobytes of either.
namespace rudder {

/// A run of whole lines that is a TOML document of its own: it starts with a `[[name]]` header (the first chunk: with
/// the file). Parsing chunks one by one keeps one syntax error from hiding those after it, and keeps toml++, whose
/// time is quadratic in the number of dotted keys of one document, linear.
struct Chunk {
    std::size_t offset = 0;          ///< of its first byte in the file
    std::size_t length = 0;          ///< bytes
    std::uint32_t first_line = 1;    ///< number of its first line
    std::uint32_t column_shift = 0;  ///< bytes hidden before its first line (a byte-order mark)
    bool is_ascii = true;
    std::size_t dots = 0;  ///< outside quotes and comments: about the number of dotted keys and headers
};

/// The part of it that holds for every file, TOML or not. *Errors*: size, NUL and control bytes, UTF-16, malformed
/// UTF-8, long lines; the first of them is reported.
[[nodiscard]] bool check_text(const SourceFile& file, const Limits& limits, Diagnostics& diagnostics);

/// The chunks of an acceptable file, in order, together all of its bytes (but for a UTF-8 byte-order mark, which is
/// accepted). *Errors*: those of check_text, deep nesting, keys with too many segments; the first of them is reported
/// and no chunk is returned.
[[nodiscard]] std::vector<Chunk> prescan(const SourceFile& file, const Limits& limits, Diagnostics& diagnostics);

}  // namespace rudder
