// SPDX-License-Identifier: Apache-2.0
#include "core/report/report_joins.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstring>
#include <map>
#include <set>
#include <string>

namespace rudder {
namespace {

/// Of the memberships of one rule, or of all.
struct JoinCounts {
    std::size_t wanted = 0;
    std::size_t joined = 0;
    std::map<int, std::size_t> failed;  ///< by errno

    /// A membership not tried yet counts as wanted only.
    void add(const Memberships& held, const Membership& membership) {
        ++wanted;
        const auto found = held.find(membership);
        if (found == held.end()) return;
        if (found->second == 0)
            ++joined;
        else
            ++failed[found->second];
    }
};

std::string state_of(const JoinCounts& counts) {
    if (counts.wanted == 0) return "waiting";
    if (counts.joined == counts.wanted) return "joined";
    return counts.joined == 0 ? "failed" : "partial";
}

std::string error_name(int code) {
    const char* name = strerrorname_np(code);
    return name != nullptr ? name : std::to_string(code);
}

std::string error_text(int code) {
    const char* text = strerrordesc_np(code);
    return text != nullptr ? text : error_name(code);
}

Json errors_json(const std::map<int, std::size_t>& failed) {
    Json errors = Json::array();
    for (const auto& [code, count] : failed)
        errors.push_back({{"errno", error_name(code)}, {"text", error_text(code)}, {"memberships", count}});
    return errors;
}

std::size_t failed_count(const JoinCounts& counts) {
    std::size_t sum = 0;
    for (const auto& [code, count] : counts.failed) sum += count;
    return sum;
}

void add_counts(Json& out, const JoinCounts& counts) {
    out["memberships"] = counts.wanted;
    out["joined"] = counts.joined;
    out["failed"] = failed_count(counts);
    out["errors"] = errors_json(counts.failed);
}

}  // namespace

Json rule_joins_json(const Snapshot& snapshot, const Rule& rule) {
    if (!rule.join) return nullptr;
    JoinCounts counts;
    std::set<std::uint32_t> devices;
    for (const Membership& membership : memberships_of(rule, snapshot.topology.links)) {
        counts.add(snapshot.memberships, membership);
        devices.insert(membership.ifindex);
    }
    Json out;
    out["state"] = state_of(counts);
    out["groups"] = rule.match.dst.size();
    Json& sources = out["sources"] = Json::array();
    for (const IpAddress& source : rule.join->sources) sources.push_back(to_string(source));
    Json& interfaces = out["interfaces"] = Json::array();
    for (const std::uint32_t ifindex : devices) interfaces.push_back(interface_name(snapshot.topology, ifindex));
    add_counts(out, counts);
    const auto silent = snapshot.silent_us.find(rule.name);
    out["silent_us"] = silent == snapshot.silent_us.end() ? Json(nullptr) : Json(silent->second);
    return out;
}

Json link_joins_json(const Snapshot& snapshot, std::uint32_t ifindex) {
    Json out = Json::array();
    const auto first = snapshot.memberships.lower_bound({ifindex, {IpFamily{}, {}}, std::nullopt});
    for (auto entry = first; entry != snapshot.memberships.end() && entry->first.ifindex == ifindex; ++entry) {
        const auto& [membership, error] = *entry;
        Json join;
        join["group"] = to_string(membership.group);
        join["source"] = membership.source ? Json(to_string(*membership.source)) : Json(nullptr);
        join["state"] = error == 0 ? "joined" : "failed";
        if (error != 0) join["errno"] = error_name(error);
        if (error != 0) join["reason"] = error_text(error);
        out.push_back(std::move(join));
    }
    return out;
}

Json joins_summary_json(const Snapshot& snapshot) {
    JoinCounts counts;
    for (const auto& [membership, error] : snapshot.memberships) counts.add(snapshot.memberships, membership);
    Json out;
    add_counts(out, counts);
    out["beyond_limit"] = snapshot.memberships_left_out;
    out["sockets"] = snapshot.membership_sockets;
    return out;
}

}  // namespace rudder
