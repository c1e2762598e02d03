// SPDX-License-Identifier: Apache-2.0
#include "core/config/schema.hpp"

#include "core/config/codes.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <iterator>
#include <limits>

namespace rudder {
namespace {

constexpr std::string_view k_type_words[] = {"steer", "replicate", "drop", "pass", "mirror", "capture", "tap"};
constexpr std::string_view k_direction_words[] = {"ingress", "egress"};
constexpr std::string_view k_on_failure_words[] = {"pass", "drop"};
constexpr std::string_view k_original_words[] = {"consume", "pass"};
constexpr std::string_view k_excess_words[] = {"pass", "drop"};
constexpr std::string_view k_src_ip_words[] = {"interface"};
constexpr std::string_view k_hash_words[] = {"5-tuple", "src-ip", "dst-ip", "src-port", "dst-port", "protocol"};
constexpr std::string_view k_probe_words[] = {"icmp", "tcp", "udp"};
constexpr std::string_view k_ttl_words[] = {"keep"};
constexpr std::string_view k_fragment_words[] = {"none", "first", "later"};
constexpr std::string_view k_ecn_words[] = {"not-ect", "ect1", "ect0", "ce"};
constexpr std::string_view k_vlan_words[] = {"none", "any"};
constexpr std::string_view k_new_vlan_words[] = {"none"};
constexpr std::string_view k_dscp_words[] = {"cs0",  "cs1",  "cs2",  "cs3",  "cs4",  "cs5",  "cs6",  "cs7",  "af11",
                                             "af12", "af13", "af21", "af22", "af23", "af31", "af32", "af33", "af41",
                                             "af42", "af43", "ef",   "va",   "le",   "df",   "be"};
constexpr std::string_view k_protocol_words[] = {"any",  "tcp",  "udp", "icmp", "icmp6",   "igmp",
                                                 "gre",  "esp",  "ah",  "sctp", "udplite", "dccp",
                                                 "ospf", "vrrp", "pim", "ipip", "ipv6",    "l2tp"};

constexpr std::uint8_t k_sending = k_steer | k_replicate;
constexpr std::uint8_t k_limited = k_steer | k_replicate | k_mirror | k_pass;
constexpr std::uint8_t k_joining = k_steer | k_replicate | k_mirror;
constexpr std::uint16_t k_way_out = k_action | k_target;
constexpr std::uint16_t k_member_too = k_way_out | k_member;
constexpr ValueKind k_later = ValueKind::unsupported;

// clang-format off
constexpr KeySpec k_keys[] = {
    {.tables = k_root, .key = "rule", .kind = ValueKind::table_list,
     .doc = "a rule; the one with the lowest priority number that matches decides"},
    {.tables = k_root, .key = "set", .kind = ValueKind::table_list,
     .doc = "a named list of prefixes or ports, used as \"@name\" in every file of the set"},
    {.tables = k_root, .key = "group", .kind = ValueKind::table_list,
     .doc = "several next hops among which flows are spread"},
    {.tables = k_root, .key = "interface", .kind = k_later, .doc = "options of one interface"},
    {.tables = k_root, .key = "test", .kind = k_later, .doc = "an assertion that travels with the policy"},

    {.tables = k_rule, .key = "name", .kind = ValueKind::name,
     .doc = "name of the rule, unique over all files; counters belong to it", .is_required = true, .minimum = 1,
     .maximum = 64, .unit = "bytes", .code = code::bad_name},
    {.tables = k_rule, .key = "priority", .kind = ValueKind::integer,
     .doc = "order of evaluation, unique over all files; lower numbers first", .is_required = true,
     .maximum = 4294967294, .code = code::out_of_range},
    {.tables = k_rule, .key = "type", .kind = ValueKind::word, .doc = "what the rule does", .is_required = true,
     .words = k_type_words, .code = code::unknown_type},
    {.tables = k_rule, .key = "match", .kind = ValueKind::table, .doc = "which packets the rule is for",
     .is_required = true},
    {.tables = k_rule, .key = "action", .kind = ValueKind::table, .doc = "how the rule treats them"},

    {.tables = k_match, .key = "interface", .kind = ValueKind::interface_pattern,
     .doc = "name, altname or glob of the interface, \"any\" for all but loopback, \"!\" excludes",
     .is_required = true, .is_list_allowed = true, .code = code::bad_interface},
    {.tables = k_match, .key = "direction", .kind = ValueKind::word,
     .doc = "whether packets are taken when they come in or when they leave", .words = k_direction_words,
     .default_text = "ingress", .code = code::unknown_direction},
    {.tables = k_match | k_not, .key = "src_ip", .kind = ValueKind::prefix, .doc = "source prefix", .is_list_allowed = true,
     .default_text = "any", .code = code::bad_prefix},
    {.tables = k_match | k_not, .key = "dst_ip", .kind = ValueKind::prefix, .doc = "destination prefix",
     .is_list_allowed = true, .default_text = "any", .code = code::bad_prefix},
    {.tables = k_match | k_not, .key = "ip_proto", .kind = ValueKind::protocol, .doc = "IP protocol, by name or number",
     .maximum = 255, .words = k_protocol_words, .default_text = "any", .code = code::unknown_protocol},
    {.tables = k_match | k_not, .key = "src_port", .kind = ValueKind::ports, .doc = "source port or \"lo-hi\"",
     .is_list_allowed = true, .maximum = 65535, .default_text = "any", .code = code::bad_ports},
    {.tables = k_match | k_not, .key = "dst_port", .kind = ValueKind::ports, .doc = "destination port or \"lo-hi\"",
     .is_list_allowed = true, .maximum = 65535, .default_text = "any", .code = code::bad_ports},
    {.tables = k_match | k_not, .key = "dscp", .kind = ValueKind::dscp, .doc = "DSCP, by name or number",
     .is_list_allowed = true, .maximum = 63, .words = k_dscp_words, .default_text = "any",
     .code = code::unknown_dscp},
    {.tables = k_match | k_not, .key = "vlan", .kind = ValueKind::vlan,
     .doc = "VLAN id or \"lo-hi\" of the outer tag, \"none\" for untagged packets, \"any\" for all",
     .is_list_allowed = true, .minimum = 1, .maximum = 4094, .words = k_vlan_words, .default_text = "none",
     .code = code::bad_vlan},
    {.tables = k_match | k_not, .key = "icmp_type", .kind = ValueKind::icmp_type,
     .doc = "ICMP type, by name or number, \"lo-hi\" or \"type/code\"", .is_list_allowed = true, .maximum = 255,
     .default_text = "any", .code = code::bad_icmp_type},
    {.tables = k_match | k_not, .key = "tcp_flags", .kind = ValueKind::tcp_flags,
     .doc = "TCP flags that must be set, and after \"!\" clear", .is_list_allowed = true, .default_text = "any",
     .code = code::bad_tcp_flags},
    {.tables = k_match | k_not, .key = "fragment", .kind = ValueKind::word,
     .doc = "whole packets, first fragments, later ones", .is_list_allowed = true, .words = k_fragment_words,
     .default_text = "any", .code = code::unknown_fragment},
    {.tables = k_match | k_not, .key = "length", .kind = ValueKind::range, .doc = "length of the IP packet or \"lo-hi\"",
     .is_list_allowed = true, .maximum = 65535, .default_text = "any", .unit = "bytes", .code = code::bad_range},
    {.tables = k_match | k_not, .key = "ttl", .kind = ValueKind::range, .doc = "TTL or hop limit, or \"lo-hi\"",
     .is_list_allowed = true, .maximum = 255, .default_text = "any", .code = code::bad_range},
    {.tables = k_match | k_not, .key = "fwmark", .kind = ValueKind::mark, .doc = "mark of the packet, or \"value/mask\"",
     .is_list_allowed = true, .maximum = 4294967295, .default_text = "any", .code = code::bad_mark},
    {.tables = k_match | k_not, .key = "src_mac", .kind = ValueKind::mac_pattern,
     .doc = "source MAC address, or \"address/mask\"", .is_list_allowed = true, .default_text = "any",
     .code = code::bad_mac_pattern},
    {.tables = k_match | k_not, .key = "dst_mac", .kind = ValueKind::mac_pattern,
     .doc = "destination MAC address, or \"address/mask\"", .is_list_allowed = true, .default_text = "any",
     .code = code::bad_mac_pattern},
    {.tables = k_match | k_not, .key = "ecn", .kind = ValueKind::ecn, .doc = "ECN, by name or number",
     .is_list_allowed = true, .maximum = 3, .words = k_ecn_words, .default_text = "any", .code = code::unknown_ecn},
    {.tables = k_match, .key = "not", .kind = ValueKind::table,
     .doc = "what a packet must not have: the same keys but interface and direction"},

    {.tables = k_action, .key = "targets", .kind = ValueKind::table_list, .doc = "one rewritten copy each",
     .types = k_replicate, .is_required = true, .minimum = 1, .maximum = 64},
    {.tables = k_action, .key = "original", .kind = ValueKind::word,
     .doc = "whether the original packet is consumed or goes on", .types = k_replicate, .words = k_original_words,
     .default_text = "consume", .code = code::unknown_original},
    {.tables = k_action, .key = "on_failure", .kind = ValueKind::word,
     .doc = "what becomes of a packet that cannot be sent", .types = k_steer, .words = k_on_failure_words,
     .default_text = "pass", .code = code::unknown_on_failure},
    {.tables = k_member_too, .key = "via", .kind = ValueKind::device,
     .doc = "interface through which the packet leaves, or { table = N }; mirror: or a list", .types = k_sending | k_mirror, .is_required = true,
     .code = code::bad_device},
    {.tables = k_member_too, .key = "next_hop", .kind = ValueKind::address,
     .doc = "gateway on that interface; without it the route to the destination", .types = k_sending,
     .code = code::bad_address},
    {.tables = k_member_too, .key = "next_hop_mac", .kind = ValueKind::mac,
     .doc = "static link-layer address of the next hop", .types = k_sending, .code = code::bad_mac},
    {.tables = k_member_too, .key = "dst_ip", .kind = ValueKind::address, .doc = "new destination address",
     .types = k_sending, .code = code::bad_address},
    {.tables = k_way_out, .key = "src_ip", .kind = ValueKind::address,
     .doc = "new source address, or \"interface\" for that of the interface `via`", .types = k_sending,
     .words = k_src_ip_words, .code = code::bad_address},
    {.tables = k_member_too, .key = "dst_port", .kind = ValueKind::integer, .doc = "new destination port",
     .types = k_sending, .minimum = 1, .maximum = 65535, .code = code::out_of_range},
    {.tables = k_way_out, .key = "src_port", .kind = ValueKind::integer, .doc = "new source port",
     .types = k_sending, .minimum = 1, .maximum = 65535, .code = code::out_of_range},
    {.tables = k_way_out, .key = "dscp", .kind = ValueKind::dscp, .doc = "new DSCP; the ECN bits stay",
     .types = k_sending, .maximum = 63, .words = k_dscp_words, .code = code::unknown_dscp},
    {.tables = k_way_out, .key = "ttl", .kind = ValueKind::ttl, .doc = "\"keep\", or the new TTL or hop limit",
     .types = k_sending, .minimum = 1, .maximum = 255, .words = k_ttl_words,
     .default_text = "decremented at ingress", .code = code::bad_ttl},
    {.tables = k_way_out, .key = "vlan", .kind = ValueKind::new_vlan,
     .doc = "new VLAN id of the outer tag, which is put on if there is none; \"none\" takes it off", .types = k_sending,
     .minimum = 1, .maximum = 4094, .words = k_new_vlan_words, .code = code::bad_new_vlan},
    {.tables = k_way_out, .key = "group", .kind = ValueKind::name,
     .doc = "in place of `via`: each flow leaves by one member of that [[group]]", .types = k_sending, .minimum = 1,
     .maximum = 64, .unit = "bytes", .code = code::bad_name},
    {.tables = k_action, .key = "join", .kind = ValueKind::boolean,
     .doc = "whether the multicast groups of `dst_ip` are joined on the interfaces of the rule", .types = k_joining,
     .default_text = "false"},
    {.tables = k_action, .key = "sources", .kind = ValueKind::address,
     .doc = "the only sources to join the groups for", .types = k_joining, .is_list_allowed = true,
     .default_text = "any", .code = code::bad_address},
    {.tables = k_action | k_target, .key = "snap", .kind = ValueKind::integer, .doc = "bytes of the frame that are copied, from its first one on",
     .types = k_mirror | k_capture, .minimum = 64, .maximum = 65535, .default_text = "all", .code = code::out_of_range},
    {.tables = k_action, .key = "sample", .kind = ValueKind::integer, .doc = "copies of one packet out of that many",
     .types = k_mirror | k_capture, .minimum = 1, .maximum = 1000000, .default_text = "1", .code = code::out_of_range},
    {.tables = k_target, .key = "sample", .kind = ValueKind::integer, .doc = "copies of one packet out of that many",
     .types = k_replicate, .minimum = 1, .maximum = 1000000, .default_text = "1", .code = code::out_of_range},
    {.tables = k_action, .key = "limit", .kind = ValueKind::rate,
     .doc = "rate up to which packets are treated, such as \"1000pps\" or \"10mbit\"", .types = k_limited,
     .default_text = "none", .code = code::bad_rate},
    {.tables = k_target, .key = "limit", .kind = ValueKind::rate,
     .doc = "rate up to which copies are sent, such as \"1000pps\" or \"10mbit\"", .types = k_replicate,
     .default_text = "none", .code = code::bad_rate},
    {.tables = k_way_out, .key = "burst", .kind = ValueKind::integer,
     .doc = "packets, or bytes of a limit in bits, that may come at once", .types = k_limited, .minimum = 1,
     .maximum = 1000000000, .default_text = "what the limit carries in 100 ms", .code = code::out_of_range},
    {.tables = k_action, .key = "excess", .kind = ValueKind::word,
     .doc = "what becomes of packets beyond the limit", .types = k_sending | k_pass, .words = k_excess_words,
     .default_text = "drop", .code = code::unknown_excess},
    {.tables = k_action, .key = "queue", .kind = k_later, .doc = "receive queue of the socket", .types = k_tap},

    {.tables = k_group, .key = "name", .kind = ValueKind::name, .doc = "name of the group, unique over all files",
     .is_required = true, .minimum = 1, .maximum = 64, .unit = "bytes", .code = code::bad_name},
    {.tables = k_group, .key = "members", .kind = ValueKind::table_list, .doc = "the next hops", .is_required = true,
     .minimum = 1, .maximum = 64},
    {.tables = k_group, .key = "hash", .kind = ValueKind::word, .doc = "the fields that make packets one flow",
     .is_list_allowed = true, .words = k_hash_words, .default_text = "5-tuple", .code = code::unknown_hash},
    {.tables = k_member, .key = "weight", .kind = ValueKind::integer,
     .doc = "share of the flows among the members of its tier; 0 takes none", .maximum = 256, .default_text = "1",
     .code = code::out_of_range},
    {.tables = k_member, .key = "tier", .kind = ValueKind::integer,
     .doc = "used while no member of a lower tier is up", .minimum = 1, .maximum = 16, .default_text = "1",
     .code = code::out_of_range},
    {.tables = k_group, .key = "health", .kind = ValueKind::table, .doc = "how its members are asked whether they live"},

    {.tables = k_health, .key = "type", .kind = ValueKind::word, .doc = "what is asked", .is_required = true,
     .words = k_probe_words, .code = code::unknown_probe},
    {.tables = k_health, .key = "port", .kind = ValueKind::integer, .doc = "the port that is asked", .minimum = 1,
     .maximum = 65535, .code = code::out_of_range},
    {.tables = k_health, .key = "address", .kind = ValueKind::address, .doc = "who is asked through each member",
     .default_text = "the next_hop of the member, else its dst_ip", .code = code::bad_probe_address},
    {.tables = k_health, .key = "interval", .kind = ValueKind::duration, .doc = "from one question to the next",
     .minimum = 100, .maximum = 3'600'000, .default_text = "1s", .unit = "ms", .code = code::bad_duration},
    {.tables = k_health, .key = "timeout", .kind = ValueKind::duration,
     .doc = "how long an answer may take, at most half the interval", .minimum = 10, .maximum = 1'800'000,
     .default_text = "half the interval, at most 1s", .unit = "ms", .code = code::bad_duration},
    {.tables = k_health, .key = "rise", .kind = ValueKind::integer,
     .doc = "answers in a row that make a dead member alive", .minimum = 1, .maximum = 100, .default_text = "2",
     .code = code::out_of_range},
    {.tables = k_health, .key = "fall", .kind = ValueKind::integer,
     .doc = "missing answers in a row that make a member dead", .minimum = 1, .maximum = 100, .default_text = "3",
     .code = code::out_of_range},
    {.tables = k_health, .key = "hold_down", .kind = ValueKind::duration,
     .doc = "how long a member must go on answering before it gets flows again", .maximum = 3'600'000,
     .default_text = "0s", .unit = "ms", .code = code::bad_duration},
    {.tables = k_health, .key = "request", .kind = ValueKind::bytes, .doc = "the datagram that is sent", .minimum = 1,
     .maximum = 512, .unit = "bytes", .code = code::bad_bytes},
    {.tables = k_health, .key = "expect", .kind = ValueKind::bytes, .doc = "what the answer begins with", .minimum = 1,
     .maximum = 512, .default_text = "any answer", .unit = "bytes", .code = code::bad_bytes},

    {.tables = k_route, .key = "table", .kind = ValueKind::integer,
     .doc = "number of the routing table in which the kernel looks the packet up", .is_required = true, .minimum = 1,
     .maximum = 4294967295, .code = code::out_of_range},

    {.tables = k_set, .key = "name", .kind = ValueKind::name, .doc = "name of the set, unique over all files",
     .is_required = true, .minimum = 1, .maximum = 64, .unit = "bytes", .code = code::bad_name},
    {.tables = k_set, .key = "prefixes", .kind = ValueKind::prefix, .doc = "IPv4 and IPv6 prefixes",
     .is_list_allowed = true, .code = code::bad_prefix},
    {.tables = k_set, .key = "ports", .kind = ValueKind::ports, .doc = "ports and \"lo-hi\" ranges",
     .is_list_allowed = true, .maximum = 65535, .code = code::bad_ports},
    {.tables = k_set, .key = "file", .kind = ValueKind::file,
     .doc = "name of the file beside this one that holds the list, one prefix or port on each line", .code = code::bad_list_file},
};
// clang-format on

constexpr TypeSpec k_types[] = {
    {"steer", k_steer, true, "send the packet out of one interface, rewritten or not"},
    {"replicate", k_replicate, true, "send one rewritten copy per target"},
    {"drop", k_drop, true, "discard the packet"},
    {"pass", k_pass, true, "leave the packet to the stack; later rules are not looked at"},
    {"mirror", k_mirror, true, "unmodified copies to interfaces; the original goes on"},
    {"capture", k_capture, false, "a copy to user space; the original goes on"},
    {"tap", k_tap, false, "hand the packet to an AF_XDP socket"},
};

struct Run {
    std::size_t first = 0;
    std::size_t end = 0;
};

/// For each table from its first row to its last one.
constexpr auto k_runs = [] {
    std::array<Run, std::numeric_limits<std::uint16_t>::digits> runs{};
    for (std::size_t row = 0; row < std::size(k_keys); ++row) {
        for (std::size_t bit = 0; bit < runs.size(); ++bit) {
            if ((k_keys[row].tables >> bit & 1U) == 0) continue;
            if (runs[bit].end == 0) runs[bit].first = row;
            runs[bit].end = row + 1;
        }
    }
    return runs;
}();

}  // namespace

std::span<const KeySpec> key_table() {
    return k_keys;
}

std::span<const TypeSpec> type_table() {
    return k_types;
}

std::span<const KeySpec> rows_about(TableBit table) {
    const Run& run = k_runs[static_cast<std::size_t>(std::countr_zero(static_cast<std::uint16_t>(table)))];
    return std::span(k_keys).subspan(run.first, run.end - run.first);
}

const KeySpec* find_key(TableBit table, std::string_view key) {
    const auto rows = rows_about(table);
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const KeySpec& spec) {
        return (spec.tables & table) != 0 && spec.key.size() == key.size() && spec.key.front() == key.front() &&
               spec.key == key;
    });
    return found == rows.end() ? nullptr : &*found;
}

std::vector<std::string_view> keys_of(TableBit table, std::uint8_t types) {
    std::vector<std::string_view> keys;
    for (const KeySpec& spec : k_keys)
        if ((spec.tables & table) != 0 && (spec.types & types) != 0) keys.push_back(spec.key);
    return keys;
}

std::string_view table_title(TableBit table) {
    switch (table) {
        case k_root:
            return "the file";
        case k_rule:
            return "[[rule]]";
        case k_match:
            return "[rule.match]";
        case k_action:
            return "[rule.action]";
        case k_target:
            return "[[rule.action.targets]]";
        case k_set:
            return "[[set]]";
        case k_group:
            return "[[group]]";
        case k_member:
            return "[[group.members]]";
        case k_health:
            return "[group.health]";
        case k_route:
            return "`via`";
        case k_not:
            return "[rule.match.not]";
    }
    return "";
}

}  // namespace rudder
