// SPDX-License-Identifier: Apache-2.0
#include "core/config/syntax.hpp"

#include "core/config/plain_reader.hpp"
#include "core/config/prescan.hpp"
#include "core/config/toml_reader.hpp"

#include <algorithm>
#include <map>
#include <vector>

namespace rudder {
namespace {

/// Files up to this size are parsed again as one document when their tables are spread over several chunks.
constexpr std::size_t k_whole_parse_bytes = std::size_t{1} << 20;

bool is_list_of_tables(const ConfigValue& value) {
    const auto* items = value.as_list();
    return items != nullptr && !items->empty() &&
           std::all_of(items->begin(), items->end(),
                       [](const ConfigValue& item) { return item.as_table() != nullptr; });
}

/// True if the chunks mean the same together as apart: each top-level key is there once, or only as `[[key]]`.
bool are_chunks_independent(const ConfigTable& root) {
    std::map<std::string_view, bool> is_list;
    for (const ConfigEntry& entry : root) {
        const bool is_this_list = is_list_of_tables(entry.value);
        const auto [earlier, is_new] = is_list.emplace(entry.key, is_this_list);
        if (!is_new && (!is_this_list || !earlier->second)) return false;
    }
    return true;
}

/// Nearly all chunks are plain; toml++ takes ten times as long.
bool parse_chunk(const SourceFile& file, const Chunk& chunk, ConfigTable& root, Diagnostics& diagnostics) {
    return read_plain(file, chunk, root) || read_toml(file, chunk, root, diagnostics);
}

/// True if the file can be parsed as one document in reasonable time: toml++ searches its dotted keys linearly.
bool is_small(const SourceFile& file, const std::vector<Chunk>& chunks, const Limits& limits) {
    std::size_t dots = 0;
    for (const Chunk& chunk : chunks) dots += chunk.dots;
    return file.bytes.size() <= k_whole_parse_bytes && dots <= limits.document_dots;
}

}  // namespace

const ConfigEntry* find_entry(const ConfigTable& table, std::string_view key) {
    const auto found =
        std::find_if(table.begin(), table.end(), [&](const ConfigEntry& entry) { return entry.key == key; });
    return found == table.end() ? nullptr : &*found;
}

std::string_view type_phrase(const ConfigValue& value) {
    constexpr std::string_view k_phrases[] = {
        "a string", "an integer", "a floating-point number", "a boolean", "a date or time", "a list", "a table"};
    return k_phrases[value.data.index()];
}

ConfigFile parse_syntax(const SourceFile& file, const Limits& limits, Diagnostics& diagnostics) {
    ConfigFile result{file.path, {}, true};
    const std::vector<Chunk> chunks = prescan(file, limits, diagnostics);
    result.is_complete = !chunks.empty();
    result.root.reserve(chunks.size());
    for (const Chunk& chunk : chunks) {
        if (diagnostics.error_count() >= limits.errors) return result;
        if (!parse_chunk(file, chunk, result.root, diagnostics)) result.is_complete = false;
    }
    if (result.is_complete && is_small(file, chunks, limits) && !are_chunks_independent(result.root)) {
        Chunk whole{chunks.front().offset, file.bytes.size() - chunks.front().offset, 1, chunks.front().column_shift,
                    false};
        result.root.clear();
        result.is_complete = parse_chunk(file, whole, result.root, diagnostics);
    }
    return result;
}

}  // namespace rudder
