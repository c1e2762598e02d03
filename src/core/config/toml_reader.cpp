// SPDX-License-Identifier: Apache-2.0
#include "core/config/toml_reader.hpp"

#include "core/config/codes.hpp"
#include "core/config/text.hpp"

// The packaged library is built with exceptions. Some malformed input, such as `a = [1, }`, trips assertions of
// toml++ 3.3 before it is reported as an error, and with NDEBUG they turn into assumptions: neither may be.
#undef NDEBUG
#define TOML_ASSERT(expr) static_cast<void>(0)
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace rudder {
namespace {

/// Turns positions of toml++ (line of the chunk, column in code points) into spans of the file (column in bytes).
class PositionMap {
public:
    PositionMap(const SourceFile& file, const Chunk& chunk)
        : text_(std::string_view(file.bytes).substr(chunk.offset, chunk.length)), chunk_(chunk) {}

    [[nodiscard]] std::string_view text() const { return text_; }

    Span span(const toml::source_region& region) {
        Span span = begin(region.begin);
        if (region.begin.line == region.end.line && region.end.column > region.begin.column)
            span.length = begin(region.end).column - span.column;
        else if (region.end.line > region.begin.line)
            span.length = std::max(1U, line_end(region.begin.line) - (span.column - 1));
        return span;
    }

    /// The place of a syntax error: at most one byte behind the end of its line.
    Span error_span(const toml::source_position& position) {
        Span span = begin(position);
        span.column = std::min(span.column, line_end(position.line) + 1);
        return span;
    }

    /// The line (without its end) at a chunk-relative number, as bytes.
    std::string_view line_text(std::uint32_t line) {
        const std::size_t start = line_start(line);
        const std::size_t end = text_.find('\n', start);
        std::string_view result = text_.substr(start, end == std::string_view::npos ? end : end - start);
        if (result.ends_with('\r')) result.remove_suffix(1);
        return result;
    }

private:
    Span begin(const toml::source_position& position) {
        const std::uint32_t shift = position.line == 1 ? chunk_.column_shift : 0;
        const std::uint32_t column = chunk_.is_ascii ? position.column : byte_column(position);
        return {position.line + chunk_.first_line - 1, column + shift, 1};
    }

    std::uint32_t byte_column(const toml::source_position& position) {
        const std::string_view line = text_.substr(line_start(position.line));
        std::uint32_t code_points = 1;
        std::size_t byte = 0;
        while (byte < line.size() && code_points < position.column) {
            ++byte;
            while (byte < line.size() && (static_cast<unsigned char>(line[byte]) & 0xc0U) == 0x80U) ++byte;
            ++code_points;
        }
        return static_cast<std::uint32_t>(byte + 1) + (position.column - code_points);
    }

    std::uint32_t line_end(std::uint32_t line) {
        const std::uint32_t shift = line == 1 ? chunk_.column_shift : 0;
        return static_cast<std::uint32_t>(line_text(line).size()) + shift;
    }

    std::size_t line_start(std::uint32_t line) {
        if (starts_.empty()) {
            starts_.push_back(0);
            for (std::size_t pos = text_.find('\n'); pos != std::string_view::npos; pos = text_.find('\n', pos + 1))
                starts_.push_back(pos + 1);
        }
        return line - 1 < starts_.size() ? starts_[line - 1] : text_.size();
    }

    std::string_view text_;
    const Chunk& chunk_;
    std::vector<std::size_t> starts_;
};

ConfigTable convert_table(const toml::table& table, PositionMap& positions);

ConfigValue convert(const toml::node& node, PositionMap& positions) {
    ConfigValue value;
    value.span = positions.span(node.source());
    if (const auto* text = node.as_string())
        value.data = text->get();
    else if (const auto* integer = node.as_integer())
        value.data = integer->get();
    else if (const auto* number = node.as_floating_point())
        value.data = number->get();
    else if (const auto* boolean = node.as_boolean())
        value.data = boolean->get();
    else if (const auto* table = node.as_table())
        value.data = convert_table(*table, positions);
    else if (const auto* array = node.as_array()) {
        auto& items = value.data.emplace<std::vector<ConfigValue>>();
        items.reserve(array->size());
        for (const toml::node& item : *array) items.push_back(convert(item, positions));
    } else
        value.data = ConfigDateTime{};
    return value;
}

ConfigTable convert_table(const toml::table& table, PositionMap& positions) {
    ConfigTable entries;
    entries.reserve(table.size());
    for (const auto& [key, node] : table)
        entries.push_back({std::string(key.str()), positions.span(key.source()), convert(node, positions)});
    return entries;
}

/// toml++ points behind the `=` of a key that is there twice; this is the place of the key itself.
Span place_of_repeated_key(std::string_view description, const toml::source_position& position, PositionMap& positions,
                           Span fallback) {
    const std::size_t open = description.find('\'');
    const std::size_t close = description.rfind('\'');
    if (open == std::string_view::npos || close <= open + 1) return fallback;
    const std::string_view key = description.substr(open + 1, close - open - 1);
    const std::string_view line = positions.line_text(position.line);
    if (line.substr(0, 1) == "[") fallback.length = static_cast<std::uint32_t>(line.size());
    const std::size_t found = line.substr(0, fallback.column - 1).rfind(key);
    if (found == std::string_view::npos) return fallback;
    return {fallback.line, static_cast<std::uint32_t>(found + 1), static_cast<std::uint32_t>(key.size())};
}

struct SyntaxMistake {
    std::string_view code;
    std::string_view help;
};

/// Sorts toml++'s descriptions into codes of ours.
SyntaxMistake classify(std::string_view description) {
    const auto says = [&](std::string_view words) { return description.find(words) != std::string_view::npos; };
    if (says("cannot redefine")) return {code::defined_twice, "keep one of the two definitions"};
    if (says("not representable in 64 bits")) return {code::number_too_large, {}};
    if (says("could not determine value type")) return {code::syntax, "a text is written in quotes, a list in [ ]"};
    if (says("unescaped control characters"))
        return {code::syntax, "a text ends on the line where it starts: is its closing quote missing?"};
    if (says("end-of-file")) return {code::syntax, "a quote or bracket is not closed before the next [[table]]"};
    return {code::syntax, {}};
}

void report_syntax_error(const SourceFile& file, const toml::parse_error& error, PositionMap& positions,
                         Diagnostics& diagnostics) {
    constexpr std::string_view k_prefix = "Error while parsing ";
    std::string_view description = error.description();
    if (description.starts_with(k_prefix)) description.remove_prefix(k_prefix.size());
    const SyntaxMistake mistake = classify(description);
    Span span = positions.error_span(error.source().begin);
    if (mistake.code == code::defined_twice)
        span = place_of_repeated_key(description, error.source().begin, positions, span);
    diagnostics.error(std::string(mistake.code), {file.path, span.line, span.column, span.length},
                      "TOML: " + printable(description), std::string(mistake.help));
}

}  // namespace

bool read_toml(const SourceFile& file, const Chunk& chunk, ConfigTable& root, Diagnostics& diagnostics) {
    PositionMap positions(file, chunk);
    const toml::parse_result result = toml::parse(positions.text());
    if (!result) {
        report_syntax_error(file, result.error(), positions, diagnostics);
        return false;
    }
    ConfigTable entries = convert_table(result.table(), positions);
    std::move(entries.begin(), entries.end(), std::back_inserter(root));
    return true;
}

}  // namespace rudder
