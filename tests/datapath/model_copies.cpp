// SPDX-License-Identifier: Apache-2.0
#include "model_parts.hpp"

#include "rudder_abi.h"

#include <algorithm>

namespace rudder::test {
namespace {

/// The veths of the tests take no more than 1500 bytes, an Ethernet header and one tag in a frame, whatever the table says.
constexpr std::size_t k_most_bytes = 1518;

bool takes(const ModelContext& context, const Link& out, std::size_t bytes, bool has_tag_beside) {
    return !context.absent.contains(out.ifindex) && bytes - (has_tag_beside ? 4 : 0) <= k_most_bytes;
}

std::optional<std::uint32_t> mirror_reason(const ModelScene& scene, const Link* out, const ModelPacket& p, std::size_t bytes) {
    if (out == nullptr) {
        return RUDDER_REASON_NO_DEVICE;
    }
    if (out->ifindex == scene.link.ifindex) {
        return std::nullopt;
    }
    if (scene.link.is_layer3 && !out->is_layer3) {
        return RUDDER_REASON_NOT_WRITABLE;
    }
    if (!out->is_up) {
        return RUDDER_REASON_LINK_DOWN;
    }
    if (bytes - (out->is_layer3 ? 0 : p.ip) > out->mtu) {
        return RUDDER_REASON_TOO_BIG;
    }
    return takes(scene.context, *out, bytes, p.is_tag_beside) ? RUDDER_REASON_NONE : RUDDER_REASON_CLONE_FAILED;
}

ModelCopy mirrored(const ModelScene& scene, const Target& target, const ModelPacket& p) {
    const Link* out = find_link(scene.topology, target.via);
    const bool is_to_layer3 = out != nullptr && out->is_layer3;
    Frame frame(scene.frame.begin() + static_cast<std::ptrdiff_t>(is_to_layer3 ? p.ip : 0), scene.frame.end());
    if (target.snap != 0) {
        frame.resize(std::min(frame.size(), model_cut(p, target.snap, is_to_layer3)));
    }
    const auto reason = mirror_reason(scene, out, p, frame.size());
    return {reason, 0, out == nullptr ? 0 : out->ifindex, std::move(frame)};
}

/// The original must be whole again on its way up; a tag that moves back into the frame there would confuse the kernel.
bool is_restorable(const ModelScene& scene, const Rule& rule, const Rewrite& rewrite, const ModelPacket& p) {
    return !rewrite.vlan || !rule.original_passes || scene.direction == Direction::egress || model_tags(p) < 2;
}

/// The kernel is asked for a next hop that nobody knows yet; in this network namespace it has no route at all.
std::uint32_t unknown_mac_reason(const Target& target) {
    return target.next_hop ? RUDDER_REASON_NO_NEIGHBOUR : RUDDER_REASON_NO_ROUTE;
}

/// The tag that is rewritten is beside the frame of `p` from then on.
ModelCopy replicated(const ModelScene& scene, const Rule& rule, const ModelTaken& taken, ModelPacket& p) {
    const bool is_retagged = taken.target.rewrite.vlan && model_tags(p) > 0;
    ModelPacket lifted = p;
    lifted.is_tag_beside |= is_retagged;
    ModelWay way = model_way(scene, taken.target, lifted);
    if (way.out == nullptr) {
        return {way.reason, taken.member};
    }
    p = lifted;
    if (!is_restorable(scene, rule, way.rewrite, p)) {
        return {RUDDER_REASON_NOT_WRITABLE, taken.member};
    }
    if (way.reason != 0) {
        return {way.reason, taken.member, way.out->ifindex};
    }
    if (!way.out->is_layer3) {
        const auto mac = model_known_mac(taken.target, scene.topology, *way.out, way.rewrite.dst_ip.value_or(p.dst));
        if (!mac) {
            return {unknown_mac_reason(taken.target), taken.member};
        }
        model_put_macs(way.frame, *mac, way.out->mac);
    }
    model_retag(way.frame, way.rewrite);
    const bool is_taken = takes(scene.context, *way.out, way.frame.size(), model_leaves_with_tag_beside(p, way.rewrite));
    return {is_taken ? RUDDER_REASON_NONE : RUDDER_REASON_CLONE_FAILED, taken.member, way.out->ifindex, std::move(way.frame)};
}

/// Whether some copy has this reason.
bool has_reason(const ModelResult& result, std::uint32_t reason) {
    return std::any_of(result.copies.begin(), result.copies.end(), [&](const ModelCopy& copy) { return copy.reason == reason; });
}

/// The least MTU that was in the way of a copy, 0: none was.
std::uint32_t least_mtu(const ModelResult& result, const Topology& topology) {
    std::uint32_t least = 0;
    for (const ModelCopy& copy : result.copies) {
        if (copy.reason == RUDDER_REASON_TOO_BIG) {
            const std::uint32_t mtu = topology.links.at(copy.ifindex).mtu;
            least = least == 0 ? mtu : std::min(least, mtu);
        }
    }
    return least;
}

}  // namespace

ModelResult model_mirror(const ModelScene& scene, int rule, const ModelPacket& p) {
    ModelResult result{-1, scene.frame, rule};
    for (const Target& target : scene.policy.rules.at(static_cast<std::size_t>(rule)).targets) {
        result.copies.push_back(mirrored(scene, target, p));
    }
    return result;
}

ModelResult model_replicate(const ModelScene& scene, int index, ModelPacket p) {
    const Rule& rule = scene.policy.rules.at(static_cast<std::size_t>(index));
    ModelResult result{rule.original_passes ? -1 : 2, scene.frame, index};
    for (const Target& target : rule.targets) {
        const auto taken = model_taken(scene, target, p);
        result.copies.push_back(taken ? replicated(scene, rule, *taken, p) : ModelCopy{RUDDER_REASON_NO_MEMBER});
    }
    const bool has_expired = has_reason(result, RUDDER_REASON_TTL_EXPIRED);
    const std::uint32_t mtu = least_mtu(result, scene.topology);
    const bool is_owed = !rule.original_passes && !has_reason(result, RUDDER_REASON_NONE) && (has_expired || mtu != 0);
    result.is_consumed = !rule.original_passes && !is_owed;
    if (is_owed) {
        result.verdict = has_expired ? -1 : 2;
        model_tell(result, scene, p, has_expired ? 0 : mtu);
    }
    return result;
}

}  // namespace rudder::test
