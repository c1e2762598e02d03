// SPDX-License-Identifier: Apache-2.0
#include "core/config/reading.hpp"

#include "core/config/codes.hpp"
#include "core/config/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace rudder {
namespace {

constexpr TableBit k_tables[] = {k_rule, k_match, k_action, k_target, k_set, k_group, k_member, k_health, k_route};

/// "a steer or replicate rule"
std::string types_phrase(std::uint8_t types) {
    std::string phrase;
    for (const TypeSpec& type : type_table())
        if ((types & type.bit) != 0) phrase += (phrase.empty() ? "" : " or ") + std::string(type.word);
    return phrase;
}

std::string suggestion(std::string_view word, const std::vector<std::string_view>& candidates) {
    const std::string meant = did_you_mean(word, candidates);
    return meant.empty() ? "" : "did you mean `" + meant + "`?";
}

struct Alias {
    std::string_view other;  ///< the word of other tools
    std::string_view key;
};

/// The first one whose key the table has is meant.
constexpr Alias k_aliases[] = {
    {"iface", "interface"}, {"iface", "via"},        {"dev", "interface"},      {"dev", "via"},
    {"iif", "interface"},   {"oif", "via"},          {"proto", "ip_proto"},     {"protocol", "ip_proto"},
    {"src", "src_ip"},      {"saddr", "src_ip"},     {"source", "src_ip"},      {"sport", "src_port"},
    {"dst", "dst_ip"},      {"daddr", "dst_ip"},     {"destination", "dst_ip"}, {"dport", "dst_port"},
    {"gw", "next_hop"},     {"gateway", "next_hop"},
};

std::string other_home(std::string_view key, TableBit table) {
    for (const TableBit other : k_tables)
        if (other != table && find_key(other, key) != nullptr)
            return fmt::format("`{}` is a key of {}", key, table_title(other));
    return {};
}

/// The key that is called otherwise in other tools, and where it stands; empty if the word is none of theirs.
std::string alias_help(std::string_view word, TableBit table) {
    std::string elsewhere;
    for (const Alias& alias : k_aliases) {
        if (alias.other != word) continue;
        if (find_key(table, alias.key) != nullptr) return fmt::format("did you mean `{}`?", alias.key);
        if (elsewhere.empty()) elsewhere = other_home(alias.key, table);
    }
    return elsewhere;
}

void report_unknown(const Reading& reading, TableBit table, std::uint8_t types, const ConfigEntry& entry) {
    std::string help = table == k_root ? "" : alias_help(entry.key, table);
    if (help.empty()) help = suggestion(entry.key, keys_of(table, types));
    if (help.empty()) help = other_home(entry.key, table);
    const bool is_root = table == k_root;
    reading.error(is_root ? code::unknown_table : code::unknown_key, entry.key_span,
                  is_root ? "there is no table " + quoted(entry.key)
                          : fmt::format("{} is not a key of {}", quoted(entry.key), table_title(table)),
                  std::move(help));
}

void report_other_type(const Reading& reading, const KeySpec& spec, std::uint8_t types, const ConfigEntry& entry) {
    std::string help;
    if ((types & spec.types & k_replicate) != 0 && (spec.tables & k_target) != 0) help = "write it in [[rule.action.targets]]";
    if (types == k_steer && entry.key == "targets")
        help = "a steer rule has one way out: write its keys in [rule.action]";
    reading.error(code::key_of_other_type, entry.key_span,
                  fmt::format("`{}` is a key of {} rules, this is a {} rule", entry.key, types_phrase(spec.types),
                              types_phrase(types)),
                  std::move(help));
}

bool is_misplaced(const KeySpec& spec, TableBit table, std::uint8_t types) {
    if (types == k_every_type) return false;
    if ((spec.types & types) == 0) return true;
    return table == k_action && types == k_replicate && (spec.tables & k_target) != 0 && spec.is_supported();
}

/// Returns false for a key that stands for something that is not supported yet.
bool check_key(const Reading& reading, TableBit table, std::uint8_t types, const ConfigEntry& entry) {
    const KeySpec* spec = find_key(table, entry.key);
    if (spec == nullptr) {
        report_unknown(reading, table, types, entry);
    } else if (is_misplaced(*spec, table, types)) {
        report_other_type(reading, *spec, types, entry);
    } else if (!spec->is_supported()) {
        reading.error(table == k_root ? code::table_not_supported : code::key_not_supported, entry.key_span,
                      fmt::format("`{}` is not supported yet", entry.key));
        return false;
    }
    return true;
}

bool takes_string(ValueKind kind) {
    return kind != ValueKind::integer && kind != ValueKind::boolean;
}

bool takes_integer(ValueKind kind) {
    return kind == ValueKind::integer || kind == ValueKind::ports || kind == ValueKind::dscp ||
           kind == ValueKind::protocol || kind == ValueKind::ttl || kind == ValueKind::vlan || kind == ValueKind::new_vlan ||
           kind == ValueKind::range || kind == ValueKind::icmp_type || kind == ValueKind::ecn || kind == ValueKind::mark;
}

std::string example_value(const KeySpec& spec) {
    switch (spec.kind) {
        case ValueKind::name:
            return "\"web-1\"";
        case ValueKind::word:
            return fmt::format("\"{}\"", spec.words.front());
        case ValueKind::integer:
            return spec.key.ends_with("port") ? "8080" : spec.key == "weight" ? "2" : spec.key == "tier" ? "1" : spec.key == "rise" || spec.key == "fall" ? "3" : "100";
        case ValueKind::boolean:
            return "true";
        case ValueKind::interface_pattern:
            return "\"eth0\"";
        case ValueKind::device:
            return "\"eth1\"";
        case ValueKind::prefix:
            return "\"192.0.2.0/24\"";
        case ValueKind::address:
            return "\"192.0.2.1\"";
        case ValueKind::mac:
            return "\"02:00:00:00:00:01\"";
        case ValueKind::ports:
            return "443";
        case ValueKind::dscp:
            return "\"ef\"";
        case ValueKind::protocol:
            return "\"tcp\"";
        case ValueKind::rate:
            return "\"10mbit\"";
        case ValueKind::ttl:
            return "64";
        case ValueKind::vlan:
        case ValueKind::new_vlan:
        case ValueKind::range:
            return "100";
        case ValueKind::icmp_type:
            return "\"echo-request\"";
        case ValueKind::tcp_flags:
            return "\"syn,!ack\"";
        case ValueKind::ecn:
            return "\"ce\"";
        case ValueKind::mark:
            return "\"0x10\"";
        case ValueKind::mac_pattern:
            return "\"02:00:00:00:00:01\"";
        case ValueKind::duration:
            return "\"500ms\"";
        case ValueKind::bytes:
            return "\"ping\"";
        case ValueKind::file:
            return "\"customers.list\"";
        case ValueKind::table:
        case ValueKind::table_list:
        case ValueKind::unsupported:
            break;
    }
    return {};
}

/// "for example `priority = 100`"; for tables, how their header is written.
std::string example(const KeySpec& spec) {
    if (spec.key == "match") return "write [rule.match] with at least `interface`";
    if (spec.key == "action") return "write [rule.action] and its keys below it";
    if (spec.key == "members") return "write members = [{ via = \"eth1\" }, { via = \"eth2\" }]";
    if (spec.key == "targets") return "write [[rule.action.targets]] with at least `via`";
    const std::string value = example_value(spec);
    return value.empty() ? "" : fmt::format("for example `{} = {}`", spec.key, value);
}

bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

void report_type(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    std::string wanted = takes_integer(spec.kind) ? "an integer" : "a string";
    if (spec.kind == ValueKind::boolean) wanted = "true or false";
    if (takes_integer(spec.kind) && takes_string(spec.kind)) wanted += " or a string";
    const bool is_list = value.as_list() != nullptr;
    if (spec.is_list_allowed && !is_list) wanted += ", or a list of these";
    std::string help = example(spec);
    if (is_list && spec.is_list_allowed)
        help = "lists are not nested";
    else if (is_list)
        help = "one value only; write one rule per value";
    else if (spec.kind == ValueKind::boolean && value.as_string() != nullptr)
        help = "write true or false without quotes";
    else if (value.as_string() != nullptr && is_number(*value.as_string()))
        help = "write the number without quotes";
    else if (value.as_integer() != nullptr)
        help = "write the value in quotes, " + help;
    reading.error(code::wrong_type, value.span,
                  fmt::format("`{}` must be {}, found {}", spec.key, wanted, type_phrase(value)), std::move(help));
}

}  // namespace

