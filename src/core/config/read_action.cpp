// SPDX-License-Identifier: Apache-2.0
#include "core/config/codes.hpp"
#include "core/config/read_join.hpp"
#include "core/config/read_limit.hpp"
#include "core/config/read_rule.hpp"
#include "core/config/text.hpp"
#include "core/config/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace rudder {
namespace {

/// Reads the keys of one way out: `[rule.action]` of a steer rule or one `[[rule.action.targets]]`.
struct WayOutReader {
    const Reading& reading;
    const ConfigTable& table;
    TableBit table_bit;

    /// Calls read(reading, spec, value) if the key is there and stores what it returns.
    template <class Field, class Read>
    void field(std::string_view key, Field& field, Read read) const {
        const ConfigEntry* entry = find_entry(table, key);
        if (entry == nullptr) return;
        const KeySpec& spec = *find_key(table_bit, key);
        if (!check_scalar(reading, spec, entry->value)) return;
        auto value = read(reading, spec, entry->value);
        if (value) field = std::move(*value);
    }
};

std::optional<std::uint16_t> read_port(const Reading&, const KeySpec&, const ConfigValue& value) {
    return static_cast<std::uint16_t>(*value.as_integer());
}

std::optional<std::uint32_t> read_sample(const Reading&, const KeySpec&, const ConfigValue& value) {
    return static_cast<std::uint32_t>(*value.as_integer());
}

std::optional<std::uint16_t> read_snap(const Reading&, const KeySpec&, const ConfigValue& value) {
    return static_cast<std::uint16_t>(*value.as_integer());
}

std::optional<IpAddress> refuse(const Reading& reading, std::string_view code, const ConfigValue& value,
                                std::string text) {
    reading.error(code, value.span, quoted(*value.as_string()) + " " + text);
    return std::nullopt;
}

std::optional<IpAddress> read_next_hop(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    const auto address = read_address(reading, spec, value);
    if (!address) return address;
    if (address->is_multicast() || address->is_unspecified() || address->is_loopback() ||
        address->is_limited_broadcast())
        return refuse(reading, code::bad_next_hop, value,
                      "cannot be a next hop; it must be the unicast address of a neighbour");
    return address;
}

std::optional<IpAddress> read_destination(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    const auto address = read_address(reading, spec, value);
    if (address && (address->is_unspecified() || address->is_loopback()))
        return refuse(reading, code::unusable_address, value, "cannot be the destination of a packet on a link");
    return address;
}

/// What the kernel's route decides, or what must be known before it is asked.
void refuse_beside_table(const Reading& reading, const ConfigTable& table) {
    for (const std::string_view key : {"next_hop", "next_hop_mac"})
        if (const ConfigEntry* entry = find_entry(table, key))
            reading.error(code::route_and_way, entry->key_span, fmt::format("`{}` stands beside a routing table as `via`", key),
                          "the kernel's route says it; leave it out, or name the interface");
    const ConfigEntry* source = find_entry(table, "src_ip");
    const std::string* text = source == nullptr ? nullptr : source->value.as_string();
    if (text != nullptr && is_same_word(*text, "interface"))
        reading.error(code::route_and_way, source->value.span, "which interface the packet leaves by is known only when it is routed",
                      "write the address, or name the interface in `via`");
}

/// One interface, or { table = N }.
void read_via(const WayOutReader& reader, Target& target) {
    const ConfigEntry* entry = find_entry(reader.table, "via");
    const ConfigTable* route = entry == nullptr ? nullptr : entry->value.as_table();
    if (route == nullptr) return reader.field("via", target.via, read_device);
    if (reader.table_bit == k_target)
        return reader.reading.error(code::key_not_supported, entry->value.span, "a routing table as `via` is not supported yet for copies",
                                    "name one interface");
    check_keys(reader.reading, k_route, k_every_type, *route, entry->value.span);
    const ConfigEntry* number = find_entry(*route, "table");
    if (number != nullptr && check_scalar(reader.reading, *find_key(k_route, "table"), number->value))
        target.table = static_cast<std::uint32_t>(*number->value.as_integer());
    refuse_beside_table(reader.reading, reader.table);
}

/// The word stands for an address that only the running system knows.
void read_source_rewrite(const WayOutReader& reader, Rewrite& rewrite) {
    const ConfigEntry* entry = find_entry(reader.table, "src_ip");
    const std::string* text = entry == nullptr ? nullptr : entry->value.as_string();
    rewrite.is_src_of_interface = text != nullptr && is_same_word(*text, "interface");
    if (!rewrite.is_src_of_interface) reader.field("src_ip", rewrite.src_ip, read_source_address);
}

/// True if the key holds its second word.
bool is_second_word(const Reading& reading, const ConfigTable& table, std::string_view key) {
    std::size_t word = 0;
    WayOutReader{reading, table, k_action}.field(key, word, read_word);
    return word == 1;
}

/// The members say where the packets go.
void refuse_way_beside_group(const Reading& reading, const ConfigTable& table) {
    if (find_entry(table, "group") == nullptr) return;
    for (const std::string_view key : {"via", "next_hop", "next_hop_mac"})
        if (const ConfigEntry* entry = find_entry(table, key))
            reading.error(code::group_and_way, entry->key_span, fmt::format("`{}` stands beside `group`", key));
}

/// A new destination is the rule's or the members'.
void refuse_two_destinations(const Reading& reading, const ConfigTable& table, const Group& group) {
    const auto refuse = [&](std::string_view key, auto field) {
        const ConfigEntry* entry = find_entry(table, key);
        const bool is_set = std::any_of(group.members.begin(), group.members.end(), [&](const GroupMember& member) {
            return (member.way.rewrite.*field).has_value();
        });
        if (entry == nullptr || !is_set) return;
        reading.error_with_note(code::group_and_way, entry->key_span, fmt::format("members of the group set `{}`, too", key),
                                {"the group is defined here", group.where}, "write it in one of the two places");
    };
    refuse("dst_ip", &Rewrite::dst_ip);
    refuse("dst_port", &Rewrite::dst_port);
}

/// One way out of a rule, and its group.
void add_way_out(const Reading& reading, RuleScope& scope, const ConfigTable& table, TableBit bit, Rule& rule, RuleTables& tables) {
    rule.targets.push_back(read_way_out(reading, table, bit));
    tables.ways_out.push_back(&table);
    const std::string& name = rule.targets.back().group;
    const Group* group = name.empty() ? nullptr : scope.groups.use(reading, find_entry(table, "group")->value.span, name);
    tables.groups.push_back(group);
    refuse_way_beside_group(reading, table);
    if (group != nullptr) refuse_two_destinations(reading, table, *group);
}

void read_targets(const Reading& reading, RuleScope& scope, const ConfigEntry& entry, Rule& rule,
                  RuleTables& tables) {
    const auto* items = entry.value.as_list();
    if (items == nullptr) {
        reading.error(code::wrong_type, entry.value.span,
                      fmt::format("`targets` must be a list of tables, found {}", type_phrase(entry.value)),
                      "write [[rule.action.targets]]");
        return;
    }
    if (items->empty()) {
        reading.error(code::empty_list, entry.value.span, "`targets` is an empty list",
                      "use type = \"drop\" to discard packets");
        return;
    }
    if (items->size() > scope.limits.targets) {
        reading.error(code::too_many_targets, entry.key_span,
                      fmt::format("the rule has {} targets; the limit is {}", items->size(), scope.limits.targets));
        return;
    }
    for (const ConfigValue& item : *items) {
        const ConfigTable* table = item.as_table();
        if (table == nullptr) {
            reading.error(code::wrong_type, item.span,
                          fmt::format("a target must be a table, found {}", type_phrase(item)),
                          "write each target as [[rule.action.targets]] with at least `via`");
            continue;
        }
        check_keys(reading, k_target, k_replicate, *table, item.span);
        add_way_out(reading, scope, *table, k_target, rule, tables);
        WayOutReader{reading, *table, k_target}.field("sample", rule.targets.back().sample, read_sample);
        rule.targets.back().limit = read_target_limit(reading, *table);
    }
}

/// One target for each interface of `via`, all alike.
void read_mirror(const Reading& reading, const Limits& limits, const ConfigTable& table, Rule& rule, RuleTables& tables) {
    const ConfigEntry* via = find_entry(table, "via");
    if (via == nullptr) return;
    if (const auto* items = via->value.as_list(); items != nullptr && items->size() > limits.targets) {
        reading.error(code::too_many_targets, via->key_span,
                      fmt::format("the rule has {} targets; the limit is {}", items->size(), limits.targets));
        return;
    }
    Target copy;
    const WayOutReader reader{reading, table, k_action};
    reader.field("sample", copy.sample, read_sample);
    reader.field("snap", copy.snap, read_snap);
    KeySpec spec = *find_key(k_action, "via");
    spec.is_list_allowed = true;
    (void)for_each_scalar(reading, spec, via->value, [&](const ConfigValue& value) {
        const auto device = read_device(reading, spec, value);
        if (!device) return false;
        const auto is_same = [&](const Target& target) { return target.via == *device; };
        if (std::any_of(rule.targets.begin(), rule.targets.end(), is_same)) {
            reading.error(code::named_twice, value.span, fmt::format("{} is named twice", quoted(*device)));
            return false;
        }
        copy.via = *device;
        rule.targets.push_back(copy);
        tables.ways_out.push_back(&table);
        tables.groups.push_back(nullptr);
        return true;
    });
}

}  // namespace

