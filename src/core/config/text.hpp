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

}  // namespace rudder
