// SPDX-License-Identifier: Apache-2.0
#include "core/base/topology.hpp"
#include "core/config/check_exclusion.hpp"
#include "core/config/codes.hpp"
#include "core/config/normalise.hpp"
#include "core/config/read_rare.hpp"
#include "core/config/read_rule.hpp"
#include "core/config/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace rudder {
namespace {

struct MatchReader {
    const Reading& reading;
    const ConfigTable& table;
    RuleScope& scope;

    /// Calls use(spec, value) for the scalar or list items of a key, if it is there; false if anything is wrong.
    template <class Use>
    bool each(std::string_view key, Use use) const {
        const ConfigEntry* entry = find_entry(table, key);
        if (entry == nullptr) return true;
        const KeySpec& spec = *find_key(k_match, key);
        return for_each_scalar(reading, spec, entry->value, [&](const ConfigValue& value) { return use(spec, value); });
    }

    /// A list with a mistake stays empty: half of it would mislead the checks between fields.
    template <class List, class Read>
    void list(std::string_view key, List& entries, Read read) const {
        std::unordered_set<std::string_view> sets;
        const bool is_ok = each(key, [&](const KeySpec& spec, const ConfigValue& value) {
            const std::string* text = value.as_string();
            if (text != nullptr && text->starts_with('@'))
                return !sets.insert(*text).second ||
                       scope.sets.append(reading, value.span, *text, scope.entries, entries);
            const auto entry = read(reading, spec, value);
            if (!entry || !scope.entries.take(1, reading, value.span)) return false;
            entries.push_back(*entry);
            return true;
        });
        if (!is_ok) entries.clear();
        normalise(entries);
    }

    void interface(InterfaceSelector& selector) const;
    void dscp(std::uint64_t& mask) const;
    void vlan(VlanMatch& vlan) const;
    void scalars(Match& match) const;
    Exclusion exclusion(const Match& match) const;
};

void sort_unique(std::vector<std::string>& names) {
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
}

void MatchReader::interface(InterfaceSelector& selector) const {
    const bool is_ok = each("interface", [&](const KeySpec& spec, const ConfigValue& value) {
        return read_interface(reading, spec, value, selector);
    });
    const ConfigEntry* entry = find_entry(table, "interface");
    if (entry == nullptr || !is_ok) return;
    sort_unique(selector.include);
    sort_unique(selector.exclude);
    if (!selector.any && selector.include.empty() && !selector.exclude.empty())
        reading.error(code::only_exclusions, entry->value.span, "`interface` excludes interfaces, but selects none",
                      "add \"any\" to the list");
}

void MatchReader::dscp(std::uint64_t& mask) const {
    std::uint64_t values = 0;
    each("dscp", [&](const KeySpec& spec, const ConfigValue& value) {
        const auto dscp = read_dscp(reading, spec, value);
        if (dscp) values |= std::uint64_t{1} << *dscp;
        return dscp.has_value();
    });
    if (values != 0) mask = values;
}

void MatchReader::vlan(VlanMatch& vlan) const {
    if (find_entry(table, "vlan") == nullptr) return;
    VlanMatch wanted{.untagged = false, .ids = {}};
    const bool is_ok = each("vlan", [&](const KeySpec& spec, const ConfigValue& value) {
        return read_vlan(reading, spec, value, wanted);
    });
    if (!is_ok) return;
    normalise(wanted.ids);
    vlan = std::move(wanted);
}

void MatchReader::scalars(Match& match) const {
    each("direction", [&](const KeySpec& spec, const ConfigValue& value) {
        const auto word = read_word(reading, spec, value);
        if (word) match.direction = *word == 0 ? Direction::ingress : Direction::egress;
        return word.has_value();
    });
    each("ip_proto", [&](const KeySpec& spec, const ConfigValue& value) {
        return read_protocol(reading, spec, value, match.ip_proto);
    });
}

/// What the table, a `not`, excludes from a match.
Exclusion MatchReader::exclusion(const Match& match) const {
    Exclusion excluded;
    list("src_ip", excluded.src, read_prefix);
    list("dst_ip", excluded.dst, read_prefix);
    list("src_port", excluded.src_ports, read_ports);
    list("dst_port", excluded.dst_ports, read_ports);
    each("ip_proto", [&](const KeySpec& spec, const ConfigValue& value) {
        return read_protocol(reading, spec, value, excluded.ip_proto);
    });
    dscp(excluded.dscp);
    vlan(excluded.vlan);
    excluded.rare = read_excluded_rare(reading, scope, table, match);
    return excluded;
}

void read_not(const Reading& reading, RuleScope& scope, const ConfigTable& match_table, Match& match) {
    const ConfigEntry* entry = find_entry(match_table, "not");
    const ConfigTable* table = entry == nullptr ? nullptr : read_table(reading, *entry);
    if (table == nullptr) return;
    if (table->empty()) return reading.error(code::empty_exclusion, entry->key_span, "`not` says nothing");
    check_keys(reading, k_not, k_every_type, *table, entry->key_span);
    const std::size_t errors = reading.diagnostics.error_count();
    match.excluded = MatchReader{reading, *table, scope}.exclusion(match);
    if (find_entry(*table, "vlan") != nullptr && find_entry(match_table, "vlan") == nullptr) match.vlan = k_vlan_any;
    if (reading.diagnostics.error_count() == errors) check_exclusion(reading, *table, entry->key_span, match);
}

void check_ports(const Reading& reading, const ConfigTable& table, const Match& match) {
    if (!match.ip_proto || ip_protocol_has_ports(*match.ip_proto)) return;
    const ConfigEntry* protocol = find_entry(table, "ip_proto");
    for (const std::string_view key : {"src_port", "dst_port"}) {
        const ConfigEntry* entry = find_entry(table, key);
        if (entry != nullptr)
            reading.error_with_note(
                code::no_ports, entry->key_span,
                fmt::format("`{}` cannot match: protocol {} has no ports", key, ip_protocol_to_string(*match.ip_proto)),
                {"the protocol is set here", reading.at(protocol->value.span)},
                "tcp, udp, udplite, sctp and dccp have ports");
    }
}

}  // namespace

void read_match(const Reading& reading, RuleScope& scope, const ConfigTable& table, const Span& header, Match& match) {
    check_keys(reading, k_match, k_every_type, table, header);
    const MatchReader reader{reading, table, scope};
    reader.interface(match.interface);
    reader.scalars(match);
    reader.list("src_ip", match.src, read_prefix);
    reader.list("dst_ip", match.dst, read_prefix);
    reader.list("src_port", match.src_ports, read_ports);
    reader.list("dst_port", match.dst_ports, read_ports);
    reader.dscp(match.dscp);
    reader.vlan(match.vlan);
    read_rare(reading, scope, table, match);
    read_not(reading, scope, table, match);
    check_ports(reading, table, match);
}

}  // namespace rudder
