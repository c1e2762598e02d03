// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

/// Words of the user inside our messages.
namespace rudder {

/// `text` with control characters escaped, cut after some lines.
[[nodiscard]] std::string printable(std::string_view text);

/// The same in backquotes, cut after some words: for keys and values.
[[nodiscard]] std::string quoted(std::string_view text);

/// True if the texts differ at most in the case of ASCII letters: the words of the language may be written either way.
[[nodiscard]] bool is_same_word(std::string_view text, std::string_view word);

}  // namespace rudder
