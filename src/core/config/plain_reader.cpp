// SPDX-License-Identifier: Apache-2.0
#include "core/config/plain_reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rudder {
namespace {

/// Keys of a table are searched one by one; tables with more are not plain.
constexpr std::size_t k_most_keys = 64;
constexpr std::size_t k_usual_entries = 8;  ///< of a table: saves it from growing
/// A number of so many digits fits 64 bits.
constexpr std::size_t k_most_digits = 18;

constexpr auto k_is_key_byte = [] {
    std::array<bool, 256> table{};
    for (const char byte : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"))
        table[static_cast<unsigned char>(byte)] = true;
    return table;
}();

bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

/// Each reading function returns false (or nothing) where the text is not plain; the whole chunk is given up then.
class PlainReader {
public:
    PlainReader(std::string_view text, const Chunk& chunk) : text_(text), line_(chunk.first_line) {}

    bool run() {
        while (skip_blank_lines()) {
            if (peek() == '[' ? !read_header() : !read_entry()) return false;
            if (!end_line()) return false;
        }
        return true;
    }

    ConfigTable take() { return std::move(root_); }

private:
    // ---- places ----

    struct Mark {
        std::size_t pos = 0;
        std::size_t line_start = 0;
        std::uint32_t line = 0;
    };

    [[nodiscard]] Mark mark() const { return {pos_, line_start_, line_}; }

    /// From the mark to here; to the end of its line if it ends on another one.
    [[nodiscard]] Span span_from(const Mark& start) const {
        std::size_t end = pos_;
        if (start.line != line_) {
            end = text_.find('\n', start.pos);
            if (text_[end - 1] == '\r') --end;
        }
        const auto column = static_cast<std::uint32_t>(start.pos - start.line_start + 1);
        return {start.line, column, static_cast<std::uint32_t>(end - start.pos)};
    }

    // ---- bytes ----

    [[nodiscard]] char peek() const { return pos_ < text_.size() ? text_[pos_] : '\n'; }

    bool take(char byte) {
        if (peek() != byte || pos_ == text_.size()) return false;
        ++pos_;
        return true;
    }

    void skip_blanks() {
        while (peek() == ' ' || peek() == '\t') ++pos_;
    }

    void skip_comment() {
        if (peek() == '#') pos_ = std::min(text_.find('\n', pos_), text_.size());
    }

    /// What may follow the entry or header of a line.
    bool end_line() {
        skip_blanks();
        skip_comment();
        if (peek() == '\r') ++pos_;  // prescan saw the line feed behind it
        return peek() == '\n';
    }

    void next_line() {
        ++pos_;
        ++line_;
        line_start_ = pos_;
    }

    /// To the first byte that means something; false at the end of the text.
    bool skip_blank_lines() {
        while (end_line() && pos_ < text_.size()) next_line();
        return pos_ < text_.size();
    }

    // ---- headers ----

    struct Segment {
        std::string_view key;
        Span span;
        std::string_view path;  ///< up to and with this key
    };

    bool read_header() {
        const Mark start = mark();
        ++pos_;
        const bool is_list = take('[');
        const std::size_t path_start = pos_;
        std::vector<Segment> segments;
        do {
            const Mark key_start = mark();
            const std::string_view key = read_key();
            if (key.empty()) return false;
            segments.push_back({key, span_from(key_start), text_.substr(path_start, pos_ - path_start)});
        } while (take('.'));
        if (!take(']') || (is_list && !take(']'))) return false;
        const Span span = span_from(start);
        ConfigTable* table = &root_;
        for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
            table = step_into(*table, segments[i], span);
            if (table == nullptr) return false;
        }
        table_ = is_list ? append_table(*table, segments.back(), span) : add_table(*table, segments.back(), span);
        return table_ != nullptr;
    }

    /// A table that headers of this chunk have made, or make by this; of a list, its last one. Null: not plain.
    ConfigTable* step_into(ConfigTable& parent, const Segment& segment, const Span& header) {
        ConfigEntry* entry = find(parent, segment.key);
        if (entry == nullptr) return add_table(parent, segment, header);
        if (!is_made_by_header(segment)) return nullptr;
        auto* items = std::get_if<std::vector<ConfigValue>>(&entry->value.data);
        return std::get_if<ConfigTable>(items == nullptr ? &entry->value.data : &items->back().data);
    }

    /// A new table. Null: not plain.
    ConfigTable* add_table(ConfigTable& parent, const Segment& segment, const Span& header) {
        ConfigValue* value = add_value(parent, segment, header);
        return value == nullptr ? nullptr : &value->data.emplace<ConfigTable>();
    }

    /// A new table of a list of tables. Null: not plain.
    ConfigTable* append_table(ConfigTable& parent, const Segment& segment, const Span& header) {
        ConfigEntry* entry = find(parent, segment.key);
        ConfigValue* list = entry == nullptr ? add_value(parent, segment, header) : &entry->value;
        if (list == nullptr || !is_made_by_header(segment)) return nullptr;
        if (entry == nullptr) list->data.emplace<std::vector<ConfigValue>>();
        auto* items = std::get_if<std::vector<ConfigValue>>(&list->data);
        if (items == nullptr) return nullptr;
        // What headers have made in the table before is not in the new one.
        std::erase_if(made_by_header_, [&](std::string_view path) {
            return path.size() > segment.path.size() && path.starts_with(segment.path) &&
                   path[segment.path.size()] == '.';
        });
        ConfigValue& item = items->emplace_back();
        item.span = header;
        return &item.data.emplace<ConfigTable>();
    }

    ConfigValue* add_value(ConfigTable& parent, const Segment& segment, const Span& header) {
        if (parent.size() == k_most_keys || find(parent, segment.key) != nullptr) return nullptr;
        parent.push_back({std::string(segment.key), segment.span, {header, {}}});
        made_by_header_.push_back(segment.path);
        return &parent.back().value;
    }

    [[nodiscard]] bool is_made_by_header(const Segment& segment) const {
        return std::find(made_by_header_.begin(), made_by_header_.end(), segment.path) != made_by_header_.end();
    }

    // ---- entries and values ----

    bool read_entry() { return table_ != nullptr && read_entry_of(*table_); }

    bool read_entry_of(ConfigTable& table) {
        const Mark start = mark();
        const std::string_view key = read_key();
        if (key.empty() || table.size() == k_most_keys || find(table, key) != nullptr) return false;
        const Span key_span = span_from(start);
        skip_blanks();
        if (!take('=')) return false;
        skip_blanks();
        if (table.empty()) table.reserve(k_usual_entries);
        ConfigEntry& entry = table.emplace_back();
        entry.key = key;
        entry.key_span = key_span;
        return read_value(entry.value);
    }

    std::string_view read_key() {
        const std::size_t start = pos_;
        while (pos_ < text_.size() && k_is_key_byte[static_cast<unsigned char>(text_[pos_])]) ++pos_;
        return text_.substr(start, pos_ - start);
    }

    static ConfigEntry* find(ConfigTable& table, std::string_view key) {
        const auto found =
            std::find_if(table.begin(), table.end(), [&](const ConfigEntry& entry) { return entry.key == key; });
        return found == table.end() ? nullptr : &*found;
    }

    bool read_value(ConfigValue& value) {
        const Mark start = mark();
        if (!read_data(value)) return false;
        value.span = span_from(start);
        return true;
    }

    bool read_data(ConfigValue& value) {
        switch (peek()) {
            case '"':
            case '\'':
                return read_string(value);
            case '[':
                return read_list(value);
            case '{':
                return read_inline_table(value);
            case 't':
            case 'f':
                return read_boolean(value);
            default:
                return read_integer(value);
        }
    }

    bool read_string(ConfigValue& value) {
        const char quote = text_[pos_++];
        const std::size_t start = pos_;
        while (pos_ < text_.size() && text_[pos_] != quote) {
            const auto byte = static_cast<unsigned char>(text_[pos_]);
            if (byte == '\n' || byte == '\r' || byte >= 0x80 || (byte == '\\' && quote == '"')) return false;
            ++pos_;
        }
        value.data.emplace<std::string>(text_.substr(start, pos_ - start));
        return take(quote) && peek() != quote;  // another one: a text of several lines
    }

    bool read_boolean(ConfigValue& value) {
        const std::string_view word = read_key();
        if (word != "true" && word != "false") return false;
        value.data = word == "true";
        return is_at_end_of_scalar();
    }

    bool read_integer(ConfigValue& value) {
        const std::size_t start = pos_;
        if (peek() == '-') ++pos_;
        const std::size_t digits = pos_;
        while (is_digit(peek())) ++pos_;
        const std::size_t count = pos_ - digits;
        const bool is_plain_zero = count == 1 && digits == start;
        if (count == 0 || count > k_most_digits || (text_[digits] == '0' && !is_plain_zero)) return false;
        std::int64_t number = 0;
        std::from_chars(text_.data() + start, text_.data() + pos_, number);
        value.data = number;
        return is_at_end_of_scalar();
    }

    [[nodiscard]] bool is_at_end_of_scalar() const {
        return std::string_view(" \t\r\n,]}#").find(peek()) != std::string_view::npos;
    }

    bool read_list(ConfigValue& value) {
        ++pos_;
        auto& items = value.data.emplace<std::vector<ConfigValue>>();
        for (;;) {
            if (!skip_blank_lines()) return false;
            if (take(']')) return true;
            if (!read_value(items.emplace_back()) || !skip_blank_lines()) return false;
            if (!take(',')) return take(']');
        }
    }

    bool read_inline_table(ConfigValue& value) {
        ++pos_;
        auto& entries = value.data.emplace<ConfigTable>();
        skip_blanks();
        if (take('}')) return true;
        for (;;) {
            skip_blanks();
            if (!read_entry_of(entries)) return false;
            skip_blanks();
            if (!take(',')) return take('}');
        }
    }

    std::string_view text_;
    std::size_t pos_ = 0;
    std::size_t line_start_ = 0;
    std::uint32_t line_;
    ConfigTable root_;
    ConfigTable* table_ = nullptr;                  ///< of the header above
    std::vector<std::string_view> made_by_header_;  ///< paths
};

}  // namespace

bool read_plain(const SourceFile& file, const Chunk& chunk, ConfigTable& root) {
    if (chunk.column_shift != 0) return false;
    PlainReader reader(std::string_view(file.bytes).substr(chunk.offset, chunk.length), chunk);
    if (!reader.run()) return false;
    if (root.empty()) {
        root = reader.take();
        return true;
    }
    for (ConfigEntry& entry : reader.take()) root.push_back(std::move(entry));
    return true;
}

}  // namespace rudder