void Reading::error(std::string_view code, const Span& span, std::string text, std::string help) const {
    diagnostics.error(std::string(code), at(span), std::move(text), std::move(help));
}

void Reading::warning(std::string_view code, const Span& span, std::string text, std::string help) const {
    warnings.add({Severity::warning, std::string(code), std::move(text), at(span), {}, std::move(help)});
}

void Reading::error_with_note(std::string_view code, const Span& span, std::string text, DiagnosticNote note,
                              std::string help) const {
    diagnostics.add(
        {Severity::error, std::string(code), std::move(text), at(span), {std::move(note)}, std::move(help)});
}

void check_keys(const Reading& reading, TableBit table, std::uint8_t types, const ConfigTable& entries,
                const Span& header) {
    bool is_all_supported = true;
    const std::size_t enough = reading.diagnostics.all().size() + k_mistakes_per_table;
    for (const ConfigEntry& entry : entries) {
        is_all_supported = check_key(reading, table, types, entry) && is_all_supported;
        if (reading.diagnostics.all().size() >= enough) break;
    }
    for (const KeySpec& spec : rows_about(table)) {
        if (!spec.is_required || (spec.tables & table) == 0 || (spec.types & types) == 0) continue;
        if (is_misplaced(spec, table, types) || find_entry(entries, spec.key) != nullptr) continue;
        if (spec.key == "via" && (!is_all_supported || find_entry(entries, "group") != nullptr))
            continue;  // `group` or something to come stands in its place
        reading.error(code::missing_key, header,
                      fmt::format("{} has no `{}`: {}", table_title(table), spec.key, spec.doc), example(spec));
    }
}

