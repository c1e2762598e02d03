// SPDX-License-Identifier: Apache-2.0
#include "stat/draw.hpp"

#include <fmt/format.h>

namespace rudder::stat {
namespace {

/// Of an active steer rule the state of its one next hop matters; a deferred rule says so itself. Groups that cannot be
/// joined are worse than either.
std::string shown_state(const Json& rule) {
    const std::string state = text_of(rule, "state");
    if (const Json* join = find(rule, "join"); join != nullptr && number_of(*join, "failed") > 0) return "join-failed";
    const Json* targets = find(rule, "targets");
    const bool has_one = targets != nullptr && targets->is_array() && targets->size() == 1;
    if (state != "active" || !has_one) return state;
    const std::string target_state = text_of(targets->front(), "state");
    return target_state == "up" || target_state == "by-packet" ? state : target_state;
}

/// "10.0.0.1 port 5004 " of what the copy is sent to, empty where its destination stays.
std::string destination_text(const Json& target) {
    const Json* rewrite = find(target, "rewrite");
    if (rewrite == nullptr) return {};
    const std::string address = text_of(*rewrite, "dst_ip");
    const std::string port = text_of(*rewrite, "dst_port");
    return (address == "-" ? "" : address + " ") + (port == "-" ? "" : "port " + port + " ");
}

/// "eth1" or "table 100"
std::string way_text(const Json& way) {
    const std::string table = text_of(way, "table");
    return table == "-" ? text_of(way, "via") : "table " + table;
}

std::string copy_text(const Json& target) {
    const std::string mac = text_of(target, "mac");
    if (text_of(target, "group") != "-") return destination_text(target) + "group " + text_of(target, "group");
    return fmt::format("{}via {}{}", destination_text(target), text_of(target, "via"), mac == "-" ? "" : " mac " + mac);
}

/// " probe icmp 10.0.0.1 up 0.3 ms" or " probe tcp 10.0.0.1 port 80 dead (refused)"; empty if the member is not probed.
std::string probe_text(const Json& member) {
    const Json* probe = find(member, "probe");
    if (probe == nullptr || !probe->is_object()) return {};
    std::string text = fmt::format(" probe {} {}", text_of(*probe, "type"), text_of(*probe, "address"));
    if (text_of(*probe, "port") != "-") text += " port " + text_of(*probe, "port");
    text += " " + text_of(*probe, "health");
    if (is_true(*probe, "is_held_down")) text += " (held down)";
    if (const std::string reason = text_of(*probe, "reason"); !reason.empty()) return text + " (" + reason + ")";
    return text_of(*probe, "rtt_us") == "-" ? text : fmt::format("{} {:.1f} ms", text, static_cast<double>(number_of(*probe, "rtt_us")) / 1000);
}

/// "10.0.0.1 via eth1 weight 2 tier 1 share 50.0 %"
std::string member_text(const Json& member) {
    std::string text = text_of(member, "dst_ip") == "-" ? "" : text_of(member, "dst_ip") + " ";
    if (text_of(member, "dst_port") != "-") text += "port " + text_of(member, "dst_port") + " ";
    text += "via " + way_text(member);
    if (text_of(member, "next_hop") != "-") text += " next-hop " + text_of(member, "next_hop");
    const Json* share = find(member, "share");
    const double percent = share != nullptr && share->is_number() ? share->get<double>() * 100 : 0;
    return fmt::format("{} weight {} tier {} share {:.1f} %{}", text, text_of(member, "weight"), text_of(member, "tier"), percent,
                       probe_text(member));
}

void add_members(Table& table, Table::Row parent, const Json& target) {
    std::size_t number = 0;
    for_each(target, "members", [&](const Json& member) {
        const std::string reason = text_of(member, "reason");
        table.add({fmt::format("member {}", number++), "", "", "", "", "", member_text(member),
                   state_cell(text_of(member, "state") == "up" ? "up" : reason), text_of(member, "packets"),
                   text_of(member, "bytes"), pairs_of(member, "failures")},
                  parent);
    });
}

void add_targets(Table& table, Table::Row parent, const Json& rule) {
    if (text_of(rule, "type") == "steer") for_each(rule, "targets", [&](const Json& target) { add_members(table, parent, target); });
    if (text_of(rule, "type") != "replicate" && text_of(rule, "type") != "mirror") return;
    for_each(rule, "targets", [&](const Json& target) {
        const Table::Row row = table.add({fmt::format("target {}", number_of(target, "index")), "", "", "", "", "", copy_text(target),
                   state_cell(text_of(target, "state")), text_of(target, "packets"), text_of(target, "bytes"),
                   pairs_of(target, "failures")},
                  parent);
        add_members(table, row, target);
    });
}

constexpr std::uint64_t k_worth_a_word_us = 10'000'000;

std::string failures_of(const Json& join) {
    std::string text;
    for_each(join, "errors", [&](const Json& error) {
        text += fmt::format("{}{} of {} failed: {}", text.empty() ? "" : ", ", text_of(error, "memberships"),
                            text_of(join, "memberships"), text_of(error, "text"));
    });
    return text;
}

/// What is wrong with the memberships of a rule, as a line; empty if nothing is.
std::string join_line(const Json& rule) {
    const Json* join = find(rule, "join");
    if (join == nullptr || !join->is_object()) return {};
    const std::string name = text_of(rule, "name");
    if (text_of(*join, "state") == "waiting") return fmt::format("{} waits for an interface to join on\n", name);
    const std::string failures = failures_of(*join);
    if (!failures.empty()) return fmt::format("{} has not joined all groups: {}\n", name, failures);
    const std::uint64_t silent_us = number_of(*join, "silent_us");
    if (silent_us < k_worth_a_word_us) return {};
    return fmt::format("{} has joined on {}, no packets seen for {} s\n", name, joined(*join, "interfaces"),
                       silent_us / 1'000'000);
}

}  // namespace

std::string draw_rules(const Json& document, const TableStyle& style) {
    Table table(style, {{"NAME", Column::tree},
                        {"PRI", Column::number},
                        {"TYPE", Column::text},
                        {"INTERFACE", Column::text},
                        {"DIRECTION", Column::text},
                        {"MATCH", Column::wrapped},
                        {"ACTION", Column::wrapped},
                        {"STATE", Column::text},
                        {"HITS", Column::number},
                        {"BYTES", Column::number},
                        {"FAILURES", Column::text}});
    for_each(document, "rules", [&](const Json& rule) {
        const Table::Row row = table.add(
            {text_of(rule, "name"), text_of(rule, "priority"), text_of(rule, "type"), text_of(rule, "interface"),
             text_of(rule, "direction"), text_of(rule, "match"), text_of(rule, "action"), state_cell(shown_state(rule)),
             text_of(rule, "packets"), text_of(rule, "bytes"), pairs_of(rule, "failures")});
        add_targets(table, row, rule);
    });
    std::string deferred;
    std::string joins;
    for_each(document, "rules", [&](const Json& rule) {
        joins += join_line(rule);
        if (text_of(rule, "state") != "deferred") return;
        deferred += fmt::format("{} is deferred: {}\n", text_of(rule, "name"), text_of(rule, "reason"));
    });
    return blocks({table.to_text(), style.has_legend ? deferred + joins : ""});
}

}  // namespace rudder::stat
