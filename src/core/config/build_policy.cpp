// SPDX-License-Identifier: Apache-2.0
#include "core/config/build_policy.hpp"

#include "core/base/hash_index.hpp"
#include "core/config/codes.hpp"
#include "core/config/list_file.hpp"
#include "core/config/prescan.hpp"
#include "core/config/read_rule.hpp"
#include "core/config/reading.hpp"
#include "core/config/sets.hpp"
#include "core/config/shadow.hpp"
#include "core/config/syntax.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace rudder {
namespace {

/// Which rule has which name or priority, by its place in the policy that is being built.
struct Taken {
    HashIndex names;
    HashIndex priorities;              ///< of the first `indexed` rules
    std::uint32_t indexed = 0;
    std::int64_t highest = -1;         ///< priority: a rule beyond it needs no look-up, as most do
    std::vector<std::optional<Span>> priority_spans;  ///< [rule]; none: it has no priority
};

/// The same findings; one that names no way out gets the help of its code.
Diagnostics with_help(const Diagnostics& diagnostics) {
    Diagnostics helpful;
    for (Diagnostic found : diagnostics.all()) {
        const CodeInfo* info = found.help.empty() ? find_code(found.code) : nullptr;
        if (info != nullptr) found.help = info->help;
        helpful.add(std::move(found));
    }
    return helpful;
}

class PolicyBuilder {
public:
    PolicyBuilder(const Limits& limits, RuleChunks rule_chunks)
        : limits_(limits), rule_chunks_(rule_chunks), warnings_(result_.diagnostics, limits.warnings), scope_(limits) {}

    /// None: an unseen chunk does not hold rules, or may not.
    std::optional<PolicyResult> build(const std::vector<SourceFile>& files) {
        if (is_size_allowed(files)) {
            parse_files(files);
            read_sets();
            read_groups();
            read_rules();
            if (rule_chunks_ == RuleChunks::unseen && (has_surprise_ || is_full())) return std::nullopt;
            finish();
        }
        warnings_.close();
        result_.diagnostics = with_help(result_.diagnostics);
        result_.diagnostics.sort();
        if (!result_.diagnostics.has_errors()) result_.policy.emplace(std::move(policy_));
        return std::move(result_);
    }

private:
    bool is_size_allowed(const std::vector<SourceFile>& files) {
        if (files.size() > limits_.files) {
            result_.diagnostics.error(
                std::string(code::too_many_files), {files[limits_.files].path, 0, 0, 1},
                fmt::format("the set has {} files; the limit is {}", files.size(), limits_.files));
            return false;
        }
        std::size_t bytes = 0;
        for (const SourceFile& file : files) {
            bytes += file.bytes.size();
            if (bytes <= limits_.set_bytes) continue;
            result_.diagnostics.error(std::string(code::set_too_large), {file.path, 0, 0, 1},
                                      fmt::format("with this file the set exceeds {} bytes", limits_.set_bytes));
            return false;
        }
        return true;
    }

    void parse_files(const std::vector<SourceFile>& files) {
        files_.reserve(files.size());
        for (const SourceFile& file : files) {
            if (is_full()) return mark_incomplete();
            if (is_list_file(file.path)) {
                scope_.sets.add_list(file, check_text(file, limits_, result_.diagnostics));
                continue;
            }
            files_.push_back(parse_syntax(file, rule_chunks_, limits_, result_.diagnostics));
            if (!files_.back().is_complete) mark_incomplete();
            check_root(files_.back());
        }
    }

    void check_root(const ConfigFile& file) {
        const Reading reading{file.source->path, result_.diagnostics, warnings_};
        for (const ConfigPart& part : file.parts) {
            const auto* entries = std::get_if<ConfigTable>(&part);
            if (entries == nullptr) continue;
            for (const ConfigEntry& entry : *entries) {
                if (is_full()) return;
                const bool is_known =
                    entry.key == "rule" || entry.key == "set";  // spares a copy for each of many chunks
                if (!is_known)
                    check_keys(reading, k_root, k_every_type, {{entry.key, entry.key_span, {}}}, entry.key_span);
            }
        }
    }

