// SPDX-License-Identifier: Apache-2.0
#include "core/compile/groups.hpp"
#include "core/compile/target_state.hpp"
#include "core/report/blob_view.hpp"
#include "core/report/count_index.hpp"
#include "core/report/next_hop_state.hpp"
#include "core/report/report_group.hpp"
#include "core/report/report_joins.hpp"
#include "core/report/report_json.hpp"

#include <nlohmann/json.hpp>

namespace rudder {
namespace {

constexpr std::uint8_t k_dscp_values = 64;

template <class T>
Json texts_json(const std::vector<T>& values) {
    Json texts = Json::array();
    for (const T& value : values) texts.push_back(to_string(value));
    return texts;
}

Json dscp_json(std::uint64_t mask) {
    Json values = Json::array();
    if (mask == k_dscp_any) return values;
    for (std::uint8_t dscp = 0; dscp < k_dscp_values; ++dscp) {
        if ((mask >> dscp & 1u) != 0) values.push_back(dscp);
    }
    return values;
}

/// What a match excludes: the fields that `not` states.
Json excluded_json(const Match& match) {
    const Exclusion& excluded = *match.excluded;
    Json fields = Json::object();
    const auto add = [&fields](const char* key, Json values) {
        if (!values.empty()) fields[key] = std::move(values);
    };
    add("src_ip", texts_json(excluded.src));
    add("dst_ip", texts_json(excluded.dst));
    if (excluded.ip_proto) fields["ip_proto"] = ip_protocol_to_string(*excluded.ip_proto);
    add("src_port", texts_json(excluded.src_ports));
    add("dst_port", texts_json(excluded.dst_ports));
    add("dscp", dscp_json(excluded.dscp));
    add("vlan", vlan_texts(excluded.vlan));
    for (const FieldTexts& field : field_texts(excluded.rare, is_icmp6(match))) fields[std::string(field.key)] = field.values;
    return fields;
}

/// The whole match; an empty list means any. The rarer fields are there if the rule states them.
Json match_json(const Match& match) {
    Json fields;
    Json& families = fields["families"] = Json::array();
    if (match.family_v4) families.push_back("ipv4");
    if (match.family_v6) families.push_back("ipv6");
    fields["src_ip"] = texts_json(match.src);
    fields["dst_ip"] = texts_json(match.dst);
    fields["ip_proto"] = match.ip_proto ? Json(ip_protocol_to_string(*match.ip_proto)) : Json(nullptr);
    fields["src_port"] = texts_json(match.src_ports);
    fields["dst_port"] = texts_json(match.dst_ports);
    fields["dscp"] = dscp_json(match.dscp);
    if (match.vlan != VlanMatch{}) fields["vlan"] = vlan_texts(match.vlan);
    if (match.rare) {
        for (const FieldTexts& field : field_texts(*match.rare, is_icmp6(match)))
            fields[std::string(field.key)] = field.values;
    }
    if (match.excluded) fields["not"] = excluded_json(match);
    return fields;
}

template <class T>
void add_if_set(Json& object, const char* name, const std::optional<T>& value) {
    if constexpr (std::is_integral_v<T>) {
        if (value) object[name] = *value;
    } else {
        if (value) object[name] = to_string(*value);
    }
}

Json rewrite_json(const Rewrite& rewrite) {
    Json fields = Json::object();
    add_if_set(fields, "dst_ip", rewrite.dst_ip);
    add_if_set(fields, "dst_port", rewrite.dst_port);
    add_if_set(fields, "src_ip", rewrite.src_ip);
    if (rewrite.is_src_of_interface) fields["src_ip"] = "interface";
    add_if_set(fields, "src_port", rewrite.src_port);
    add_if_set(fields, "dscp", rewrite.dscp);
    if (rewrite.ttl.mode == TtlAction::Mode::set) fields["ttl"] = rewrite.ttl.value;
    if (rewrite.ttl.mode == TtlAction::Mode::keep) fields["ttl"] = "keep";
    if (rewrite.vlan) fields["vlan"] = *rewrite.vlan == 0 ? Json("none") : Json(*rewrite.vlan);
    return fields;
}

/// In packets or bits per second; the burst in packets or bytes.
void add_limit(Json& out, const RateLimit& limit) {
    const bool is_packets = limit.unit == RateLimit::Unit::packets;
    out["limit"] = {{"unit", is_packets ? "pps" : "bit/s"}, {"rate", limit.per_second}, {"burst", limit.burst}};
}

/// Which neighbour the target's packets go to.
std::string next_hop_kind(const Target& target) {
    if (target.table) return "table";
    if (target.next_hop_mac) return "static";
    if (target.next_hop) return "gateway";
    return target.rewrite.dst_ip ? "destination" : "packet";
}

class RuleReporter {
public:
    explicit RuleReporter(SharedSnapshot snapshot)
        : owner_(std::move(snapshot)), snapshot_(*owner_), counts_(snapshot_), blob_(snapshot_.image->blob) {}

