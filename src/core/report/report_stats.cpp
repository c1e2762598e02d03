// SPDX-License-Identifier: Apache-2.0
#include "core/base/reason.hpp"
#include "core/report/count_index.hpp"
#include "core/report/report_json.hpp"
#include "rudder_abi.h"

#include <nlohmann/json.hpp>

namespace rudder {
namespace {

Json rule_json(const Rule& rule, std::size_t rank, const CountIndex& counts) {
    Json out;
    out["rank"] = rank;
    out["priority"] = rule.priority;
    out["name"] = rule.name;
    out["type"] = to_string(rule.type);
    counts.add_counts(out, {rule.name, -1});
    Json& targets = out["targets"] = Json::array();
    for (std::size_t i = 0; i < rule.targets.size(); ++i) {
        Json target{{"index", i}};
        add_way(target, rule.targets[i]);
        if (!rule.targets[i].group.empty()) target["group"] = rule.targets[i].group;
        counts.add_target_counts(target, rule, i);
        targets.push_back(std::move(target));
    }
    return out;
}

CounterValue sum_of_rules(const Snapshot& snapshot) {
    CounterValue total;
    for (const auto& [key, slot] : snapshot.image->slots.counters) {
        if (key.target >= 0 || slot >= snapshot.counters.size()) continue;
        total.packets += snapshot.counters[slot].packets;
        total.bytes += snapshot.counters[slot].bytes;
    }
    return total;
}

/// Every reason, with zeros: the list is closed, so a reader may rely on each member.
Json reasons_json(const std::vector<std::uint64_t>& packets) {
    Json reasons = Json::object();
    for (std::uint32_t reason = RUDDER_REASON_NONE + 1; reason < RUDDER_REASON_COUNT; ++reason) {
        reasons[std::string(reason_name(reason))] = reason < packets.size() ? packets[reason] : 0;
    }
    return reasons;
}

}  // namespace

Document report_stats(const SharedSnapshot& snapshot) {
    Json document = report_head(*snapshot);
    const CounterValue total = sum_of_rules(*snapshot);
    document["packets"] = total.packets;
    document["bytes"] = total.bytes;
    document["reasons"] = reasons_json(snapshot->reasons);
    const auto counts = std::make_shared<const CountIndex>(*snapshot);
    return list_document(document, "rules", snapshot->policy->rules.size(),
                         [snapshot, counts](std::size_t rank) { return rule_json(snapshot->policy->rules[rank], rank, *counts); });
}

}  // namespace rudder
