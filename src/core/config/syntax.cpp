// SPDX-License-Identifier: Apache-2.0
#include "core/config/syntax.hpp"

#include "core/config/plain_reader.hpp"
#include "core/config/prescan.hpp"
#include "core/config/toml_reader.hpp"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace rudder {
namespace {

/// Files up to this size are parsed again as one document when their tables are spread over several chunks.
constexpr std::size_t k_whole_parse_bytes = std::size_t{1} << 20;

constexpr std::string_view k_rules = "rule";

bool is_list_of_tables(const ConfigValue& value) {
    const auto* items = value.as_list();
    return items != nullptr && !items->empty() &&
           std::all_of(items->begin(), items->end(),
                       [](const ConfigValue& item) { return item.as_table() != nullptr; });
}

bool is_rules(const ConfigTable& entries) {
    return entries.size() == 1 && entries.front().key == k_rules && is_list_of_tables(entries.front().value);
}

/// True if the parts mean the same together as apart: each top-level key is there once, or only as `[[key]]`.
bool are_parts_independent(const std::vector<ConfigPart>& parts) {
    std::map<std::string_view, bool> is_list;
    const auto is_fit = [&](std::string_view key, bool is_this_list) {
        const auto [earlier, is_new] = is_list.emplace(key, is_this_list);
        return is_new || (is_this_list && earlier->second);
    };
    return std::all_of(parts.begin(), parts.end(), [&](const ConfigPart& part) {
        const auto* entries = std::get_if<ConfigTable>(&part);
        if (entries == nullptr) return is_fit(k_rules, true);
        return std::all_of(entries->begin(), entries->end(),
                           [&](const ConfigEntry& entry) { return is_fit(entry.key, is_list_of_tables(entry.value)); });
    });
}

bool starts_with_rule(const SourceFile& file, const Chunk& chunk) {
    return std::string_view(file.bytes).substr(chunk.offset).starts_with("[[rule]]");
}

/// Adds what the chunk holds; false after a mistake in it. Nearly all chunks are plain; toml++ takes ten times as long.
bool parse_chunk(const Chunk& chunk, ConfigFile& result, Diagnostics& diagnostics) {
    ConfigTable entries;
    const bool is_plain = read_plain(*result.source, chunk, entries);
    if (is_plain && is_rules(entries)) {
        result.parts.emplace_back(chunk);
        return true;
    }
    const bool is_read = is_plain || read_toml(*result.source, chunk, entries, diagnostics);
    result.parts.emplace_back(std::move(entries));
    return is_read;
}

/// True if the file can be parsed as one document in reasonable time: toml++ searches its dotted keys linearly.
bool is_small(const SourceFile& file, const std::vector<Chunk>& chunks, const Limits& limits) {
    std::size_t dots = 0;
    for (const Chunk& chunk : chunks) dots += chunk.dots;
    return file.bytes.size() <= k_whole_parse_bytes && dots <= limits.document_dots;
}

}  // namespace

const ConfigEntry* find_entry(const ConfigTable& table, std::string_view key) {
    // Most keys differ in length or at their first byte.
    const auto found = std::find_if(table.begin(), table.end(), [&](const ConfigEntry& entry) {
        return entry.key.size() == key.size() && entry.key.front() == key.front() && entry.key == key;
    });
    return found == table.end() ? nullptr : &*found;
}

std::string_view type_phrase(const ConfigValue& value) {
    constexpr std::string_view k_phrases[] = {
        "a string", "an integer", "a floating-point number", "a boolean", "a date or time", "a list", "a table"};
    return k_phrases[value.data.index()];
}

ConfigFile parse_syntax(const SourceFile& file, RuleChunks how, const Limits& limits, Diagnostics& diagnostics) {
    ConfigFile result{&file, {}, true};
    const std::vector<Chunk> chunks = prescan(file, limits, diagnostics);
    result.is_complete = !chunks.empty();
    result.parts.reserve(chunks.size());
    for (const Chunk& chunk : chunks) {
        if (diagnostics.error_count() >= limits.errors) return result;
        if (how == RuleChunks::unseen && starts_with_rule(file, chunk))
            result.parts.emplace_back(chunk);
        else if (!parse_chunk(chunk, result, diagnostics))
            result.is_complete = false;
    }
    if (result.is_complete && is_small(file, chunks, limits) && !are_parts_independent(result.parts)) {
        Chunk whole{chunks.front().offset, file.bytes.size() - chunks.front().offset, 1, chunks.front().column_shift,
                    false};
        result.parts.clear();
        result.is_complete = parse_chunk(whole, result, diagnostics);
    }
    return result;
}

std::optional<ConfigTable> rules_of(const SourceFile& file, const Chunk& chunk) {
    ConfigTable entries;
    Diagnostics ignored;
    const bool is_read = read_plain(file, chunk, entries) || read_toml(file, chunk, entries, ignored);
    if (!is_read || !is_rules(entries)) return std::nullopt;
    return entries;
}

}  // namespace rudder
