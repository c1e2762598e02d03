// SPDX-License-Identifier: Apache-2.0
#include "core/report/report_joins.hpp"
#include "core/report/report_json.hpp"
#include "rudder_abi.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace rudder {
namespace {

std::size_t target_count(const Policy& policy) {
    std::size_t count = 0;
    for (const Rule& rule : policy.rules) count += rule.targets.size();
    return count;
}

std::size_t deferred_count(const Image& image) {
    return static_cast<std::size_t>(
        std::count_if(image.rules.begin(), image.rules.end(), [](const RuleState& rule) { return rule.is_deferred; }));
}

Json image_json(const Snapshot& snapshot) {
    const Image& image = *snapshot.image;
    Json out;
    out["bytes"] = image.blob.size();
    out["tier"] = image.tier;
    out["rules"] = snapshot.policy->rules.size();
    out["rules_deferred"] = deferred_count(image);
    out["targets"] = target_count(*snapshot.policy);
    out["hooks"] = image.hooks.size();
    out["counter_slots"] = image.slots.counters.size();
    out["counter_slots_uncleared"] = image.slots.uncleared_counters.size();
    out["next_hop_slots"] = image.slots.next_hops.size();
    return out;
}

Json load_times_json(const LoadTimes& times) {
    return {{"read_us", times.read_us},       {"judge_us", times.judge_us},   {"compile_us", times.compile_us},
            {"stage_us", times.stage_us},     {"publish_us", times.publish_us}, {"finish_us", times.finish_us},
            {"audit_us", times.audit_us}};
}

Json flow_cache_json(const FlowCacheStatus& cache) {
    return {{"max_entries", cache.max_entries}, {"hits", cache.hits}, {"misses", cache.misses}};
}

Json limits_json() {
    Json sizes = Json::array();
    for (const Tier& tier : tiers()) {
        sizes.push_back({{"image_bytes", tier.blob_bytes}, {"counter_slots", tier.counter_slots}});
    }
    return {{"rules", RUDDER_MAX_RULES}, {"targets_per_rule", RUDDER_MAX_TARGETS}, {"tiers", std::move(sizes)}};
}

Json log_json(const LogDelivery& log) {
    return {{"is_degraded", log.is_degraded}, {"reason", log.reason}, {"entries_waiting", log.waiting}, {"bytes_waiting", log.waiting_bytes},
            {"entries_late", log.late},       {"entries_lost", log.lost}};
}

Json features_json(const std::vector<KernelFeature>& features) {
    Json out = Json::array();
    for (const KernelFeature& feature : features) {
        out.push_back({{"name", feature.name}, {"chosen", feature.chosen}, {"why", feature.why}});
    }
    return out;
}

}  // namespace

Document report_internals(const SharedSnapshot& shared) {
    const Snapshot& snapshot = *shared;
    Json document = report_head(snapshot);
    document["version"] = snapshot.version;
    document["abi_version"] = RUDDER_ABI_VERSION;
    document["kernel_release"] = snapshot.kernel_release;
    document["started_unix_us"] = snapshot.started_unix_us;
    document["uptime_us"] = snapshot.taken_unix_us - std::min(snapshot.started_unix_us, snapshot.taken_unix_us);
    document["published_unix_us"] = snapshot.published_unix_us;
    document["loads_accepted"] = snapshot.loads_accepted;
    document["loads_rejected"] = snapshot.loads_rejected;
    document["last_load_accepted"] = snapshot.last_load_accepted;
    document["last_load_unix_us"] = snapshot.last_load_unix_us;
    document["last_load_times"] = load_times_json(snapshot.last_load_times);
    document["netlink_resyncs"] = snapshot.netlink_resyncs;
    document["inotify_overflows"] = snapshot.inotify_overflows;
    document["log"] = log_json(snapshot.log);
    document["links"] = snapshot.topology.links.size();
    document["next_hop_queries"] = snapshot.topology.next_hops.size();
    document["joins"] = joins_summary_json(snapshot);
    document["image"] = image_json(snapshot);
    document["flow_cache"] = flow_cache_json(snapshot.flow_cache);
    document["limits"] = limits_json();
    document["features"] = features_json(snapshot.features);
    document["diagnostics"] = diagnostics_json(snapshot.last_diagnostics);
    return Document(json_to_text(document));
}

}  // namespace rudder
