// SPDX-License-Identifier: Apache-2.0
#include "core/config/check_rule.hpp"

#include "core/config/codes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

namespace rudder {
namespace {

struct Families {
    bool v4 = true;
    bool v6 = true;
};

/// One field of an action that states an address family.
struct Statement {
    IpFamily family = IpFamily::v4;
    bool is_next_hop = false;
    Span span;
};

std::string_view family_name(IpFamily family) {
    return family == IpFamily::v4 ? "IPv4" : "IPv6";
}

Families families_of(const std::vector<IpPrefix>& prefixes) {
    if (prefixes.empty()) return {};
    const auto has = [&](IpFamily family) {
        return std::any_of(prefixes.begin(), prefixes.end(),
                           [&](const IpPrefix& prefix) { return prefix.address.family == family; });
    };
    return {has(IpFamily::v4), has(IpFamily::v6)};
}

Families match_families(const Reading& reading, const RuleTables& tables, const Match& match) {
    const Families src = families_of(match.src);
    const Families dst = families_of(match.dst);
    const Families both{src.v4 && dst.v4, src.v6 && dst.v6};
    if (both.v4 || both.v6) return both;
    const ConfigEntry* src_entry = find_entry(*tables.match, "src_ip");
    const ConfigEntry* dst_entry = find_entry(*tables.match, "dst_ip");
    reading.error_with_note(code::no_family, dst_entry->value.span,
                            fmt::format("`dst_ip` is {}, but `src_ip` is {}: no packet can match",
                                        dst.v4 ? "IPv4" : "IPv6", src.v4 ? "IPv4" : "IPv6"),
                            {"the source is set here", reading.at(src_entry->value.span)});
    return {};
}

/// The fields of one way out that tie packets to a family, rewrites first.
std::vector<Statement> statements(const ConfigTable& table, const Target& target, const Group* group) {
    std::vector<Statement> found;
    const auto add = [&](std::string_view key, const std::optional<IpAddress>& address, bool is_next_hop) {
        const ConfigEntry* entry = address ? find_entry(table, key) : nullptr;
        if (entry != nullptr) found.push_back({address->family, is_next_hop, entry->value.span});
    };
    for (std::size_t i = 0; group != nullptr && found.empty() && i < group->members.size(); ++i) {
        const Target& way = group->members[i].way;  // all members with a family have the same one
        if (const auto family = member_family(way))
            found.push_back({*family, !way.rewrite.dst_ip, find_entry(table, "group")->value.span});
    }
    add("dst_ip", target.rewrite.dst_ip, false);
    add("src_ip", target.rewrite.src_ip, false);
    if (target.next_hop && target.next_hop->family == IpFamily::v4) add("next_hop", target.next_hop, true);
    return found;
}

bool report_conflict(const Reading& reading, const Statement& first, const Statement& other) {
    if (first.family == other.family) return false;
    const bool is_next_hop = other.is_next_hop || first.is_next_hop;
    reading.error_with_note(
        is_next_hop ? code::next_hop_family : code::mixed_families, other.span,
        fmt::format("this is {}, but the action is for {} packets already", family_name(other.family),
                    family_name(first.family)),
        {fmt::format("{} is set here", family_name(first.family)), reading.at(first.span)},
        is_next_hop ? "an IPv6 packet needs an IPv6 next hop" : "write one rule per address family");
    return true;
}

/// The first statement of the action; the others must agree with it.
std::optional<Statement> action_statement(const Reading& reading, const RuleTables& tables, const Rule& rule) {
    std::optional<Statement> first;
    for (std::size_t i = 0; i < tables.ways_out.size(); ++i) {
        for (const Statement& statement : statements(*tables.ways_out[i], rule.targets[i], tables.groups[i])) {
            if (!first)
                first = statement;
            else if (report_conflict(reading, *first, statement))
                return std::nullopt;
        }
    }
    return first;
}

void report_against_match(const Reading& reading, const RuleTables& tables, const Statement& statement) {
    const ConfigEntry* entry = find_entry(*tables.match, "dst_ip");
    if (entry == nullptr) entry = find_entry(*tables.match, "src_ip");
    const std::string_view other = statement.family == IpFamily::v4 ? "IPv6" : "IPv4";
    reading.error_with_note(
        statement.is_next_hop ? code::next_hop_family : code::action_family, statement.span,
        fmt::format("this is {}, but the rule matches {} packets only", family_name(statement.family), other),
        {"the match is set here", reading.at(entry->value.span)},
        statement.is_next_hop ? "an IPv6 packet needs an IPv6 next hop" : "packets keep their address family");
}

bool is_by_v6(const Target& way) { return way.next_hop && way.next_hop->family == IpFamily::v6; }

bool has_v6_next_hop(const RuleTables& tables, const Rule& rule) {
    return std::any_of(rule.targets.begin(), rule.targets.end(), is_by_v6) ||
           std::any_of(tables.groups.begin(), tables.groups.end(), [](const Group* group) {
               return group != nullptr && std::any_of(group->members.begin(), group->members.end(),
                                                      [](const GroupMember& member) { return is_by_v6(member.way); });
           });
}

void keep_families(std::vector<IpPrefix>& prefixes, const Families& families) {
    std::erase_if(prefixes, [&](const IpPrefix& prefix) {
        return prefix.address.family == IpFamily::v4 ? !families.v4 : !families.v6;
    });
}

void warn_icmp(const Reading& reading, const RuleTables& tables, const Match& match) {
    constexpr std::uint8_t k_icmp = 1;
    constexpr std::uint8_t k_icmp6 = 58;
    const bool is_wrong =
        (match.ip_proto == k_icmp && !match.family_v4) || (match.ip_proto == k_icmp6 && !match.family_v6);
    if (!is_wrong) return;
    const bool is_v4 = match.family_v4;
    reading.warning(code::wrong_icmp, find_entry(*tables.match, "ip_proto")->value.span,
                    fmt::format("the rule is for {} packets, whose ICMP is `{}`", is_v4 ? "IPv4" : "IPv6",
                                is_v4 ? "icmp" : "icmp6"),
                    fmt::format("did you mean `{}`?", is_v4 ? "icmp" : "icmp6"));
}

/// *Source*: the IPv6 extension headers of RFC 8200 that the packet parser skips. It also skips AH, but in IPv6 only.
bool is_skipped_header(std::uint8_t protocol) {
    constexpr std::uint8_t k_skipped[] = {0, 43, 44, 60};  // hop-by-hop, routing, fragment, destination options
    return std::find(std::begin(k_skipped), std::end(k_skipped), protocol) != std::end(k_skipped);
}

void warn_extension_header(const Reading& reading, const RuleTables& tables, const Match& match) {
    constexpr std::uint8_t k_ah = 51;
    if (!match.ip_proto) return;
    const bool is_ah_of_v6 = match.ip_proto == k_ah && !match.family_v4;
    if (!is_ah_of_v6 && !is_skipped_header(*match.ip_proto)) return;
    reading.warning(code::extension_header, find_entry(*tables.match, "ip_proto")->value.span,
                    fmt::format("protocol {} is an extension header of IPv6; rules look at the protocol behind it",
                                ip_protocol_to_string(*match.ip_proto)),
                    "match the protocol behind it, such as \"tcp\", or leave `ip_proto` out");
}

bool is_rewriting(const Target& target) {
    const Rewrite& rewrite = target.rewrite;
    return rewrite.dst_ip || rewrite.src_ip || rewrite.is_src_of_interface || rewrite.dst_port || rewrite.src_port || rewrite.dscp ||
           rewrite.vlan;
}

/// `key` is what is pointed at: the `via` of the way out, or the `group` that has it.
void check_hairpin(const Reading& reading, const ConfigTable& table, std::string_view key, const Match& match, const Target& target) {
    if (match.direction != Direction::ingress || target.next_hop || target.next_hop_mac || is_rewriting(target)) return;
    const auto& names = match.interface.include;
    if (target.via.empty() || std::find(names.begin(), names.end(), target.via) == names.end()) return;
    reading.error(code::hairpin, find_entry(table, key)->value.span,
                  fmt::format("packets from `{}` would leave through `{}` unchanged", target.via, target.via),
                  "give a `next_hop`, a `next_hop_mac` or a rewrite, or another interface");
}

/// The copy would be a duplicate of what is there.
void check_mirror(const Reading& reading, const ConfigTable& table, const Match& match, const Target& target) {
    const auto& names = match.interface.include;
    if (std::find(names.begin(), names.end(), target.via) == names.end()) return;
    reading.error(code::hairpin, find_entry(table, "via")->value.span,
                  fmt::format("packets of `{}` would be copied to `{}` itself", target.via, target.via),
                  "mirror to another interface");
}

void check_port_rewrite(const Reading& reading, const ConfigTable& table, const Match& match) {
    if (!match.ip_proto || ip_protocol_has_ports(*match.ip_proto)) return;
    for (const std::string_view key : {"src_port", "dst_port"})
        if (const ConfigEntry* entry = find_entry(table, key))
            reading.error(code::port_rewrite_no_ports, entry->key_span,
                          fmt::format("`{}` cannot be set: the rule matches protocol {}, which has no ports", key,
                                      ip_protocol_to_string(*match.ip_proto)));
}

/// The default of `vlan` in a match is easily forgotten.
void warn_no_tag(const Reading& reading, const ConfigTable& table, const Match& match, const Target& target) {
    if (target.rewrite.vlan != 0 || !match.vlan.ids.empty()) return;
    reading.warning(code::no_tag_to_take_off, find_entry(table, "vlan")->value.span,
                    "the rule is for packets in no VLAN; there is a priority tag to take off at most");
}

/// An interface has addresses of both families.
void check_source_family(const Reading& reading, const RuleTables& tables, const Rule& rule) {
    if (rule.match.family_v4 != rule.match.family_v6) return;
    for (std::size_t i = 0; i < tables.ways_out.size(); ++i) {
        if (!rule.targets[i].rewrite.is_src_of_interface) continue;
        reading.error(code::source_family, find_entry(*tables.ways_out[i], "src_ip")->value.span,
                      "the rule is for both address families; which address of the interface is meant?",
                      "state the family in the match, such as dst_ip = \"0.0.0.0/0\" or \"::/0\"");
    }
}

/// See refuse_beside_table, for a member that names a routing table.
void check_member_by_table(const Reading& reading, const ConfigTable& table, const Rule& rule, const Target& way) {
    if (rule.type == RuleType::replicate)
        reading.error(code::key_not_supported, find_entry(table, "group")->value.span,
                      "a routing table as `via` of a member is not supported yet for copies", "name interfaces in the group");
    if (way.rewrite.is_src_of_interface)
        reading.error(code::route_and_way, find_entry(table, "src_ip")->value.span,
                      "which interface a member by routing table leaves by is known only when the packet is routed",
                      "write the address, or name interfaces in the group");
}

/// What a rule makes impossible for a member of its group.
void check_members(const Reading& reading, const ConfigTable& table, const Rule& rule, const Target& target, const Group& group) {
    const Match& match = rule.match;
    const bool has_ports = !match.ip_proto || ip_protocol_has_ports(*match.ip_proto);
    for (const GroupMember& member : group.members) {
        const Target way = member_target(target, member);
        check_hairpin(reading, table, "group", match, way);
        if (way.table) check_member_by_table(reading, table, rule, way);
        if (!has_ports && member.way.rewrite.dst_port)
            reading.error(code::port_rewrite_no_ports, find_entry(table, "group")->value.span,
                          fmt::format("the group sets `dst_port`: the rule matches protocol {}, which has no ports",
                                      ip_protocol_to_string(*match.ip_proto)));
    }
}

}  // namespace

void settle_families(const Reading& reading, const RuleTables& tables, Rule& rule) {
    if (tables.match == nullptr) return;
    Match& match = rule.match;
    Families families = match_families(reading, tables, match);
    if (const auto statement = action_statement(reading, tables, rule)) {
        const bool is_v4 = statement->family == IpFamily::v4;
        if (is_v4 ? !families.v4 : !families.v6) return report_against_match(reading, tables, *statement);
        families = {is_v4, !is_v4};
    } else if (match.src.empty() && match.dst.empty() && has_v6_next_hop(tables, rule)) {
        families = {false, true};
    }
    match.family_v4 = families.v4;
    match.family_v6 = families.v6;
    keep_families(match.src, families);
    keep_families(match.dst, families);
    warn_icmp(reading, tables, match);
    warn_extension_header(reading, tables, match);
    check_source_family(reading, tables, rule);
}

void check_targets(const Reading& reading, const RuleTables& tables, const Rule& rule) {
    for (std::size_t i = 0; i < tables.ways_out.size(); ++i) {
        check_port_rewrite(reading, *tables.ways_out[i], rule.match);
        warn_no_tag(reading, *tables.ways_out[i], rule.match, rule.targets[i]);
        if (rule.type == RuleType::mirror)
            check_mirror(reading, *tables.ways_out[i], rule.match, rule.targets[i]);
        else if (tables.groups[i] != nullptr)
            check_members(reading, *tables.ways_out[i], rule, rule.targets[i], *tables.groups[i]);
        else
            check_hairpin(reading, *tables.ways_out[i], "via", rule.match, rule.targets[i]);
    }
}

}  // namespace rudder
