// SPDX-License-Identifier: Apache-2.0
#include "core/config/list_file.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace rudder {
namespace {

constexpr std::string_view k_blanks = " \t\r";
constexpr std::string_view k_utf8_mark = "\xef\xbb\xbf";

std::string_view name_of(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

ConfigValue entry_of(std::string_view text, const Span& span) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size()) return {span, number};
    return {span, std::string(text)};
}

}  // namespace

bool is_list_file(std::string_view path) {
    return path.ends_with(k_list_suffix);
}

ListLines::ListLines(std::string_view bytes)
    : left_(bytes), hidden_(bytes.starts_with(k_utf8_mark) ? static_cast<std::uint32_t>(k_utf8_mark.size()) : 0) {
    left_.remove_prefix(hidden_);
}

std::string_view ListLines::take_line() {
    const std::size_t end = std::min(left_.find('\n'), left_.size());
    const std::string_view line = left_.substr(0, end);
    left_.remove_prefix(std::min(end + 1, left_.size()));
    ++number_;
    return line.substr(0, line.find('#'));
}

std::optional<ConfigValue> ListLines::next() {
    while (!left_.empty()) {
        const std::string_view line = take_line();
        const std::size_t first = line.find_first_not_of(k_blanks);
        if (first == std::string_view::npos) continue;
        const std::string_view text = line.substr(first, line.find_last_not_of(k_blanks) + 1 - first);
        const auto column = static_cast<std::uint32_t>(first + 1 + (number_ == 1 ? hidden_ : 0));
        return entry_of(text, {number_, column, static_cast<std::uint32_t>(text.size())});
    }
    return std::nullopt;
}

void ListFiles::add(const SourceFile& file, bool is_text) {
    const bool is_new = files_.try_emplace(std::string(name_of(file.path)), ListFile{&file, is_text, {}}).second;
    if (!is_new) others_.push_back(file.path);
}

ListFile* ListFiles::find(std::string_view name) {
    const auto found = files_.find(name);
    return found == files_.end() ? nullptr : &found->second;
}

std::vector<std::string_view> ListFiles::names() const {
    std::vector<std::string_view> names;
    for (const auto& [name, entry] : files_) names.push_back(name);
    return names;
}

std::vector<std::string> ListFiles::unused() const {
    std::vector<std::string> paths;
    for (const auto& [name, entry] : files_)
        if (!entry.taken) paths.push_back(entry.file->path);
    paths.insert(paths.end(), others_.begin(), others_.end());
    return paths;
}

}  // namespace rudder
