// SPDX-License-Identifier: Apache-2.0
#include "core/config/groups.hpp"

#include "core/config/codes.hpp"
#include "core/config/read_health.hpp"
#include "core/config/read_rule.hpp"
#include "core/config/text.hpp"
#include "core/config/values.hpp"

#include "rudder_abi.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace rudder {
namespace {

constexpr std::size_t k_suggested_groups = 1000;  // with more, looking for a similar name takes too long

/// In the order of the words of the key `hash`.
constexpr HashFields k_hash_fields[] = {RUDDER_HASH_5_TUPLE,  RUDDER_HASH_SRC_IP,   RUDDER_HASH_DST_IP,
                                        RUDDER_HASH_SRC_PORT, RUDDER_HASH_DST_PORT, RUDDER_HASH_PROTOCOL};

bool read_hash(const Reading& reading, const ConfigTable& table, Group& group) {
    const ConfigEntry* entry = find_entry(table, "hash");
    group.hash = entry == nullptr ? RUDDER_HASH_5_TUPLE : 0;
    const KeySpec& spec = *find_key(k_group, "hash");
    return entry == nullptr || for_each_scalar(reading, spec, entry->value, [&](const ConfigValue& item) {
               const auto word = read_word(reading, spec, item);
               if (word) group.hash = static_cast<HashFields>(group.hash | k_hash_fields[*word]);
               return word.has_value();
           });
}

void read_number(const Reading& reading, const ConfigTable& table, std::string_view key, std::uint32_t& number) {
    const ConfigEntry* entry = find_entry(table, key);
    if (entry != nullptr && check_scalar(reading, *find_key(k_member, key), entry->value))
        number = static_cast<std::uint32_t>(*entry->value.as_integer());
}

/// Reports what a member has against those before it.
void check_member(const Reading& reading, const Group& group, const GroupMember& member, const Span& span) {
    const bool is_double = std::any_of(group.members.begin(), group.members.end(),
                                       [&](const GroupMember& other) { return other.way == member.way; });
    if (is_double)
        reading.error(code::duplicate_member, span, "the group has this member twice", "give one of them a larger `weight`");
    const auto& dst_ip = member.way.rewrite.dst_ip;
    if (dst_ip && dst_ip->family == IpFamily::v6 && member.way.next_hop && member.way.next_hop->family == IpFamily::v4)
        reading.error(code::next_hop_family, span, "an IPv6 destination has an IPv4 next hop");
    const auto family = member_family(member.way);
    for (const GroupMember& other : group.members) {
        const auto before = member_family(other.way);
        if (!family || !before || family == before) continue;
        reading.error(code::mixed_members, span, "this member is for packets of another address family than one before it");
        return;
    }
}

void read_members(const Reading& reading, const std::vector<ConfigValue>& items, Group& group) {
    for (const ConfigValue& item : items) {
        const ConfigTable* table = item.as_table();
        if (table == nullptr) {
            reading.error(code::wrong_type, item.span, fmt::format("a member must be a table, found {}", type_phrase(item)),
                          "write each member as { via = \"eth1\", ... }");
            continue;
        }
        check_keys(reading, k_member, k_every_type, *table, item.span);
        GroupMember member;
        member.way = read_way_out(reading, *table, k_member);
        read_number(reading, *table, "weight", member.weight);
        read_number(reading, *table, "tier", member.tier);
        check_member(reading, group, member, item.span);
        group.members.push_back(std::move(member));
    }
}

void read_member_list(const Reading& reading, const Limits& limits, const ConfigTable& table, Group& group) {
    const ConfigEntry* entry = find_entry(table, "members");
    if (entry == nullptr) return;
    const auto* items = entry->value.as_list();
    if (items == nullptr)
        return reading.error(code::wrong_type, entry->value.span,
                             fmt::format("`members` must be a list of tables, found {}", type_phrase(entry->value)),
                             "write members = [{ via = \"eth1\" }, { via = \"eth2\" }]");
    if (items->empty()) return reading.error(code::empty_list, entry->value.span, "`members` is an empty list", "give at least one");
    if (items->size() > limits.members)
        return reading.error(code::too_many_members, entry->key_span,
                             fmt::format("the group has {} members; the limit is {}", items->size(), limits.members));
    read_members(reading, *items, group);
    if (std::all_of(group.members.begin(), group.members.end(), [](const GroupMember& member) { return member.weight == 0; }))
        reading.error(code::no_weight, entry->key_span, "no member of the group has a weight above 0");
}

}  // namespace

std::optional<IpFamily> member_family(const Target& way) {
    if (way.rewrite.dst_ip) return way.rewrite.dst_ip->family;
    if (way.next_hop && way.next_hop->family == IpFamily::v4) return IpFamily::v4;
    return std::nullopt;
}

void NamedGroups::read(const Reading& reading, const Limits& limits, const ConfigValue& value) {
    const ConfigTable& table = *value.as_table();
    const std::size_t errors = reading.diagnostics.error_count();
    check_keys(reading, k_group, k_every_type, table, value.span);
    NamedGroup named;
    (void)read_hash(reading, table, named.group);
    read_member_list(reading, limits, table, named.group);
    const bool are_members_good = reading.diagnostics.error_count() == errors;
    read_health(reading, limits, table, named.group, are_members_good, probes_);
    const ConfigEntry* entry = find_entry(table, "name");
    const KeySpec& spec = *find_key(k_group, "name");
    if (entry == nullptr || !check_scalar(reading, spec, entry->value)) return mark_incomplete();
    const auto name = read_name(reading, spec, entry->value);
    if (!name) return mark_incomplete();
    named.is_good = reading.diagnostics.error_count() == errors;
    named.group.name = *name;
    named.group.where = reading.at(entry->value.span);
    const auto [first, is_new] = groups_.emplace(*name, std::move(named));
    if (!is_new)
        reading.error_with_note(code::duplicate_group, entry->value.span, fmt::format("the group `{}` is defined twice", *name),
                                {"first defined here", first->second.group.where},
                                "groups are known in all files; rename one of them");
    if (groups_.size() == limits.groups + 1)
        reading.error(code::too_many_groups, entry->value.span, fmt::format("the set has more groups than the limit of {}", limits.groups));
}

const Group* NamedGroups::use(const Reading& reading, const Span& span, std::string_view name) {
    const auto found = groups_.find(name);
    if (found != groups_.end()) {
        found->second.is_used = true;
        return found->second.is_good ? &found->second.group : nullptr;
    }
    if (!is_complete_) return nullptr;
    std::vector<std::string_view> known;
    if (groups_.size() <= k_suggested_groups)
        for (const auto& [other, group] : groups_) known.push_back(other);
    const std::string meant = did_you_mean(name, known);
    reading.error(code::unknown_group, span, fmt::format("there is no group {}", quoted(name)),
                  meant.empty() ? "define it with [[group]]" : fmt::format("did you mean \"{}\"?", meant));
    return nullptr;
}

void NamedGroups::warn_unused(Warnings& warnings) const {
    if (!is_complete_) return;
    for (const auto& [name, named] : groups_)
        if (!named.is_used)
            warnings.add({Severity::warning, std::string(code::unused_group), fmt::format("no rule uses the group `{}`", name),
                          named.group.where, {}, {}});
}

std::vector<Group> NamedGroups::take() {
    std::vector<Group> groups;
    for (auto& [name, named] : groups_) groups.push_back(std::move(named.group));
    return groups;
}

}  // namespace rudder
