// SPDX-License-Identifier: Apache-2.0
#include "stat/table.hpp"

#include <libsmartcols/libsmartcols.h>

#include <cstdlib>
#include <new>

namespace rudder::stat {
namespace {

// In smartcols a width below 1 is a share of the terminal; 0 lets the content decide.
constexpr double k_width_by_content = 0;

int flags_of(Column column) {
    switch (column) {
        case Column::number:
            return SCOLS_FL_RIGHT;
        case Column::tree:
            return SCOLS_FL_TREE;
        case Column::wrapped:
            return SCOLS_FL_WRAP;
        case Column::text:
            break;
    }
    return 0;
}

const char* color_of(Tone tone) {
    switch (tone) {
        case Tone::good:
            return "green";
        case Tone::warning:
            return "yellow";
        case Tone::bad:
            return "red";
        case Tone::plain:
            break;
    }
    return nullptr;
}

/// smartcols fails only when memory is short.
template <class T>
T* allocated(T* pointer) {
    if (pointer == nullptr) throw std::bad_alloc();
    return pointer;
}

}  // namespace

void Table::Free::operator()(libscols_table* table) const {
    scols_unref_table(table);
}

Table::Table(const TableStyle& style, const std::vector<std::pair<const char*, Column>>& columns)
    : table_(allocated(scols_new_table())) {
    scols_table_enable_noheadings(table_.get(), style.has_legend ? 0 : 1);
    scols_table_enable_colors(table_.get(), style.has_color ? 1 : 0);
    // Cells are escaped already; a second pass would escape the escapes.
    scols_table_enable_noencoding(table_.get(), 1);
    for (const auto& [name, column] : columns) {
        allocated(scols_table_new_column(table_.get(), name, k_width_by_content, flags_of(column)));
    }
}

Table::Row Table::add(const std::vector<Cell>& cells, Row parent) {
    libscols_line* line = allocated(scols_table_new_line(table_.get(), parent));
    for (std::size_t i = 0; i < cells.size(); ++i) {
        scols_line_set_data(line, i, cells[i].text.c_str());
        const char* color = color_of(cells[i].tone);
        if (color != nullptr) scols_cell_set_color(scols_line_get_cell(line, i), color);
    }
    is_empty_ = false;
    return line;
}

std::string Table::to_text() const {
    if (is_empty_) return {};
    char* text = nullptr;
    if (scols_print_table_to_string(table_.get(), &text) != 0 || text == nullptr) return {};
    std::string out(text);
    std::free(text);
    return out;
}

}  // namespace rudder::stat
