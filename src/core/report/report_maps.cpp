// SPDX-License-Identifier: Apache-2.0
#include "core/report/blob_view.hpp"
#include "core/report/next_hop_state.hpp"
#include "core/report/report_json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <string_view>
#include <vector>

namespace rudder {
namespace {

Json maps_json(const std::vector<MapStatus>& maps) {
    Json out = Json::array();
    for (const MapStatus& map : maps) {
        out.push_back({{"name", map.name},
                       {"id", map.id},
                       {"type", map.type},
                       {"key_bytes", map.key_bytes},
                       {"value_bytes", map.value_bytes},
                       {"max_entries", map.max_entries},
                       {"memory_bytes", map.memory_bytes}});
    }
    return out;
}

std::uint16_t from_be(std::uint16_t value_be) {
    std::array<std::uint8_t, 2> bytes{};
    std::memcpy(bytes.data(), &value_be, sizeof value_be);
    return static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
}

template <class Words>
std::string address_text(const Words& words_be, IpFamily family) {
    IpAddress address{family, {}};
    std::memcpy(address.bytes.data(), words_be, address.bits() / 8);
    return to_string(address);
}

std::string_view action_name(std::uint8_t action) {
    switch (action) {
        case RUDDER_ACTION_PASS:
            return "pass";
        case RUDDER_ACTION_DROP:
            return "drop";
        case RUDDER_ACTION_STEER:
            return "steer";
        case RUDDER_ACTION_REPLICATE:
            return "replicate";
        case RUDDER_ACTION_MIRROR:
            return "mirror";
        default:
            return "unknown";
    }
}

Json hook_json(const rudder_hook& hook, const Topology& topology) {
    Json flags = Json::array();
    if ((hook.flags & RUDDER_HOOK_LAYER3) != 0) flags.push_back("layer3");
    return {{"ifindex", hook.ifindex},
            {"interface", interface_name(topology, hook.ifindex)},
            {"direction", hook.direction == RUDDER_INGRESS ? "ingress" : "egress"},
            {"hook_class", hook.hook_class},
            {"flags", std::move(flags)}};
}

Json ttl_json(const rudder_target& target) {
    switch (target.ttl_mode) {
        case RUDDER_TTL_DECREMENT:
            return "decrement";
        case RUDDER_TTL_KEEP:
            return "keep";
        default:
            return target.ttl;
    }
}

Json target_json(const rudder_target& target, IpFamily family) {
    Json out;
    out["counter_slot"] = target.counter_slot;
    if ((target.flags & RUDDER_TARGET_GROUP) != 0) {
        out["group"] = target.next_hop;
        out["first_member"] = target.first_member;
        return out;
    }
    out[(target.flags & RUDDER_TARGET_TABLE) != 0 ? "table" : "next_hop"] = target.next_hop;
    out["is_deferred"] = (target.flags & RUDDER_TARGET_DEFERRED) != 0;
    out["ttl"] = ttl_json(target);
    if ((target.flags & RUDDER_REWRITE_DST_IP) != 0) out["dst_ip"] = address_text(target.dst_be, family);
    if ((target.flags & RUDDER_REWRITE_SRC_IP) != 0) out["src_ip"] = address_text(target.src_be, family);
    if ((target.flags & RUDDER_REWRITE_DST_PORT) != 0) out["dst_port"] = from_be(target.dst_port_be);
    if ((target.flags & RUDDER_REWRITE_SRC_PORT) != 0) out["src_port"] = from_be(target.src_port_be);
    if ((target.flags & RUDDER_REWRITE_DSCP) != 0) out["dscp"] = target.dscp;
    if (target.snap != 0) out["snap"] = target.snap;
    if ((target.flags & RUDDER_REWRITE_VLAN) != 0) out["vlan"] = target.vlan_id;
    if ((target.flags & RUDDER_POP_VLAN) != 0) out["vlan"] = "none";
    return out;
}

/// The record does not say it: the family of its rewritten addresses, by the policy it was compiled from.
IpFamily family_of(const Policy& policy, std::uint32_t rank, std::size_t index) {
    if (rank >= policy.rules.size() || index >= policy.rules[rank].targets.size()) return IpFamily::v6;
    const Rewrite& rewrite = policy.rules[rank].targets[index].rewrite;
    if (rewrite.is_src_of_interface) return policy.rules[rank].match.family_v4 ? IpFamily::v4 : IpFamily::v6;
    if (rewrite.dst_ip) return rewrite.dst_ip->family;
    return rewrite.src_ip ? rewrite.src_ip->family : IpFamily::v6;
}

Json rule_json(const BlobView& blob, const Policy& policy, std::uint32_t rank, const rudder_rule& rule) {
    Json flags = Json::array();
    if ((rule.flags & RUDDER_RULE_ORIGINAL_PASSES) != 0) flags.push_back("original-passes");
    if ((rule.flags & RUDDER_RULE_FAILURE_DROPS) != 0) flags.push_back("failure-drops");
    Json out{{"rank", rank}, {"action", action_name(rule.action)}, {"flags", std::move(flags)}};
    out["counter_slot"] = rule.counter_slot;
    out["first_target"] = rule.first_target;
    Json& targets = out["targets"] = Json::array();
    for (std::size_t i = 0; i < rule.target_count; ++i) {
        const auto target = blob.target_of(rank, i);
        if (!target) break;
        targets.push_back(target_json(*target, family_of(policy, rank, i)));
    }
    return out;
}

Json trees_json(const rudder_tree (&trees)[RUDDER_MAX_TREES]) {
    Json out = Json::array();
    for (const rudder_tree& tree : trees) {
        if (tree.root != 0) out.push_back({{"first_child", (tree.root >> 32 & 0x7fffffu) * 8}, {"best_rank", tree.best_rank}});
    }
    return out;
}

/// Null for a family without bit vectors.
Json vectors_json(const rudder_vectors& vectors) {
    if (vectors.column_count == 0) return nullptr;
    Json out{{"first_column", vectors.column_offset}};
    const std::size_t count = std::min<std::size_t>(vectors.column_count, RUDDER_MAX_COLUMNS);
    out["octets"] = std::vector<std::uint8_t>(vectors.octet, vectors.octet + count);
    return out;
}

/// All but its rules.
Json image_json(const BlobView& blob, const rudder_blob_header& header, const Topology& topology) {
    Json out;
    out["abi_version"] = header.abi_version;
    out["used_bytes"] = header.used_bytes;
    out["rule_count"] = header.rule_count;
    out["target_count"] = header.target_count;
    out["hook_slots"] = std::uint64_t{header.hook_mask} + 1;
    out["hook_set_words"] = header.hook_set_words;
    out["extension_bytes"] = header.extension_bytes;
    out["trees_ipv4"] = trees_json(header.tree_v4);
    out["trees_ipv6"] = trees_json(header.tree_v6);
    out["vectors_ipv4"] = vectors_json(header.vectors_v4);
    out["vectors_ipv6"] = vectors_json(header.vectors_v6);
    Json& hooks = out["hooks"] = Json::array();
    for (const rudder_hook& hook : blob.hooks()) hooks.push_back(hook_json(hook, topology));
    return out;
}

/// How many of the image's rules lie within it.
std::uint32_t readable_rules(const BlobView& blob, const rudder_blob_header& header) {
    std::uint32_t count = std::min(header.rule_count, RUDDER_MAX_RULES);
    while (count > 0 && !blob.rule(count - 1)) --count;
    return count;
}

Json next_hop_json(std::uint32_t slot, const NextHopEntry& entry, const Topology& topology) {
    Json hop{{"slot", slot}, {"ifindex", entry.ifindex}};
    hop["interface"] = interface_name(topology, entry.ifindex);
    hop["state"] = next_hop_state(entry);
    hop["flags"] = next_hop_flag_names(entry.flags);
    hop["gateway"] = entry.gateway ? Json(to_string(*entry.gateway)) : Json(nullptr);
    hop["dst_mac"] = to_string(entry.dst_mac);
    hop["src_mac"] = to_string(entry.src_mac);
    hop["mtu_bytes"] = entry.mtu;
    return hop;
}

Json counter_json(const Snapshot& snapshot, std::size_t index) {
    const auto& [key, slot] = *(snapshot.image->slots.counters.begin() + static_cast<std::ptrdiff_t>(index));
    const CounterValue value = slot < snapshot.counters.size() ? snapshot.counters[slot] : CounterValue{};
    return {{"slot", slot},
            {"rule", key.rule},
            {"target", key.target < 0 ? Json(nullptr) : Json(key.target)},
            {"packets", value.packets},
            {"bytes", value.bytes}};
}

/// From `text` on, which opens their list.
Document::Part next_hops_part(const SharedSnapshot& snapshot, std::string text) {
    const auto item = [snapshot, next = snapshot->next_hops.begin()](std::size_t) mutable {
        const auto& [slot, entry] = *next++;
        return next_hop_json(slot, entry, snapshot->topology);
    };
    return {std::move(text), snapshot->next_hops.size(), json_items(item)};
}

/// The member "image", which begins behind the members of `head`: null if the blob is not one.
Document::Part image_part(const SharedSnapshot& snapshot, const Json& head) {
    std::string text = json_to_text(head);
    text.back() = ',';  // was "}"
    text += R"("image":)";
    const BlobView blob(snapshot->image->blob);
    const auto header = blob.header();
    if (!header) return {text + "null"};
    const auto rule = [snapshot](std::size_t i) {
        const BlobView view(snapshot->image->blob);
        const auto rank = static_cast<std::uint32_t>(i);
        return rule_json(view, *snapshot->policy, rank, *view.rule(rank));
    };
    return {text + json_to_open_list(image_json(blob, *header, snapshot->topology), "rules"), readable_rules(blob, *header), json_items(rule)};
}

}  // namespace

Document report_maps(const SharedSnapshot& snapshot) {
    Json head = report_head(*snapshot);
    head["memory_bytes"] =
        std::accumulate(snapshot->maps.begin(), snapshot->maps.end(), std::uint64_t{0},
                        [](std::uint64_t sum, const MapStatus& map) { return sum + map.memory_bytes; });
    head["maps"] = maps_json(snapshot->maps);
    Document::Part image = image_part(snapshot, head);
    const std::string end_of_image = image.item ? "]}" : "";
    const auto counter = [snapshot](std::size_t i) { return counter_json(*snapshot, i); };
    return Document({std::move(image),
                     next_hops_part(snapshot, end_of_image + R"(,"next_hops":[)"),
                     {R"(],"counters":[)", snapshot->image->slots.counters.size(), json_items(counter)},
                     {"]}"}});
}

}  // namespace rudder
