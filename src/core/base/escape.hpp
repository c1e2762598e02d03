// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Bytes from outside made safe for a terminal, a log line or a JSON document.
namespace rudder {

/// One character cut from the front of UTF-8 text. An ill-formed byte is a character of one byte that is not valid.
/// *Source*: RFC 3629 (no surrogates, no overlong forms).
struct Utf8Character {
    char32_t code = 0;
    std::size_t bytes = 1;
    bool is_valid = false;
};

/// *Shape*: `text` is not empty.
[[nodiscard]] Utf8Character decode_utf8(std::string_view text);

/// True for what a terminal may act on instead of showing it: C0, DEL, C1, and the invisible and bidirectional
/// format characters that make text look like other text.
[[nodiscard]] bool is_control(char32_t code);

/// Columns a terminal gives to a character: 0 for combining marks, 2 for wide East Asian ones and emoji, else 1.
[[nodiscard]] std::size_t display_width(char32_t code);

/// Printable UTF-8 stays; all else becomes `\n`, `\t`, `\r`, `\xNN` (a byte) or `\uNNNN` (a character).
[[nodiscard]] std::string escape_control(std::string_view text);

/// A JSON string with its quotes. Ill-formed bytes become U+FFFD. *Source*: RFC 8259 section 7.
[[nodiscard]] std::string json_quote(std::string_view text);

}  // namespace rudder
