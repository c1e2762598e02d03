// SPDX-License-Identifier: Apache-2.0
#include "shell/log/audit.hpp"

#include "shell/log/events.hpp"
#include "shell/log/wording.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string_view>
#include <unordered_map>

namespace rudder {
namespace {

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

void log_wait(Logger& logger, const EventKind& kind, const std::string& rule, const Wait& wait, std::uint64_t generation) {
    const bool waits = kind.message_id == event::k_deferred.message_id;
    const std::string target = wait.is_whole || wait.target.empty() ? "" : fmt::format("target {} of ", wait.target);
    LogEntry entry{Priority::info, kind, {}, {{"RULE", rule}, {"INTERFACE", wait.interface}, {"REASON", wait.reason}, {"GENERATION", std::to_string(generation)}}};
    entry.message = fmt::format("{}rule {} is {}", target, rule, waits ? "deferred: " + wait.reason : "active again");
    if (!wait.target.empty()) entry.fields.emplace_back("TARGET", wait.target);
    logger.log(entry);
}

std::string place_text(const Location& where) {
    return where.line == 0 ? where.file : fmt::format("{}:{}:{}", where.file, where.line, where.column);
}

}  // namespace

namespace {

/// A rule changes with the groups that it names.
bool has_same_groups(const Policy& before, const Policy& after, const Rule& rule) {
    return std::all_of(rule.targets.begin(), rule.targets.end(), [&](const Target& target) {
        const Group* old_group = target.group.empty() ? nullptr : find_group(before, target.group);
        const Group* new_group = target.group.empty() ? nullptr : find_group(after, target.group);
        return old_group == nullptr || new_group == nullptr ? old_group == new_group : is_same_group(*old_group, *new_group);
    });
}

}  // namespace

PolicyDifference difference(const Policy& before, const Policy& after) {
    PolicyDifference result;
    const auto compare = [&](const Rule& old_rule, const Rule& rule) {
        if (!is_same_rule(old_rule, rule) || !has_same_groups(before, after, rule)) result.changed.push_back(&rule);
    };
    // Before the first rule that came, went or moved, names need not be looked up.
    const std::size_t common = std::min(before.rules.size(), after.rules.size());
    std::size_t first = 0;
    while (first < common && before.rules[first].name == after.rules[first].name) {
        compare(before.rules[first], after.rules[first]);
        ++first;
    }
    std::unordered_map<std::string_view, std::size_t> known;
    known.reserve(before.rules.size() - first);
    for (std::size_t rank = first; rank < before.rules.size(); ++rank) known.emplace(before.rules[rank].name, rank);
    std::vector<bool> is_kept(before.rules.size());
    for (std::size_t rank = first; rank < after.rules.size(); ++rank) {
        const Rule& rule = after.rules[rank];
        const auto found = known.find(rule.name);
        if (found == known.end()) {
            result.added.push_back(&rule);
            continue;
        }
        is_kept[found->second] = true;
        compare(before.rules[found->second], rule);
    }
    for (std::size_t rank = first; rank < before.rules.size(); ++rank) {
        if (!is_kept[rank]) result.removed.push_back(&before.rules[rank]);
    }
    return result;
}

Waits waits_of(const Policy& policy, const std::vector<RuleState>& states) {
    Waits waits;
    for (std::size_t rank = 0; rank < std::min(policy.rules.size(), states.size()); ++rank) {
        const RuleState& state = states[rank];
        if (state.reason.empty()) continue;
        const Rule& rule = policy.rules[rank];
        Wait wait{state.is_deferred, to_string(rule.match.interface), {}, state.reason};
        if (state.target && !rule.targets[*state.target].via.empty()) wait.interface = wait.target = rule.targets[*state.target].via;
        waits.emplace(rule.name, std::move(wait));
    }
    return waits;
}

std::size_t deferred_rules(const Waits& waits) {
    return static_cast<std::size_t>(std::count_if(waits.begin(), waits.end(), [](const auto& item) { return item.second.is_whole; }));
}

void log_waits(Logger& logger, const Policy& policy, const Waits& before, const Waits& after, std::uint64_t generation) {
    if (before.empty() && after.empty()) return;
    std::size_t left = k_audit_entries;
    for (const Rule& rule : policy.rules) {
        const auto old_wait = before.find(rule.name);
        const auto new_wait = after.find(rule.name);
        const bool waits = new_wait != after.end();
        if (waits == (old_wait != before.end()) && (!waits || new_wait->second == old_wait->second)) continue;
        if (left-- == 0) return;
        log_wait(logger, waits ? event::k_deferred : event::k_active_again, rule.name, waits ? new_wait->second : old_wait->second, generation);
    }
}

BondPorts bond_ports_of(const Policy& policy, const Topology& topology) {
    std::set<std::string, std::less<>> ports;
    for (const auto& [ifindex, link] : topology.links) {
        if (link.slave_kind != "bond") continue;
        ports.insert(link.name);
        ports.insert(link.altnames.begin(), link.altnames.end());
    }
    BondPorts found;
    if (ports.empty()) return found;
    for (const Rule& rule : policy.rules) {
        for (const Target& target : rule.targets) {
            if (ports.contains(target.via)) found.insert({rule.name, target.via});
            const Group* group = target.group.empty() ? nullptr : find_group(policy, target.group);
            if (group == nullptr) continue;
            for (const GroupMember& member : group->members)
                if (ports.contains(member.way.via)) found.insert({rule.name, member.way.via});
        }
    }
    return found;
}

void log_bond_ports(Logger& logger, const BondPorts& before, const BondPorts& after, std::uint64_t generation) {
    std::size_t left = k_audit_entries;
    for (const BondPort& port : after) {
        if (before.contains(port)) continue;
        if (left-- == 0) return;
        logger.log({Priority::warning, event::k_bond_port,
                    fmt::format("rule {} sends by {}, a port of a bond: what it sends passes the bond by; name the bond in `via`", port.rule, port.interface),
                    {{"RULE", port.rule}, {"INTERFACE", port.interface}, {"GENERATION", std::to_string(generation)}}});
    }
}

void log_published(Logger& logger, const Policy& before, const Policy& after, std::uint64_t generation, std::size_t deferred) {
    const PolicyDifference changes = difference(before, after);
    const std::size_t total = changes.added.size() + changes.removed.size() + changes.changed.size();
    std::size_t left = k_audit_entries;
    log_rules(logger, event::k_rule_added, "added", changes.added, generation, left);
    log_rules(logger, event::k_rule_removed, "removed", changes.removed, generation, left);
    log_rules(logger, event::k_rule_changed, "changed", changes.changed, generation, left);
    const std::string waiting = deferred > 0 ? fmt::format(", {} deferred", deferred) : "";
    const std::string omitted = total > k_audit_entries ? fmt::format(", {} entries left out", total - k_audit_entries) : "";
    logger.log({Priority::notice, event::k_published,
                fmt::format("generation {} is active: {}, {} added, {} removed, {} changed{}{}", generation, counted(after.rules.size(), "rule"),
                            changes.added.size(), changes.removed.size(), changes.changed.size(), waiting, omitted),
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
                fmt::format("configuration rejected with {} and {}; {}", counted(diagnostics.error_count(), "error"),
                            counted(diagnostics.warning_count(), "warning"), what_stays(running_generation)),
                {{"CONFIG_SHA256", sha256}, {"GENERATION", std::to_string(running_generation)}}});
}

}  // namespace rudder
