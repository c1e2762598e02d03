// SPDX-License-Identifier: Apache-2.0
#include "shell/log/audit.hpp"

#include "shell/log/events.hpp"

#include <fmt/format.h>

#include <map>

namespace rudder {
namespace {

std::map<std::string_view, const Rule*> by_name(const Policy& policy) {
    std::map<std::string_view, const Rule*> rules;
    for (const Rule& rule : policy.rules) rules[rule.name] = &rule;
    return rules;
}

void log_rules(Logger& logger, const EventKind& kind, const char* verb, const std::vector<const Rule*>& rules,
               std::uint64_t generation, std::size_t& left) {
    for (const Rule* rule : rules) {
        if (left == 0) return;
        --left;
        logger.log({Priority::info, kind,
                    fmt::format("rule {} {}: priority {}, {} on {} {}: {}", rule->name, verb, rule->priority, to_string(rule->type),
                                to_string(rule->match.direction), to_string(rule->match.interface), match_to_string(rule->match)),
                    {{"RULE", rule->name},
                     {"FILE", rule->where.file},
                     {"LINE", std::to_string(rule->where.line)},
                     {"GENERATION", std::to_string(generation)}}});
    }
}

std::string place_text(const Location& where) {
    return where.line == 0 ? where.file : fmt::format("{}:{}:{}", where.file, where.line, where.column);
}

}  // namespace

PolicyDifference difference(const Policy& before, const Policy& after) {
    PolicyDifference result;
    const auto old_rules = by_name(before);
    const auto new_rules = by_name(after);
    for (const Rule& rule : after.rules) {
        const auto found = old_rules.find(rule.name);
        if (found == old_rules.end()) {
            result.added.push_back(&rule);
        } else if (!is_same_rule(*found->second, rule)) {
            result.changed.push_back(&rule);
        }
    }
    for (const Rule& rule : before.rules) {
        if (!new_rules.contains(rule.name)) result.removed.push_back(&rule);
    }
    return result;
}

void log_published(Logger& logger, const Policy& before, const Policy& after, std::uint64_t generation) {
    const PolicyDifference changes = difference(before, after);
    const std::size_t total = changes.added.size() + changes.removed.size() + changes.changed.size();
    std::size_t left = k_audit_entries;
    log_rules(logger, event::k_rule_added, "added", changes.added, generation, left);
    log_rules(logger, event::k_rule_removed, "removed", changes.removed, generation, left);
    log_rules(logger, event::k_rule_changed, "changed", changes.changed, generation, left);
    const std::string omitted = total > k_audit_entries ? fmt::format(", {} entries left out", total - k_audit_entries) : "";
    logger.log({Priority::notice, event::k_published,
                fmt::format("generation {} is active: {} rules, {} added, {} removed, {} changed{}", generation, after.rules.size(),
                            changes.added.size(), changes.removed.size(), changes.changed.size(), omitted),
                {{"GENERATION", std::to_string(generation)}, {"CONFIG_SHA256", after.sha256}}});
}

void log_rejected(Logger& logger, const Diagnostics& diagnostics, const std::string& sha256, std::uint64_t running_generation) {
    std::size_t left = k_audit_entries;
    for (const Diagnostic& diagnostic : diagnostics.all()) {
        if (left == 0) break;
        --left;
        const Location& where = diagnostic.where;
        const bool is_error = diagnostic.severity == Severity::error;
        logger.log({is_error ? Priority::error : Priority::warning, event::k_diagnostic,
                    fmt::format("{}: {}[{}]: {}", place_text(where), is_error ? "error" : "warning", diagnostic.code, diagnostic.text),
                    {{"FILE", where.file}, {"LINE", std::to_string(where.line)}, {"REASON", diagnostic.code}, {"CONFIG_SHA256", sha256}}});
    }
    logger.log({Priority::error, event::k_rejected,
                fmt::format("configuration rejected with {} errors and {} warnings; generation {} stays active",
                            diagnostics.error_count(), diagnostics.warning_count(), running_generation),
                {{"CONFIG_SHA256", sha256}, {"GENERATION", std::to_string(running_generation)}}});
}

}  // namespace rudder