    [[nodiscard]] Json rule_json(std::size_t rank) const {
        const Rule& rule = snapshot_.policy->rules[rank];
        Json out;
        out["rank"] = rank;
        out["priority"] = rule.priority;
        out["name"] = rule.name;
        out["type"] = to_string(rule.type);
        out["interface"] = to_string(rule.match.interface);
        out["direction"] = to_string(rule.match.direction);
        out["match"] = match_to_string(rule.match);
        out["match_fields"] = match_json(rule.match);
        out["action"] = action_to_string(rule);
        if (rule.type == RuleType::replicate) out["original"] = rule.original_passes ? "pass" : "consume";
        if (rule.type == RuleType::steer) out["on_failure"] = rule.failure_drops ? "drop" : "pass";
        if (rule.limit) add_limit(out, *rule.limit);
        if (rule.limit && rule.type != RuleType::mirror) out["excess"] = rule.excess_drops ? "drop" : "pass";
        add_state(out, rank);
        counts_.add_counts(out, {rule.name, -1});
        out["join"] = rule_joins_json(snapshot_, rule);
        out["file"] = rule.where.file;
        out["line"] = rule.where.line;
        Json& targets = out["targets"] = Json::array();
        for (std::size_t i = 0; i < rule.targets.size(); ++i) targets.push_back(target_json(rank, i));
        return out;
    }

private:
    void add_state(Json& out, std::size_t rank) const {
        out["state"] = "deferred";
        out["reason"] = "not compiled";
        out["hooks"] = Json::array();
        if (rank >= snapshot_.image->rules.size()) return;
        const RuleState& state = snapshot_.image->rules[rank];
        out["state"] = state.is_deferred ? "deferred" : "active";
        out["reason"] = state.reason;
        Json& hooks = out["hooks"] = Json::array();
        for (const HookSpec& hook : state.hooks) {
            hooks.push_back({{"interface", interface_name(snapshot_.topology, hook.ifindex)},
                             {"ifindex", hook.ifindex},
                             {"direction", to_string(hook.direction)}});
        }
    }

    [[nodiscard]] Json target_json(std::size_t rank, std::size_t index) const {
        const Rule& rule = snapshot_.policy->rules[rank];
        const Target& target = rule.targets[index];
        Json out;
        out["index"] = index;
        if (target.snap != 0) out["snap"] = target.snap;
        if (target.sample != 1) out["sample"] = target.sample;
        if (target.limit) add_limit(out, *target.limit);
        if (const Group* group = find_group(*snapshot_.policy, target.group)) {
            out["rewrite"] = rewrite_json(target.rewrite);
            add_group(out, snapshot_, counts_, rule, index, *group);
            counts_.add_target_counts(out, rule, index);
            return out;
        }
        add_way(out, target);
        out["rewrite"] = rewrite_json(target.rewrite);
        out["next_hop_kind"] = next_hop_kind(target);
        add_next_hop(out, rule, target, blob_.target_of(static_cast<std::uint32_t>(rank), index));
        counts_.add_target_counts(out, rule, index);
        return out;
    }

    void add_next_hop(Json& out, const Rule& rule, const Target& target, const std::optional<rudder_target>& record) const {
        out["next_hop"] = target.next_hop ? Json(to_string(*target.next_hop)) : Json(nullptr);
        out["mac"] = target.next_hop_mac ? Json(to_string(*target.next_hop_mac)) : Json(nullptr);
        out["state"] = "deferred";
        out["reason"] = "not compiled";
        if (!record) return;
        if (target.table) {
            out["state"] = "by-packet";
            out["reason"] = "";
            return;
        }
        if ((record->flags & RUDDER_TARGET_DEFERRED) != 0) {
            out["reason"] = deferral(rule, target, record->next_hop);
            return;
        }
        const auto slot = snapshot_.next_hops.find(record->next_hop);
        if (slot == snapshot_.next_hops.end()) {
            out["reason"] = "its next hop is not resolved yet";
            return;
        }
        const NextHopEntry& entry = slot->second;
        if (entry.gateway) out["next_hop"] = to_string(*entry.gateway);
        if ((entry.flags & RUDDER_NH_MAC_VALID) != 0) out["mac"] = to_string(entry.dst_mac);
        out["state"] = next_hop_state(entry);
        out["reason"] = "";
        out["ifindex"] = entry.ifindex;
        out["mtu_bytes"] = entry.mtu;
    }

    SharedSnapshot owner_;
    const Snapshot& snapshot_;
    CountIndex counts_;
    BlobView blob_;
};

}  // namespace

Document report_rules(const SharedSnapshot& snapshot) {
    const auto reporter = std::make_shared<const RuleReporter>(snapshot);
    return list_document(report_head(*snapshot), "rules", snapshot->policy->rules.size(),
                         [reporter](std::size_t rank) { return reporter->rule_json(rank); });
}

}  // namespace rudder