    /// Calls use(reading, table) for each `[[key]]` of all files.
    template <class Use>
    void for_each_table(std::string_view key, Use use) {
        for (const ConfigFile& file : files_) {
            const Reading reading{file.source->path, result_.diagnostics, warnings_};
            for (const ConfigPart& part : file.parts) {
                if (is_full() || has_surprise_) return;
                if (const auto* entries = std::get_if<ConfigTable>(&part))
                    use_tables(reading, *entries, key, use);
                else if (key == "rule")
                    use_rules(reading, *file.source, std::get<Chunk>(part), use);
            }
        }
    }

    template <class Use>
    void use_rules(const Reading& reading, const SourceFile& file, const Chunk& chunk, Use use) {
        if (const auto entries = rules_of(file, chunk))
            use_tables(reading, *entries, "rule", use);
        else
            has_surprise_ = true;
    }

    template <class Use>
    void use_tables(const Reading& reading, const ConfigTable& entries, std::string_view key, Use use) {
        for (const ConfigEntry& entry : entries) {
            if (entry.key != key) continue;
            const auto* items = entry.value.as_list();
            if (items == nullptr) {
                report_not_a_list(reading, entry);
                continue;
            }
            for (const ConfigValue& item : *items) {
                if (is_full()) return;
                if (item.as_table() != nullptr)
                    use(reading, item);
                else
                    report_not_a_list(reading, entry);
            }
        }
    }

    void report_not_a_list(const Reading& reading, const ConfigEntry& entry) {
        if (entry.key == "set") scope_.sets.mark_incomplete();
        if (entry.key == "group") scope_.groups.mark_incomplete();
        reading.error(code::not_a_list_of_tables, entry.key_span,
                      fmt::format("`{}` must be a list of tables", entry.key), fmt::format("write [[{}]]", entry.key));
    }

    void read_sets() {
        for_each_table("set",
                       [&](const Reading& reading, const ConfigValue& table) { scope_.sets.read(reading, table); });
    }

    void read_groups() {
        for_each_table("group", [&](const Reading& reading, const ConfigValue& table) {
            scope_.groups.read(reading, limits_, table);
        });
    }

    void mark_incomplete() {
        scope_.sets.mark_incomplete();
        scope_.groups.mark_incomplete();
    }

    void read_rules() {
        std::size_t entries = 0;
        for (const ConfigFile& file : files_) entries += file.parts.size();
        entries = std::min(entries, limits_.rules);
        policy_.rules.reserve(entries);
        taken_->names.reserve(entries);
        taken_->priority_spans.reserve(entries);
        for_each_table("rule", [&](const Reading& reading, const ConfigValue& table) {
            if (++rule_count_ == limits_.rules + 1) first_excess_rule_ = reading.at(table.span);
            if (rule_count_ > limits_.rules) return;
            RuleReading read = read_rule(reading, scope_, table);
            check_unique(reading, read);
            policy_.rules.push_back(std::move(read.rule));
        });
        if (rule_count_ > limits_.rules)
            result_.diagnostics.error(
                std::string(code::too_many_rules), first_excess_rule_,
                fmt::format("the set has {} rules; the limit is {}, exceeded here", rule_count_, limits_.rules));
        report_exceeded_budgets();
    }

    void report_exceeded_budgets() {
        if (scope_.joins.is_exceeded())
            result_.diagnostics.error(std::string(code::too_many_joins), scope_.joins.where_exceeded(),
                                      fmt::format("up to here the rules join more groups, times their sources, than "
                                                  "the limit of {}",
                                                  limits_.joins));
        if (scope_.entries.is_exceeded())
            result_.diagnostics.error(
                std::string(code::too_many_entries), scope_.entries.where_exceeded(),
                fmt::format("up to here the lists of all rules have more prefixes and port ranges, sets expanded, than "
                            "the limit of {}",
                            limits_.list_entries));
    }

    /// The rule is the next one of the policy.
    void check_unique(const Reading& reading, const RuleReading& read) {
        const auto next = static_cast<std::uint32_t>(policy_.rules.size());
        if (read.has_name) check_name(reading, read, next);
        if (read.has_priority) check_priority(reading, read, next);
        taken_->priority_spans.push_back(read.has_priority ? std::optional(read.priority_span) : std::nullopt);
    }

