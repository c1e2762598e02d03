// SPDX-License-Identifier: Apache-2.0
#include "core/config/text.hpp"

#include "core/base/escape.hpp"

#include <algorithm>
#include <cstddef>

namespace rudder {
namespace {

constexpr std::size_t k_message_bytes = 300;
constexpr std::size_t k_word_bytes = 64;

char to_lower(char byte) {
    return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
}

std::string cut(std::string_view text, std::size_t limit) {
    if (text.size() <= limit) return escape_control(text);
    while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0U) == 0x80U) --limit;  // whole characters
    return escape_control(text.substr(0, limit)) + "...";
}

}  // namespace

std::string printable(std::string_view text) {
    return cut(text, k_message_bytes);
}

std::string quoted(std::string_view text) {
    return "`" + cut(text, k_word_bytes) + "`";
}

bool is_same_word(std::string_view text, std::string_view word) {
    return std::equal(text.begin(), text.end(), word.begin(), word.end(),
                      [](char a, char b) { return to_lower(a) == to_lower(b); });
}

}  // namespace rudder
