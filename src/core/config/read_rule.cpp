// SPDX-License-Identifier: Apache-2.0
#include "core/config/read_rule.hpp"

#include "core/config/check_rule.hpp"
#include "core/config/codes.hpp"
#include "core/config/read_join.hpp"
#include "core/config/text.hpp"
#include "core/config/values.hpp"

#include <fmt/format.h>

namespace rudder {
namespace {

void read_head(const Reading& reading, const ConfigTable& table, RuleReading& result) {
    const ConfigEntry* name = find_entry(table, "name");
    const KeySpec& name_spec = *find_key(k_rule, "name");
    if (name != nullptr && check_scalar(reading, name_spec, name->value)) {
        if (auto text = read_name(reading, name_spec, name->value)) {
            result.rule.name = std::move(*text);
            result.has_name = true;
            result.name_span = name->value.span;
        }
    }
    const ConfigEntry* priority = find_entry(table, "priority");
    if (priority != nullptr && check_scalar(reading, *find_key(k_rule, "priority"), priority->value)) {
        result.rule.priority = static_cast<std::uint32_t>(*priority->value.as_integer());
        result.has_priority = true;
        result.priority_span = priority->value.span;
    }
}

/// The type of the rule, none after an error.
const TypeSpec* read_type(const Reading& reading, const ConfigTable& table) {
    const ConfigEntry* entry = find_entry(table, "type");
    const KeySpec& spec = *find_key(k_rule, "type");
    if (entry == nullptr || !check_scalar(reading, spec, entry->value)) return nullptr;
    const auto word = read_word(reading, spec, entry->value);
    if (!word) return nullptr;
    for (const TypeSpec& type : type_table()) {
        if (type.word != spec.words[*word]) continue;
        if (type.is_supported) return &type;
        reading.error(code::type_not_supported, entry->value.span,
                      fmt::format("type `{}` is not supported yet", type.word));
    }
    return nullptr;
}

RuleType rule_type(TypeBit bit) {
    switch (bit) {
        case k_steer:
            return RuleType::steer;
        case k_replicate:
            return RuleType::replicate;
        case k_mirror:
            return RuleType::mirror;
        case k_drop:
            return RuleType::drop;
        default:
            return RuleType::pass;
    }
}

void read_action_of(const Reading& reading, RuleScope& scope, const ConfigTable& table, const Span& header,
                    const TypeSpec& type, Rule& rule, RuleTables& tables) {
    rule.type = rule_type(type.bit);
    if (const ConfigEntry* action = find_entry(table, "action")) {
        if (const ConfigTable* fields = read_table(reading, *action))
            read_action(reading, scope, *fields, action->value.span, rule, tables);
    } else if (rule.type != RuleType::pass && rule.type != RuleType::drop) {
        reading.error(
            code::missing_key, header, fmt::format("a {} rule has no `action`", type.word),
            rule.type == RuleType::replicate ? "write [[rule.action.targets]]" : "write [rule.action] with `via`");
    }
}

}  // namespace

RuleReading read_rule(const Reading& reading, RuleScope& scope, const ConfigValue& value) {
    RuleReading result;
    RuleTables tables;
    Rule& rule = result.rule;
    const ConfigTable& table = *value.as_table();
    check_keys(reading, k_rule, k_every_type, table, value.span);
    read_head(reading, table, result);
    if (const ConfigEntry* match = find_entry(table, "match")) {
        tables.match = read_table(reading, *match);
        if (tables.match != nullptr) read_match(reading, scope, *tables.match, match->value.span, rule.match);
    }
    if (const TypeSpec* type = read_type(reading, table))
        read_action_of(reading, scope, table, value.span, *type, rule, tables);
    settle_families(reading, tables, rule);
    check_targets(reading, tables, rule);
    check_join(reading, scope, tables, rule);
    rule.where = reading.at(result.name_span);
    return result;
}

}  // namespace rudder