    void check_name(const Reading& reading, const RuleReading& read, std::uint32_t next) {
        const std::string& name = read.rule.name;
        const std::size_t hash = std::hash<std::string>()(name);
        const auto first =
            taken_->names.find(hash, [&](std::uint32_t earlier) { return policy_.rules[earlier].name == name; });
        if (first == HashIndex::k_none) return taken_->names.add(hash, next);
        reading.error_with_note(code::duplicate_rule, read.name_span,
                                fmt::format("the rule `{}` is defined twice", name),
                                {"first defined here", policy_.rules[first].where},
                                "names are unique over all files; rename one of them");
    }

    /// The indexed rule of that priority; k_none if there is none.
    std::uint32_t first_with(std::uint32_t priority) const {
        return taken_->priorities.find(
            priority, [&](std::uint32_t earlier) { return policy_.rules[earlier].priority == priority; });
    }

    void index_priorities(std::uint32_t rules) {
        for (; taken_->indexed < rules; ++taken_->indexed) {
            const std::uint32_t priority = policy_.rules[taken_->indexed].priority;
            const bool is_first = taken_->priority_spans[taken_->indexed] && first_with(priority) == HashIndex::k_none;
            if (is_first) taken_->priorities.add(priority, taken_->indexed);
        }
    }

    void check_priority(const Reading& reading, const RuleReading& read, std::uint32_t next) {
        const std::uint32_t priority = read.rule.priority;
        if (priority > taken_->highest) {
            taken_->highest = priority;
            return;
        }
        index_priorities(next);
        const std::uint32_t first = first_with(priority);
        if (first == HashIndex::k_none) return;
        const Span& span = *taken_->priority_spans[first];
        reading.error_with_note(code::duplicate_priority, read.priority_span,
                                fmt::format("two rules have priority {}", priority),
                                {"first used here", {policy_.rules[first].where.file, span.line, span.column, span.length}},
                                "priorities are unique over all files: they are the order");
    }

    void finish() {
        taken_.reset();  // the search for shadowed rules takes memory, too
        files_ = {};
        if (is_full()) {
            result_.diagnostics.error(std::string(code::too_many_findings), last_error(),
                                      fmt::format("reading stopped here after {} {}", limits_.errors,
                                                  limits_.errors == 1 ? "error" : "errors"));
            return;
        }
        scope_.sets.warn_unused(warnings_);
        scope_.groups.warn_unused(warnings_);
        policy_.groups = scope_.groups.take();
        sort_rules();
        if (!result_.diagnostics.has_errors()) warn_shadowed(policy_.rules, warnings_);
    }

    /// Rules are large: each moves once.
    void sort_rules() {
        std::vector<std::pair<std::uint32_t, std::size_t>> order;
        order.reserve(policy_.rules.size());
        for (const Rule& rule : policy_.rules) order.emplace_back(rule.priority, order.size());
        if (std::is_sorted(order.begin(), order.end())) return;
        std::sort(order.begin(), order.end());
        std::vector<Rule> sorted;
        sorted.reserve(order.size());
        for (const auto& [priority, index] : order) sorted.push_back(std::move(policy_.rules[index]));
        policy_.rules = std::move(sorted);
    }

    /// Where the error stands that was found last.
    Location last_error() const {
        const auto& all = result_.diagnostics.all();
        const auto last = std::find_if(all.rbegin(), all.rend(),
                                       [](const Diagnostic& found) { return found.severity == Severity::error; });
        return last == all.rend() ? Location{} : last->where;
    }

    bool is_full() const { return result_.diagnostics.error_count() >= limits_.errors; }

    const Limits& limits_;
    RuleChunks rule_chunks_;
    bool has_surprise_ = false;
    PolicyResult result_;
    Warnings warnings_;
    RuleScope scope_;
    Policy policy_;
    std::vector<ConfigFile> files_;
    std::optional<Taken> taken_{std::in_place};
    std::size_t rule_count_ = 0;
    Location first_excess_rule_;
};

}  // namespace

PolicyResult build_policy(const std::vector<SourceFile>& files, const Limits& limits) {
    // Rules name sets and groups of all files, which come first. If a chunk of rules has a mistake, or a set in it,
    // what is found must not depend on when it was seen.
    if (auto result = PolicyBuilder(limits, RuleChunks::unseen).build(files)) return std::move(*result);
    return *PolicyBuilder(limits, RuleChunks::parsed).build(files);
}

}  // namespace rudder