bool check_scalar(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    if (value.as_string() != nullptr && takes_string(spec.kind)) return true;
    if (value.as_boolean() != nullptr && spec.kind == ValueKind::boolean) return true;
    const std::int64_t* number = value.as_integer();
    if (number == nullptr || !takes_integer(spec.kind)) {
        report_type(reading, spec, value);
        return false;
    }
    if (*number >= spec.minimum && *number <= spec.maximum) return true;
    reading.error(spec.kind == ValueKind::ttl ? code::bad_ttl : code::out_of_range, value.span,
                  fmt::format("`{}` is {}; allowed are {} to {}", spec.key, *number, spec.minimum, spec.maximum),
                  spec.kind == ValueKind::ttl ? "" : example(spec));
    return false;
}

const ConfigTable* read_table(const Reading& reading, const ConfigEntry& entry) {
    const ConfigTable* table = entry.value.as_table();
    if (table == nullptr)
        reading.error(code::wrong_type, entry.value.span,
                      fmt::format("`{}` must be a table, found {}", entry.key, type_phrase(entry.value)),
                      fmt::format("write [rule.{}] and its keys below it", entry.key));
    return table;
}

void report_word(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    const std::string& word = *value.as_string();
    std::string text = fmt::format("{} is no `{}`; allowed are", quoted(word), spec.key);
    if (takes_integer(spec.kind)) text += fmt::format(" {} to {},", spec.minimum, spec.maximum);
    for (std::size_t i = 0; i < spec.words.size(); ++i) text += fmt::format("{} {}", i == 0 ? "" : ",", spec.words[i]);
    std::string help = suggestion(word, {spec.words.begin(), spec.words.end()});
    if (is_number(word) && takes_integer(spec.kind)) help = "write the number without quotes";
    reading.error(spec.code, value.span, std::move(text), std::move(help));
}

void report_empty_list(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    reading.error(code::empty_list, value.span, fmt::format("`{}` is an empty list", spec.key),
                  spec.tables == k_set ? "give at least one entry, or remove the set and what refers to it"
                                       : "leave the key out if every value shall match");
}

}  // namespace rudder
