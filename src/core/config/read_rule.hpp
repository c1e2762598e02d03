// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/config/groups.hpp"
#include "core/config/limits.hpp"
#include "core/config/reading.hpp"
#include "core/config/sets.hpp"

#include <optional>
#include <vector>

/// One `[[rule]]` table to one Rule. All functions report what is wrong and go on, so that one run finds everything.
namespace rudder {

/// What reading a rule found. Name and priority are there even if the rest is wrong, for the checks over all rules.
struct RuleReading {
    Rule rule;
    bool has_name = false;
    bool has_priority = false;
    Span name_span;
    Span priority_span;
};

/// The parts of a rule whose places the checks between them need. *Ownership*: borrows the tables.
struct RuleTables {
    const ConfigTable* match = nullptr;
    const ConfigTable* action = nullptr;
    std::vector<const ConfigTable*> ways_out;  ///< index = target
    std::vector<const Group*> groups;          ///< index = target; null: it names none, or one with errors
};

/// What the rules of all files share while they are read. *Ownership*: borrows `limits`.
struct RuleScope {
    explicit RuleScope(const Limits& all_limits) 
        : limits(all_limits), entries(all_limits.list_entries), joins(all_limits.joins) {}

    const Limits& limits;
    NamedSets sets;
    NamedGroups groups;
    EntryBudget entries;
    EntryBudget joins;
};

[[nodiscard]] RuleReading read_rule(const Reading& reading, RuleScope& scope, const ConfigValue& value);

/// Fills `match` from `[rule.match]`; lists are normalised, families not settled yet.
void read_match(const Reading& reading, RuleScope& scope, const ConfigTable& table, const Span& header, Match& match);

/// The way out of `[rule.action]`, a target or a member of a group: `table_bit` says which.
[[nodiscard]] Target read_way_out(const Reading& reading, const ConfigTable& table, TableBit table_bit);

/// Fills targets and options from `[rule.action]`.
void read_action(const Reading& reading, RuleScope& scope, const ConfigTable& table, const Span& header, Rule& rule,
                 RuleTables& tables);

}  // namespace rudder
