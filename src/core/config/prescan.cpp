// SPDX-License-Identifier: Apache-2.0
#include "core/config/prescan.hpp"

#include "core/base/escape.hpp"
#include "core/config/codes.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace rudder {
namespace {

/// toml++ looks at most 127 code points ahead to tell a date from a number, and reads wild beyond that.
constexpr std::size_t k_word_bytes = 100;

constexpr std::string_view k_utf8_mark = "\xef\xbb\xbf";

bool is_printable_ascii(char byte) {
    return byte >= 0x20 && byte < 0x7f;
}

/// True for the bytes that end a key, number or the like.
constexpr auto k_is_separator = [] {
    std::array<bool, 256> table{};
    for (const char separator : std::string_view(" \t\r\n#\"'[]{}=,"))
        table[static_cast<unsigned char>(separator)] = true;
    return table;
}();

/// The bytes of keys, numbers and the like but the dot.
constexpr auto k_is_word_byte = [] {
    std::array<bool, 256> table{};
    for (std::size_t byte = 0x21; byte < 0x7f; ++byte)
        table[byte] = !k_is_separator[byte] && byte != '.' && byte != '\\';
    return table;
}();

bool is_utf16(std::string_view bytes) {
    return bytes.starts_with("\xff\xfe") || bytes.starts_with("\xfe\xff");
}

/// First pass: is every byte one that a TOML file may contain?
class ByteCheck {
public:
    ByteCheck(const SourceFile& file, const Limits& limits, Diagnostics& diagnostics)
        : file_(file), bytes_(file.bytes), limits_(limits), diagnostics_(diagnostics) {}

    bool run() {
        if (is_utf16(bytes_)) {
            diagnostics_.error(std::string(code::utf16), here(), "the file is UTF-16; it must be UTF-8",
                               "convert it, for example with iconv -f UTF-16 -t UTF-8");
            return false;
        }
        while (pos_ < bytes_.size()) {
            if (are_eight_printable())
                pos_ += 8;
            else if (is_printable_ascii(bytes_[pos_]))
                ++pos_;
            else if (!step())
                return false;
        }
        return is_line_short();
    }

private:
    /// What is_printable_ascii() says of each of the next eight bytes: nearly all text goes by here.
    [[nodiscard]] bool are_eight_printable() const {
        constexpr std::uint64_t k_each = 0x0101010101010101U;
        if (bytes_.size() - pos_ < 8) return false;
        std::uint64_t bytes = 0;
        std::memcpy(&bytes, bytes_.data() + pos_, 8);
        const std::uint64_t is_high = bytes | (bytes + k_each);           // 0x80 and above, or 0x7f
        const std::uint64_t is_low = (bytes - 0x20 * k_each) & ~bytes;    // below 0x20, if no byte is high
        return ((is_high | is_low) & (0x80 * k_each)) == 0;
    }

    bool step() {
        const auto byte = static_cast<unsigned char>(bytes_[pos_]);
        if (byte == '\n') return is_line_short() && next_line();
        if (byte == '\t') return advance(1);
        if (byte == '\r' && pos_ + 1 < bytes_.size() && bytes_[pos_ + 1] == '\n') return advance(1);
        if (byte >= 0x80) return multi_byte();
        return control(byte);
    }

    bool multi_byte() {
        const Utf8Character character = decode_utf8(bytes_.substr(pos_));
        if (character.is_valid) return advance(character.bytes);
        diagnostics_.error(std::string(code::bad_utf8), here(),
                           fmt::format("byte 0x{:02x} is not part of a UTF-8 character; the file must be UTF-8",
                                       static_cast<unsigned char>(bytes_[pos_])));
        return false;
    }

    bool control(unsigned char byte) {
        if (byte == 0) {
            diagnostics_.error(std::string(code::nul_byte), here(), "NUL byte; a configuration file is text",
                               "the file may be UTF-16, or damaged by an interrupted write");
            return false;
        }
        diagnostics_.error(std::string(code::control_byte), here(),
                           byte == '\r'
                               ? std::string("carriage return without line feed; lines end in LF or CR LF")
                               : fmt::format("control character 0x{:02x}; only tab and line ends are allowed", byte),
                           byte == '\r' ? "" : "in a string write it as an escape, such as \\u001b");
        return false;
    }

    bool is_line_short() {
        if (pos_ - line_start_ <= limits_.line_bytes) return true;
        diagnostics_.error(
            std::string(code::line_too_long), {file_.path, line_, 1, 1},
            fmt::format("the line is {} bytes long; the limit is {}", pos_ - line_start_, limits_.line_bytes),
            "a list may be written over several lines");
        return false;
    }

