// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/diagnostic.hpp"
#include "core/config/limits.hpp"
#include "core/config/source_file.hpp"

#include <cstdint>
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

/// The value of `key`, null if there is none.
[[nodiscard]] const ConfigEntry* find_entry(const ConfigTable& table, std::string_view key);

/// "a string", "an integer", ... for messages.
[[nodiscard]] std::string_view type_phrase(const ConfigValue& value);

/// One parsed file. `root` may hold a key several times: `[[name]]` lists come in one entry per chunk.
struct ConfigFile {
    std::string path;
    ConfigTable root;
    bool is_complete = true;  ///< false if a part of it could not be parsed
};

/// Pre-scan and parse. *Errors*: those of prescan, and the first syntax error of each chunk.
[[nodiscard]] ConfigFile parse_syntax(const SourceFile& file, const Limits& limits, Diagnostics& diagnostics);

}  // namespace rudder
