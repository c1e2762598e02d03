// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/diagnostic.hpp"
#include "core/config/limits.hpp"
#include "core/config/prescan.hpp"
#include "core/config/source_file.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// TOML as plain values with their places: the only thing the rest of this room knows of the syntax.
namespace rudder {

/// *Units*: line and column count from 1, column and length in bytes.
struct Span {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::uint32_t length = 1;
};

struct ConfigEntry;

using ConfigTable = std::vector<ConfigEntry>;  ///< unique keys, in the order of their names

struct ConfigDateTime {};

struct ConfigValue {
    Span span;
    std::variant<std::string, std::int64_t, double, bool, ConfigDateTime, std::vector<ConfigValue>, ConfigTable> data;

    [[nodiscard]] const std::string* as_string() const { return std::get_if<std::string>(&data); }
    [[nodiscard]] const std::int64_t* as_integer() const { return std::get_if<std::int64_t>(&data); }
    [[nodiscard]] const bool* as_boolean() const { return std::get_if<bool>(&data); }
    [[nodiscard]] const std::vector<ConfigValue>* as_list() const {
        return std::get_if<std::vector<ConfigValue>>(&data);
    }
    [[nodiscard]] const ConfigTable* as_table() const { return std::get_if<ConfigTable>(&data); }
};

struct ConfigEntry {
    std::string key;
    Span key_span;
    ConfigValue value;
};

/// The value of `key`, which is not empty; null if there is none.
[[nodiscard]] const ConfigEntry* find_entry(const ConfigTable& table, std::string_view key);

/// "a string", "an integer", ... for messages.
[[nodiscard]] std::string_view type_phrase(const ConfigValue& value);

/// What one chunk of a file holds; `[[name]]` lists come in one part per chunk. Of a chunk of rules only its place is
/// kept (see rules_of): a tree takes ten times the memory of its text, and most of a set is rules.
using ConfigPart = std::variant<ConfigTable, Chunk>;

/// One parsed file. *Ownership*: borrows the source.
struct ConfigFile {
    const SourceFile* source = nullptr;
    std::vector<ConfigPart> parts;
    bool is_complete = true;  ///< false if a part of it could not be parsed
};

/// What is done with a chunk that starts with `[[rule]]` and of which only the place is to be kept.
enum class RuleChunks : std::uint8_t {
    unseen,  ///< nothing: rules_of will see whether it holds rules
    parsed,  ///< its mistakes are reported, and something else than rules is found
};

/// Pre-scan and parse. *Errors*: those of prescan, and the first syntax error of each chunk.
[[nodiscard]] ConfigFile parse_syntax(const SourceFile& file, RuleChunks how, const Limits& limits,
                                      Diagnostics& diagnostics);

/// The entries of a part of which only the place is kept: `rule`, a list of tables. None: the chunk holds something
/// else, perhaps a mistake.
[[nodiscard]] std::optional<ConfigTable> rules_of(const SourceFile& file, const Chunk& chunk);

}  // namespace rudder
