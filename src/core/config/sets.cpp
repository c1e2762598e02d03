// SPDX-License-Identifier: Apache-2.0
#include "core/config/sets.hpp"

#include "core/config/codes.hpp"
#include "core/config/normalise.hpp"
#include "core/config/text.hpp"
#include "core/config/values.hpp"

#include <fmt/format.h>

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

/// The entries of one list of a set; no content after an error.
template <class List, class Read>
void read_content(const Reading& reading, const KeySpec& spec, const ConfigValue& value, NamedSet& set, Read read) {
    List list;
    const bool is_ok = for_each_scalar(reading, spec, value, [&](const ConfigValue& item) {
        const auto entry = read(reading, spec, item);
        if (entry) list.push_back(*entry);
        return entry.has_value();
    });
    if (!is_ok) return;
    normalise(list);
    set.content = std::move(list);
}

void read_contents(const Reading& reading, const ConfigTable& table, const Span& header, NamedSet& set) {
    const ConfigEntry* prefixes = find_entry(table, "prefixes");
    const ConfigEntry* ports = find_entry(table, "ports");
    if (prefixes != nullptr && ports != nullptr) {
        reading.error(code::set_content, ports->key_span, "a set holds either `prefixes` or `ports`, not both",
                      "make two sets of it");
    } else if (prefixes != nullptr) {
        read_content<PrefixList>(reading, *find_key(k_set, "prefixes"), prefixes->value, set, read_prefix);
    } else if (ports != nullptr) {
        read_content<PortList>(reading, *find_key(k_set, "ports"), ports->value, set, read_ports);
    } else if (find_entry(table, "file") == nullptr) {
        reading.error(code::set_content, header, "the set has neither `prefixes` nor `ports`");
    }
}

}  // namespace

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