    bool advance(std::size_t count) {
        pos_ += count;
        return true;
    }

    bool next_line() {
        ++pos_;
        ++line_;
        line_start_ = pos_;
        return true;
    }

    Location here() const { return {file_.path, line_, static_cast<std::uint32_t>(pos_ - line_start_ + 1), 1}; }

    const SourceFile& file_;
    std::string_view bytes_;
    const Limits& limits_;
    Diagnostics& diagnostics_;
    std::size_t pos_ = 0;
    std::size_t line_start_ = 0;
    std::uint32_t line_ = 1;
};

/// Second pass: brackets, dots and chunk borders outside strings and comments. It agrees with TOML on where
/// strings and comments end as long as the text is valid; behind the first mistake toml++ reads no further.
class StructureScan {
public:
    StructureScan(const SourceFile& file, const Limits& limits, Diagnostics& diagnostics)
        : file_(file), bytes_(file.bytes), limits_(limits), diagnostics_(diagnostics) {
        if (bytes_.starts_with(k_utf8_mark)) pos_ = k_utf8_mark.size();
        chunk_ = {pos_, 0, 1, static_cast<std::uint32_t>(pos_), true};
    }

    std::vector<Chunk> run() {
        while (pos_ < bytes_.size())
            if (!step()) return {};
        close_chunk(pos_);
        return std::move(chunks_);
    }

private:
    bool step() {
        const char byte = bytes_[pos_];
        if (!k_is_separator[static_cast<unsigned char>(byte)]) return step_word(byte);
        word_bytes_ = 0;
        switch (byte) {
            case '\n':
                next_line();
                return true;
            case ' ':
            case '\t':
            case '\r':
                ++pos_;
                return true;  // a line is still blank after these
            case '[':
                if (is_chunk_header()) start_chunk();
                return open_bracket();
            case '{':
                return open_bracket();
            case ']':
            case '}':
                close_bracket();
                break;
            case '=':
            case ',':
                end_key();
                break;
            case '#':
                skip_comment();
                break;
            default:
                is_line_blank_ = false;
                return skip_string(byte);
        }
        is_line_blank_ = false;
        return true;
    }

    /// A byte of a key, number, date or the like, or the dot between the segments of a key.
    bool step_word(char byte) {
        is_line_blank_ = false;
        if (static_cast<unsigned char>(byte) >= 0x80) return report_not_ascii("outside quotes and comments");
        if (byte == '.' && ++dots_ >= limits_.key_segments) {
            diagnostics_.error(std::string(code::key_too_long), at(pos_),
                               fmt::format("a dotted key has more than {} segments", limits_.key_segments));
            return false;
        }
        if (byte == '.' && ++chunk_.dots > limits_.document_dots) {
            diagnostics_.error(
                std::string(code::too_many_dots), at(pos_),
                fmt::format("more than {} dotted keys without a [[table]] header between", limits_.document_dots),
                "write each rule under its own [[rule]]");
            return false;
        }
        if (++word_bytes_ > k_word_bytes) {
            diagnostics_.error(std::string(code::word_too_long), at(pos_ - k_word_bytes),
                               fmt::format("a word without quotes is longer than {} bytes", k_word_bytes));
            return false;
        }
        note_byte();
        while (pos_ < bytes_.size() && word_bytes_ < k_word_bytes &&
               k_is_word_byte[static_cast<unsigned char>(bytes_[pos_])]) {
            ++pos_;
            ++word_bytes_;
        }
        return true;
    }

    void end_key() {
        ++pos_;
        dots_ = 0;
    }

    void next_line() {
        ++pos_;
        ++line_;
        line_start_ = pos_;
        dots_ = 0;
        is_line_blank_ = true;
    }

    void skip_comment() {
        while (pos_ < bytes_.size() && bytes_[pos_] != '\n') note_byte();
    }

    bool skip_string(char quote) {
        const char triple[] = {quote, quote, quote};
        if (bytes_.substr(pos_).starts_with(std::string_view(triple, 3))) return skip_multi_line_string(quote);
        ++pos_;
        while (pos_ < bytes_.size() && bytes_[pos_] != '\n') {
            const char byte = bytes_[pos_];
            if (byte == '.' || k_is_word_byte[static_cast<unsigned char>(byte)]) {
                ++pos_;
                continue;
            }
            note_byte();
            if (byte == quote) return true;
            if (byte == '\\' && quote == '"') skip_escaped();
        }
        return true;
    }

