// SPDX-License-Identifier: Apache-2.0
#include "core/report/report_probe.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace rudder {
namespace {

constexpr std::string_view k_type_words[] = {"icmp", "tcp", "udp"};

std::uint64_t us_of(Nanoseconds time) {
    return static_cast<std::uint64_t>(
        std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::microseconds>(time).count(), 0));
}

/// For how long something has been so.
std::uint64_t age_us(const Snapshot& snapshot, Nanoseconds since) {
    const std::uint64_t at = us_of(since);
    return snapshot.taken_monotonic_us > at ? snapshot.taken_monotonic_us - at : 0;
}

/// Why nothing was learnt last, or why the member is dead; empty if all is well.
std::string reason_of(const MemberProbe& probe) {
    if (!probe.trouble.empty()) return probe.trouble;
    if (probe.task.obstacle) return to_string(*probe.task.obstacle);
    if (probe.state.health == Health::dead) return to_string(probe.state.death.value_or(Miss{}));
    return probe.state.last_miss ? to_string(*probe.state.last_miss) : "";
}

}  // namespace

Json probe_json(const Snapshot& snapshot, const std::string& group, const GroupMember& member) {
    const auto found = snapshot.probes.find({group, member_identity(member)});
    if (found == snapshot.probes.end()) return nullptr;
    const auto& [task, state, trouble] = found->second;
    Json out;
    out["type"] = k_type_words[static_cast<std::size_t>(task.order.type)];
    out["address"] = to_string(task.order.destination);
    out["port"] = task.order.port == 0 ? Json(nullptr) : Json(task.order.port);
    out["source"] = task.order.source ? Json(to_string(*task.order.source)) : Json(nullptr);
    out["health"] = to_string(state.health);
    out["health_us"] = state.health == Health::unknown ? Json(nullptr) : Json(age_us(snapshot, state.since));
    out["reason"] = reason_of(found->second);
    out["is_held_down"] = state.held_until.has_value();
    out["asked"] = state.asked;
    out["answered"] = state.answered;
    out["answers_in_a_row"] = state.answers;
    out["misses_in_a_row"] = state.misses;
    out["last_result"] = !state.result_at ? Json(nullptr) : Json(state.last_miss ? "miss" : "answer");
    out["last_result_us"] = state.result_at ? Json(age_us(snapshot, *state.result_at)) : Json(nullptr);
    out["rtt_us"] = state.answered == 0 ? Json(nullptr) : Json(us_of(state.rtt));
    return out;
}

}  // namespace rudder
