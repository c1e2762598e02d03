// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/diagnostic.hpp"
#include "core/config/schema.hpp"
#include "core/config/syntax.hpp"
#include "core/config/warnings.hpp"

#include <cstddef>
#include <string>
#include <string_view>

/// Checks that need only the key table: keys exist and belong there, values have the right TOML type and range.
namespace rudder {

/// Reading one table or list stops after that many mistakes, so that junk of many megabytes stays cheap.
inline constexpr std::size_t k_mistakes_per_table = 100;

/// The file that is being read and where its findings go. *Ownership*: borrows all.
struct Reading {
    const std::string& path;
    Diagnostics& diagnostics;
    Warnings& warnings;

    [[nodiscard]] Location at(const Span& span) const { return {path, span.line, span.column, span.length}; }
    void error(std::string_view code, const Span& span, std::string text, std::string help = {}) const;
    void warning(std::string_view code, const Span& span, std::string text, std::string help = {}) const;
    void error_with_note(std::string_view code, const Span& span, std::string text, DiagnosticNote note,
                         std::string help = {}) const;
};

/// Reports unknown, unsupported and misplaced keys of a table and, at `header`, missing required ones.
/// `types` selects the rule type; `k_every_type` asks for none in particular.
void check_keys(const Reading& reading, TableBit table, std::uint8_t types, const ConfigTable& entries,
                const Span& header);

/// True if the value is a scalar fit for the row: right TOML type, integers in range. Else reports it.
[[nodiscard]] bool check_scalar(const Reading& reading, const KeySpec& spec, const ConfigValue& value);

/// The table behind a key, null (and reported) if it is something else.
[[nodiscard]] const ConfigTable* read_table(const Reading& reading, const ConfigEntry& entry);

/// Reports a value that is not one of the words of its row.
void report_word(const Reading& reading, const KeySpec& spec, const ConfigValue& value);

/// Calls `use(value)` for the value, or for each item of the list where the row allows one, that passes check_scalar.
/// An empty list is an error: it would read as "any". Returns false if anything was reported.
template <class Use>
bool for_each_scalar(const Reading& reading, const KeySpec& spec, const ConfigValue& value, Use use);

/// Reports an empty list.
void report_empty_list(const Reading& reading, const KeySpec& spec, const ConfigValue& value);

template <class Use>
bool for_each_scalar(const Reading& reading, const KeySpec& spec, const ConfigValue& value, Use use) {
    const auto* items = spec.is_list_allowed ? value.as_list() : nullptr;
    if (items == nullptr) {
        if (!check_scalar(reading, spec, value)) return false;
        return use(value);
    }
    if (items->empty()) {
        report_empty_list(reading, spec, value);
        return false;
    }
    std::size_t mistakes = 0;
    for (const ConfigValue& item : *items) {
        if (!check_scalar(reading, spec, item) || !use(item)) ++mistakes;
        if (mistakes == k_mistakes_per_table) break;
    }
    return mistakes == 0;
}

}  // namespace rudder