    bool skip_multi_line_string(char quote) {
        pos_ += 3;
        std::size_t run = 0;  // quotes in a row; a third one ends the string, two more may belong to its text
        while (pos_ < bytes_.size() && run < 5) {
            const char byte = bytes_[pos_];
            if (byte != quote && run >= 3) return true;
            run = byte == quote ? run + 1 : 0;
            if (byte == '\\' && quote == '"') {
                if (!skip_continuation()) return false;
            } else if (byte == '\n') {
                next_line();
            } else {
                note_byte();
            }
        }
        return true;
    }

    /// A backslash in a multi-line string: an escaped byte, or blanks and line ends that do not count. toml++ has
    /// undefined behaviour when a character outside ASCII follows either.
    bool skip_continuation() {
        ++pos_;
        const std::size_t start = pos_;
        while (pos_ < bytes_.size() && std::string_view(" \t\r\n").find(bytes_[pos_]) != std::string_view::npos) {
            if (bytes_[pos_] == '\n')
                next_line();
            else
                ++pos_;
        }
        if (pos_ < bytes_.size() && static_cast<unsigned char>(bytes_[pos_]) >= 0x80)
            return report_not_ascii("behind a backslash");
        if (pos_ == start) skip_escaped();
        return true;
    }

    bool report_not_ascii(std::string_view where) {
        diagnostics_.error(std::string(code::not_ascii), at(pos_),
                           fmt::format("a character outside ASCII cannot stand {}", where),
                           "texts are written in quotes");
        return false;
    }

    /// The byte behind a backslash never ends a string; a line end there is left to the loop, which counts lines.
    void skip_escaped() {
        if (pos_ < bytes_.size() && bytes_[pos_] != '\n') note_byte();
    }

    void note_byte() {
        if (static_cast<unsigned char>(bytes_[pos_]) >= 0x80) chunk_.is_ascii = false;
        ++pos_;
    }

    bool open_bracket() {
        ++pos_;
        dots_ = 0;
        is_line_blank_ = false;
        if (++depth_ <= limits_.nesting) return true;
        diagnostics_.error(std::string(code::nested_too_deep), at(pos_ - 1),
                           fmt::format("nested {} deep; at most {} levels are allowed", depth_, limits_.nesting));
        return false;
    }

    void close_bracket() {
        ++pos_;
        dots_ = 0;
        if (depth_ > 0) --depth_;
    }

    /// `[[name]]` as the first thing of a line. Inside an open bracket this cannot be a value (it is no literal), so a
    /// bracket was forgotten above: starting anew there confines the damage to one chunk.
    bool is_chunk_header() const {
        if (!is_line_blank_ || !bytes_.substr(pos_).starts_with("[[")) return false;
        const std::size_t end = bytes_.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", pos_ + 2);
        if (end == std::string_view::npos || end == pos_ + 2 || !bytes_.substr(end).starts_with("]]")) return false;
        const std::string_view name = bytes_.substr(pos_ + 2, end - pos_ - 2);
        return name != "true" && name != "false" && name != "inf" && name != "nan";
    }

    void start_chunk() {
        if (line_start_ > chunk_.offset) {
            close_chunk(line_start_);
            chunk_ = {line_start_, 0, line_, 0, true};
        }
        depth_ = 0;
    }

    void close_chunk(std::size_t end) {
        chunk_.length = end - chunk_.offset;
        chunks_.push_back(chunk_);
    }

    Location at(std::size_t pos) const {
        return {file_.path, line_, static_cast<std::uint32_t>(pos - line_start_ + 1), 1};
    }

    const SourceFile& file_;
    std::string_view bytes_;
    const Limits& limits_;
    Diagnostics& diagnostics_;
    std::vector<Chunk> chunks_;
    Chunk chunk_;
    std::size_t pos_ = 0;
    std::size_t line_start_ = 0;
    std::uint32_t line_ = 1;
    std::size_t depth_ = 0;
    std::size_t dots_ = 0;
    std::size_t word_bytes_ = 0;
    bool is_line_blank_ = true;
};

}  // namespace

bool check_text(const SourceFile& file, const Limits& limits, Diagnostics& diagnostics) {
    if (file.bytes.size() > limits.file_bytes) {
        diagnostics.error(
            std::string(code::file_too_large), {file.path, 0, 0, 1},
            fmt::format("the file is {} bytes long; the limit is {}", file.bytes.size(), limits.file_bytes));
        return false;
    }
    return ByteCheck(file, limits, diagnostics).run();
}

std::vector<Chunk> prescan(const SourceFile& file, const Limits& limits, Diagnostics& diagnostics) {
    if (!check_text(file, limits, diagnostics)) return {};
    return StructureScan(file, limits, diagnostics).run();
}

}  // namespace rudder