Target read_way_out(const Reading& reading, const ConfigTable& table, TableBit table_bit) {
    Target target;
    const WayOutReader reader{reading, table, table_bit};
    read_via(reader, target);
    reader.field("next_hop", target.next_hop, read_next_hop);
    reader.field("next_hop_mac", target.next_hop_mac, read_mac);
    reader.field("dst_ip", target.rewrite.dst_ip, read_destination);
    reader.field("dst_port", target.rewrite.dst_port, read_port);
    if (table_bit == k_member) return target;
    reader.field("group", target.group, read_name);
    read_source_rewrite(reader, target.rewrite);
    reader.field("src_port", target.rewrite.src_port, read_port);
    reader.field("dscp", target.rewrite.dscp, read_dscp);
    reader.field("ttl", target.rewrite.ttl, read_ttl);
    reader.field("vlan", target.rewrite.vlan, read_new_vlan);
    return target;
}

void read_action(const Reading& reading, RuleScope& scope, const ConfigTable& table, const Span& header, Rule& rule,
                 RuleTables& tables) {
    constexpr std::uint8_t k_bits[] = {k_pass, k_drop, k_steer, k_replicate, k_mirror};
    check_keys(reading, k_action, k_bits[static_cast<std::size_t>(rule.type)], table, header);
    if (rule.type == RuleType::steer) {
        add_way_out(reading, scope, table, k_action, rule, tables);
        rule.failure_drops = is_second_word(reading, table, "on_failure");
    }
    if (rule.type == RuleType::replicate) {
        rule.original_passes = is_second_word(reading, table, "original");
        if (const ConfigEntry* targets = find_entry(table, "targets"))
            read_targets(reading, scope, *targets, rule, tables);
    }
    if (rule.type == RuleType::mirror) read_mirror(reading, scope.limits, table, rule, tables);
    if (rule.type != RuleType::drop) read_rule_limit(reading, table, rule);
    read_join(reading, table, rule);
    tables.action = &table;
}

}  // namespace rudder
