// SPDX-License-Identifier: Apache-2.0
#include "core/config/sets.hpp"

#include "core/config/codes.hpp"
#include "core/config/normalise.hpp"
#include "core/config/text.hpp"
#include "core/config/values.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace rudder {
namespace {

constexpr std::size_t k_suggested_sets = 1000;  // with more, looking for a similar name takes too long

std::string kind_of(const PrefixList&) {
    return "prefixes";
}
std::string kind_of(const PortList&) {
    return "ports";
}

template <class List>
void keep(List list, NamedSet& set) {
    normalise(list);
    set.content = std::move(list);
}

/// The entries of one list of a set; no content after an error.
template <class List, class Read>
void read_content(const Reading& reading, const KeySpec& spec, const ConfigValue& value, NamedSet& set, Read read) {
    List list;
    const bool is_ok = for_each_scalar(reading, spec, value, [&](const ConfigValue& item) {
        const auto entry = read(reading, spec, item);
        if (entry) list.push_back(*entry);
        return entry.has_value();
    });
    if (is_ok) keep(std::move(list), set);
}

/// The same for the entries of a list file, of which `first` is one.
template <class List, class Read>
void read_lines(const Reading& reading, const KeySpec& spec, std::optional<ConfigValue> first, ListLines lines,
                NamedSet& set, Read read) {
    List list;
    std::size_t mistakes = 0;
    for (std::optional<ConfigValue> item = std::move(first); item && mistakes < k_mistakes_per_table;
         item = lines.next()) {
        const auto entry = check_scalar(reading, spec, *item) ? read(reading, spec, *item) : std::nullopt;
        if (entry)
            list.push_back(*entry);
        else
            ++mistakes;
    }
    if (mistakes == 0) keep(std::move(list), set);
}

/// A range of ports, or one port.
bool is_port(const ConfigValue& entry) {
    const std::string* text = entry.as_string();
    return text == nullptr || text->find_first_not_of("0123456789-") == std::string::npos;
}

}  // namespace

ListFile* NamedSets::take_file(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    const std::string& name = *value.as_string();
    if (!is_list_file(name) || name.find('/') != std::string::npos) {
        reading.error(spec.code, value.span, fmt::format("{} is no name of a list file", quoted(name)));
        return nullptr;
    }
    ListFile* list = lists_.find(name);
    if (list == nullptr) {
        const std::string meant = did_you_mean(name, lists_.names());
        reading.error(code::no_list_file, value.span, fmt::format("there is no list file {}", quoted(name)),
                      meant.empty() ? "" : fmt::format("did you mean \"{}\"?", meant));
        return nullptr;
    }
    if (list->taken) {
        reading.error_with_note(code::duplicate_list_file, value.span,
                                fmt::format("the list file {} is named by two sets", quoted(name)),
                                {"first named here", *list->taken});
        return nullptr;
    }
    list->taken = reading.at(value.span);
    return list;
}

void NamedSets::read_file(const Reading& reading, const ConfigValue& value, NamedSet& set) {
    const KeySpec& spec = *find_key(k_set, "file");
    const ListFile* list = check_scalar(reading, spec, value) ? take_file(reading, spec, value) : nullptr;
    if (list == nullptr || !list->is_text) return;
    ListLines lines(list->file->bytes);
    std::optional<ConfigValue> first = lines.next();
    if (!first)
        return reading.error(code::empty_list_file, value.span,
                             fmt::format("the list file {} has no entries", quoted(*value.as_string())));
    const Reading inside{list->file->path, reading.diagnostics, reading.warnings};
    if (is_port(*first))
        read_lines<PortList>(inside, *find_key(k_set, "ports"), std::move(first), lines, set, read_ports);
    else
        read_lines<PrefixList>(inside, *find_key(k_set, "prefixes"), std::move(first), lines, set, read_prefix);
}

