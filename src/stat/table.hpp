// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

struct libscols_table;
struct libscols_line;

namespace rudder::stat {

enum class Tone : std::uint8_t { plain, good, warning, bad };

struct Cell {
    std::string text;
    Tone tone = Tone::plain;

    Cell(std::string value) : text(std::move(value)) {}
    Cell(const char* value) : text(value) {}
    Cell(std::string value, Tone its_tone) : text(std::move(value)), tone(its_tone) {}
};

enum class Column : std::uint8_t {
    text,
    number,  ///< aligned to the right
    tree,    ///< rows below a row are drawn as its branches
    wrapped  ///< may take several lines on a narrow terminal
};

struct TableStyle {
    bool has_legend = true;
    bool has_color = false;
};

/// Rows under headings, as wide as the terminal allows. Cells must be free of control bytes.
class Table {
public:
    using Row = libscols_line*;  ///< *Ownership*: the table's

    Table(const TableStyle& style, const std::vector<std::pair<const char*, Column>>& columns);

    Row add(const std::vector<Cell>& cells, Row parent = nullptr);
    /// Empty if there are no rows.
    [[nodiscard]] std::string to_text() const;

private:
    struct Free {
        void operator()(libscols_table* table) const;
    };
    std::unique_ptr<libscols_table, Free> table_;
    bool is_empty_ = true;
};

}  // namespace rudder::stat
