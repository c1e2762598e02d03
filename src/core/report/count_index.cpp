// SPDX-License-Identifier: Apache-2.0
#include "core/report/count_index.hpp"

#include "core/base/reason.hpp"

#include <nlohmann/json.hpp>

#include <string>

namespace rudder {

CountIndex::CountIndex(const Snapshot& snapshot) : snapshot_(snapshot) {
    for (const FailureCount& failure : snapshot.failures) {
        if (failure.packets > 0) failures_[failure.slot][failure.reason] += failure.packets;
    }
}

CounterValue CountIndex::value(const CounterKey& key) const {
    const auto slot = snapshot_.image->slots.counters.find(key);
    if (slot == snapshot_.image->slots.counters.end() || slot->second >= snapshot_.counters.size()) return {};
    return snapshot_.counters[slot->second];
}

void CountIndex::add_counts(Json& object, const CounterKey& key) const {
    const CounterValue count = value(key);
    object["packets"] = count.packets;
    object["bytes"] = count.bytes;
    Json& failures = object["failures"] = Json::object();
    const auto slot = snapshot_.image->slots.counters.find(key);
    if (slot == snapshot_.image->slots.counters.end()) return;
    const auto reasons = failures_.find(slot->second);
    if (reasons == failures_.end()) return;
    for (const auto& [reason, packets] : reasons->second) failures[std::string(reason_name(reason))] = packets;
}

void CountIndex::add_target_counts(Json& object, const Rule& rule, std::size_t index) const {
    CounterKey key = target_key(rule, index);
    if (!snapshot_.image->slots.counters.contains(key)) return;
    add_counts(object, key);
    const Group* group = find_group(*snapshot_.policy, rule.targets[index].group);
    CounterValue sum = value(key);
    for (std::size_t i = 0; group != nullptr && i < group->members.size(); ++i) {
        key.member = member_identity(group->members[i]);
        const CounterValue sent = value(key);
        sum.packets += sent.packets;
        sum.bytes += sent.bytes;
    }
    object["packets"] = sum.packets;
    object["bytes"] = sum.bytes;
}

CounterKey target_key(const Rule& rule, std::size_t index) {
    return {rule.name, static_cast<std::int32_t>(index)};
}

}  // namespace rudder