void NamedSets::read_contents(const Reading& reading, const ConfigTable& table, const Span& header, NamedSet& set) {
    const ConfigEntry* content = nullptr;
    for (const std::string_view key : {"prefixes", "ports", "file"}) {
        const ConfigEntry* entry = find_entry(table, key);
        if (entry != nullptr && content != nullptr)
            return reading.error(code::set_content, entry->key_span,
                                 fmt::format("a set holds either `{}` or `{}`, not both", content->key, key),
                                 "make two sets of it");
        if (entry != nullptr) content = entry;
    }
    if (content == nullptr)
        reading.error(code::set_content, header, "the set has neither `prefixes` nor `ports` nor `file`");
    else if (content->key == "prefixes")
        read_content<PrefixList>(reading, *find_key(k_set, "prefixes"), content->value, set, read_prefix);
    else if (content->key == "ports")
        read_content<PortList>(reading, *find_key(k_set, "ports"), content->value, set, read_ports);
    else
        read_file(reading, content->value, set);
}

void NamedSets::read(const Reading& reading, const ConfigValue& value) {
    const ConfigTable& table = *value.as_table();
    check_keys(reading, k_set, k_every_type, table, value.span);
    NamedSet set;
    read_contents(reading, table, value.span, set);
    const ConfigEntry* entry = find_entry(table, "name");
    const KeySpec& spec = *find_key(k_set, "name");
    if (entry == nullptr || !check_scalar(reading, spec, entry->value)) return mark_incomplete();
    const auto name = read_name(reading, spec, entry->value);
    if (!name) return mark_incomplete();
    set.where = reading.at(entry->value.span);
    const auto [first, is_new] = sets_.emplace(*name, std::move(set));
    if (!is_new)
        reading.error_with_note(
            code::duplicate_set, entry->value.span, fmt::format("the set `{}` is defined twice", *name),
            {"first defined here", first->second.where}, "sets are known in all files; rename one of them");
}

NamedSet* NamedSets::find(const Reading& reading, const Span& span, std::string_view reference) {
    const std::string_view name = reference.substr(1);
    const auto found = sets_.find(name);
    if (found != sets_.end()) return &found->second;
    if (!is_complete_) return nullptr;
    std::vector<std::string_view> known;
    if (sets_.size() <= k_suggested_sets)
        for (const auto& [other, set] : sets_) known.push_back(other);
    const std::string meant = did_you_mean(name, known);
    reading.error(code::unknown_set, span, fmt::format("there is no set {}", quoted(name)),
                  meant.empty() ? "define it with [[set]]" : fmt::format("did you mean \"@{}\"?", meant));
    return nullptr;
}

template <class List>
bool NamedSets::append_list(const Reading& reading, const Span& span, std::string_view reference, EntryBudget& budget,
                            List& list) {
    NamedSet* set = find(reading, span, reference);
    if (set == nullptr) return false;
    set->is_used = true;
    if (std::holds_alternative<std::monostate>(set->content)) return false;
    if (const List* entries = std::get_if<List>(&set->content)) {
        if (!budget.take(entries->size(), reading, span)) return false;
        list.insert(list.end(), entries->begin(), entries->end());
        return true;
    }
    reading.error_with_note(code::wrong_set, span,
                            fmt::format("the set {} does not hold {}", quoted(reference.substr(1)), kind_of(list)),
                            {"defined here", set->where});
    return false;
}

bool NamedSets::append(const Reading& reading, const Span& span, std::string_view reference, EntryBudget& budget,
                       PrefixList& list) {
    return append_list(reading, span, reference, budget, list);
}

bool NamedSets::append(const Reading& reading, const Span& span, std::string_view reference, EntryBudget& budget,
                       PortList& list) {
    return append_list(reading, span, reference, budget, list);
}

void NamedSets::warn_unused(Warnings& warnings) const {
    if (!is_complete_) return;
    for (const std::string& path : lists_.unused())
        warnings.add({Severity::warning,
                      std::string(code::unused_list_file),
                      "no set names this list file",
                      {path, 0, 0, 1},
                      {},
                      {}});
    for (const auto& [name, set] : sets_)
        if (!set.is_used)
            warnings.add({Severity::warning,
                          std::string(code::unused_set),
                          fmt::format("no rule uses the set `{}`", name),
                          set.where,
                          {},
                          {}});
}

}  // namespace rudder
