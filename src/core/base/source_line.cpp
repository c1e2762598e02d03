// SPDX-License-Identifier: Apache-2.0
#include "core/base/source_line.hpp"

#include "core/base/escape.hpp"

#include <algorithm>
#include <vector>

namespace rudder {
namespace {

constexpr std::size_t k_tab_stop = 4;
constexpr std::size_t k_shown_columns = 120;
// Of a long line: columns before the mark, so that the reader sees what led to it.
constexpr std::size_t k_columns_before = 40;
constexpr std::size_t k_longest_mark = 60;
constexpr std::string_view k_ellipsis = "...";
// Bytes around the mark that can matter for what is shown; the rest of a huge line is not even decoded.
constexpr std::size_t k_decoded_bytes = 4096;

/// One character as it will be shown.
struct Cell {
    std::size_t first_byte;
    std::size_t bytes;
    std::string text;
    std::size_t columns;
};

std::vector<Cell> cells_of(std::string_view line, std::size_t first_byte) {
    std::vector<Cell> cells;
    std::size_t column = 0;
    while (!line.empty()) {
        const Utf8Character character = decode_utf8(line);
        const std::string_view bytes = line.substr(0, character.bytes);
        Cell cell{first_byte, character.bytes, std::string(bytes), 0};
        if (bytes == "\t") {
            cell.text.assign(k_tab_stop - column % k_tab_stop, ' ');
            cell.columns = cell.text.size();
        } else if (!character.is_valid || is_control(character.code)) {
            cell.text = escape_control(bytes);
            cell.columns = cell.text.size();
        } else {
            cell.columns = display_width(character.code);
        }
        column += cell.columns;
        first_byte += character.bytes;
        line.remove_prefix(character.bytes);
        cells.push_back(std::move(cell));
    }
    return cells;
}

/// Cells from `begin` to `end` that hold the marked bytes; empty where the mark is past the end of the line.
struct Span {
    std::size_t begin;
    std::size_t end;
};

Span marked_cells(const std::vector<Cell>& cells, std::size_t first_byte, std::size_t bytes) {
    Span span{cells.size(), cells.size()};
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const bool is_marked =
            cells[i].first_byte + cells[i].bytes > first_byte && cells[i].first_byte < first_byte + bytes;
        if (!is_marked) continue;
        span.begin = std::min(span.begin, i);
        span.end = i + 1;
    }
    if (span.begin == cells.size()) span.end = cells.size();
    return span;
}

std::size_t columns_between(const std::vector<Cell>& cells, std::size_t begin, std::size_t end) {
    std::size_t columns = 0;
    for (std::size_t i = begin; i < end; ++i) columns += cells[i].columns;
    return columns;
}

/// The cells to show: all, or those around the mark.
Span window(const std::vector<Cell>& cells, std::size_t mark) {
    if (columns_between(cells, 0, cells.size()) <= k_shown_columns) return {0, cells.size()};
    Span span{mark, mark};
    std::size_t columns = 0;
    while (span.begin > 0 && columns + cells[span.begin - 1].columns <= k_columns_before) {
        columns += cells[--span.begin].columns;
    }
    while (span.end < cells.size() && columns + cells[span.end].columns <= k_shown_columns) {
        columns += cells[span.end++].columns;
    }
    return span;
}

}  // namespace

std::string_view line_of(std::string_view source, std::uint32_t line) {
    if (line == 0) return {};
    for (std::uint32_t current = 1; current < line; ++current) {
        const std::size_t end = source.find('\n');
        if (end == std::string_view::npos) return {};
        source.remove_prefix(end + 1);
    }
    std::string_view text = source.substr(0, source.find('\n'));
    if (text.ends_with('\r')) text.remove_suffix(1);
    return text;
}

SourceLine show_line(std::string_view line, std::uint32_t column, std::uint32_t length) {
    const std::size_t mark_byte = std::min<std::size_t>(column == 0 ? 0 : column - 1, line.size());
    std::size_t skipped = mark_byte > k_decoded_bytes ? mark_byte - k_decoded_bytes : 0;
    while (skipped > 0 && skipped < mark_byte && (static_cast<unsigned char>(line[skipped]) & 0xc0u) == 0x80u)
        ++skipped;
    const std::string_view decoded = line.substr(skipped, 2 * k_decoded_bytes);
    const std::vector<Cell> cells = cells_of(decoded, skipped);
    const Span mark = marked_cells(cells, mark_byte, std::max<std::uint32_t>(length, 1));
    const Span shown = window(cells, mark.begin);

    SourceLine out;
    if (shown.begin > 0 || skipped > 0) out.text = k_ellipsis;
    out.mark_column = out.text.size() + columns_between(cells, shown.begin, mark.begin);
    const std::size_t marked = columns_between(cells, mark.begin, std::min(mark.end, shown.end));
    out.mark_columns = std::clamp<std::size_t>(marked, 1, k_longest_mark);
    for (std::size_t i = shown.begin; i < shown.end; ++i) out.text += cells[i].text;
    if (shown.end < cells.size() || skipped + decoded.size() < line.size()) out.text += k_ellipsis;
    return out;
}

}  // namespace rudder
