// SPDX-License-Identifier: Apache-2.0
#include "core/report/report_group.hpp"

#include "core/compile/groups.hpp"
#include "core/compile/next_hops.hpp"
#include "core/report/next_hop_state.hpp"
#include "core/report/report_probe.hpp"

#include <rudder_abi.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <vector>

namespace rudder {
namespace {

/// What the table of the group holds now. Empty while no packet can meet it.
GroupEntry entry_of(const Snapshot& snapshot, const Group& group) {
    const auto slot = snapshot.image->slots.groups.find(group_key(group));
    if (slot == snapshot.image->slots.groups.end()) return {};
    const auto written = snapshot.groups.find(slot->second);
    return written == snapshot.groups.end() ? GroupEntry{} : written->second;
}

/// Why a member cannot be used, by its link and neighbour; empty if these are not the reason.
std::string way_trouble(const Target& way, const Topology& topology) {
    if (way.table) return "";
    const Link* link = find_link(topology, way.via);
    if (link == nullptr) return "no-device";
    const NextHopEntry entry = next_hop_entry(next_hop_key(way, *link), topology);
    if ((entry.flags & RUDDER_NH_FAILED) != 0 && (entry.flags & RUDDER_NH_LINK_UP) != 0) return "neighbour-failed";
    return is_usable(entry) ? "" : next_hop_state(entry);
}

/// Why member `index` gets no packets; empty if it may. The table decides, where there is one.
std::string trouble_of(const GroupEntry& entry, std::size_t index, const Target& way, const Topology& topology) {
    if ((entry.alive >> index & 1u) != 0) return "";
    const std::string trouble = way_trouble(way, topology);
    return trouble.empty() && !entry.members.empty() ? "probe" : trouble;
}

/// `member`: as it is in the group; `way`: with what the rule rewrites.
Json member_json(const GroupMember& member, const Target& way, const std::string& reason, std::size_t places) {
    Json out;
    add_way(out, way);
    out["next_hop"] = way.next_hop ? Json(to_string(*way.next_hop)) : Json(nullptr);
    out["mac"] = way.next_hop_mac ? Json(to_string(*way.next_hop_mac)) : Json(nullptr);
    out["dst_ip"] = member.way.rewrite.dst_ip ? Json(to_string(*member.way.rewrite.dst_ip)) : Json(nullptr);
    out["dst_port"] = member.way.rewrite.dst_port ? Json(*member.way.rewrite.dst_port) : Json(nullptr);
    out["weight"] = member.weight;
    out["tier"] = member.tier;
    out["state"] = reason.empty() ? "up" : "down";
    out["reason"] = reason;
    out["share"] = static_cast<double>(places) / RUDDER_GROUP_ENTRIES;
    return out;
}

}  // namespace

void add_group(Json& out, const Snapshot& snapshot, const CountIndex& counts, const Rule& rule, std::size_t index, const Group& group) {
    const Target& target = rule.targets[index];
    const GroupEntry entry = entry_of(snapshot, group);
    const std::vector<std::uint16_t> table = entry.members.empty() ? std::vector<std::uint16_t>() : group_table(entry);
    out["group"] = group.name;
    Json& members = out["members"] = Json::array();
    for (std::size_t i = 0; i < group.members.size(); ++i) {
        const GroupMember& member = group.members[i];
        const Target way = member_target(target, member);
        const auto places = static_cast<std::size_t>(std::count(table.begin(), table.end(), i));
        members.push_back(member_json(member, way, trouble_of(entry, i, way, snapshot.topology), places));
        members.back()["probe"] = probe_json(snapshot, group.name, member);
        counts.add_counts(members.back(), {rule.name, static_cast<std::int32_t>(index), member_identity(member)});
    }
    out["state"] = members_in_use(entry) == 0 ? "no-member" : "up";
    out["reason"] = members_in_use(entry) == 0 ? "no member is up" : "";
}

}  // namespace rudder
