// SPDX-License-Identifier: Apache-2.0
#include "core/base/escape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace rudder {
namespace {

struct CodeRange {
    char32_t first;
    char32_t last;
};

constexpr std::array k_control_ranges = {
    CodeRange{0x0000, 0x001f}, CodeRange{0x007f, 0x009f}, CodeRange{0x00ad, 0x00ad},   CodeRange{0x061c, 0x061c},
    CodeRange{0x180e, 0x180e}, CodeRange{0x200b, 0x200f}, CodeRange{0x2028, 0x202e},   CodeRange{0x2060, 0x206f},
    CodeRange{0xfeff, 0xfeff}, CodeRange{0xfff9, 0xfffb}, CodeRange{0xe0000, 0xe007f},
};

constexpr std::array k_zero_width_ranges = {
    CodeRange{0x0300, 0x036f}, CodeRange{0x0483, 0x0489},   CodeRange{0x0591, 0x05bd}, CodeRange{0x064b, 0x065f},
    CodeRange{0x1ab0, 0x1aff}, CodeRange{0x1dc0, 0x1dff},   CodeRange{0x20d0, 0x20ff}, CodeRange{0xfe00, 0xfe0f},
    CodeRange{0xfe20, 0xfe2f}, CodeRange{0xe0100, 0xe01ef},
};

constexpr std::array k_wide_ranges = {
    CodeRange{0x1100, 0x115f},   CodeRange{0x2e80, 0x303e},   CodeRange{0x3041, 0x33ff},   CodeRange{0x3400, 0x4dbf},
    CodeRange{0x4e00, 0x9fff},   CodeRange{0xa000, 0xa4cf},   CodeRange{0xac00, 0xd7a3},   CodeRange{0xf900, 0xfaff},
    CodeRange{0xfe30, 0xfe6f},   CodeRange{0xff00, 0xff60},   CodeRange{0xffe0, 0xffe6},   CodeRange{0x1f300, 0x1f64f},
    CodeRange{0x1f680, 0x1f6ff}, CodeRange{0x1f900, 0x1faff}, CodeRange{0x20000, 0x3fffd},
};

template <std::size_t N>
bool is_in(const std::array<CodeRange, N>& ranges, char32_t code) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [code](const CodeRange& range) { return code >= range.first && code <= range.last; });
}

std::uint8_t byte_at(std::string_view text, std::size_t index) {
    return static_cast<std::uint8_t>(text[index]);
}

/// Length and payload bits of the lead byte; length 0: no lead byte.
struct Lead {
    std::size_t bytes;
    char32_t bits;
    char32_t smallest;  ///< below it the form is overlong
};

Lead lead_of(std::uint8_t byte) {
    if (byte >= 0xc2 && byte <= 0xdf) return {2, byte & 0x1fu, 0x80};
    if (byte >= 0xe0 && byte <= 0xef) return {3, byte & 0x0fu, 0x800};
    if (byte >= 0xf0 && byte <= 0xf4) return {4, byte & 0x07u, 0x10000};
    return {0, 0, 0};
}

std::string escape_character(const Utf8Character& character, std::uint8_t first_byte) {
    if (!character.is_valid) return fmt::format("\\x{:02x}", first_byte);
    if (character.code == '\n') return "\\n";
    if (character.code == '\r') return "\\r";
    if (character.code == '\t') return "\\t";
    if (character.code < 0x80) return fmt::format("\\x{:02x}", static_cast<std::uint32_t>(character.code));
    return fmt::format("\\u{:04x}", static_cast<std::uint32_t>(character.code));
}

}  // namespace

Utf8Character decode_utf8(std::string_view text) {
    const std::uint8_t first = byte_at(text, 0);
    const Utf8Character ill_formed{first, 1, false};
    if (first < 0x80) return {first, 1, true};
    const Lead lead = lead_of(first);
    if (lead.bytes == 0 || text.size() < lead.bytes) return ill_formed;
    char32_t code = lead.bits;
    for (std::size_t i = 1; i < lead.bytes; ++i) {
        const std::uint8_t byte = byte_at(text, i);
        if ((byte & 0xc0u) != 0x80u) return ill_formed;
        code = (code << 6) | (byte & 0x3fu);
    }
    const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
    if (code < lead.smallest || code > 0x10ffff || is_surrogate) return ill_formed;
    return {code, lead.bytes, true};
}

bool is_control(char32_t code) {
    return is_in(k_control_ranges, code);
}

std::size_t display_width(char32_t code) {
    if (is_in(k_zero_width_ranges, code)) return 0;
    return is_in(k_wide_ranges, code) ? 2 : 1;
}

std::string escape_control(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const Utf8Character character = decode_utf8(text);
        if (character.is_valid && !is_control(character.code)) {
            out += text.substr(0, character.bytes);
        } else {
            out += escape_character(character, byte_at(text, 0));
        }
        text.remove_prefix(character.bytes);
    }
    return out;
}

std::string json_quote(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const Utf8Character character = decode_utf8(text);
        if (!character.is_valid) {
            out += "\xef\xbf\xbd";
        } else if (character.code == '"' || character.code == '\\') {
            out += '\\';
            out += text[0];
        } else if (character.code < 0x20 || character.code == 0x7f) {
            out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(character.code));
        } else {
            out += text.substr(0, character.bytes);
        }
        text.remove_prefix(character.bytes);
    }
    out += '"';
    return out;
}

}  // namespace rudder
