// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace rudder {

enum class NumberError { syntax, too_large };

/// A decimal number as written in addresses and ports, or why it is none.
struct NumberParse {
    std::optional<std::uint32_t> value;
    NumberError error = NumberError::syntax;
};

/// Digits only: no sign, no blanks, no leading zeros (octal to some readers). *Errors*: above `maximum`: too_large.
[[nodiscard]] inline NumberParse parse_number(std::string_view text, std::uint32_t maximum) {
    if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return {};
    if (text.size() > 1 && text.front() == '0') return {};
    std::uint32_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc{} || value > maximum) return {std::nullopt, NumberError::too_large};
    return {value, NumberError::syntax};
}

}  // namespace rudder
