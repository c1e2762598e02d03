// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model.hpp"

/// What the files of the model share among themselves.
namespace rudder::test {

/// One packet and all that decides what becomes of it.
struct ModelScene {
    const Policy& policy;
    const Topology& topology;
    const Link& link;
    Direction direction;
    const ModelContext& context;
    const Frame& frame;
};

/// The target that a packet takes of one that may be a group.
struct ModelTaken {
    Target target;
    std::uint64_t member = 0;
};
/// None: no member is alive.
[[nodiscard]] std::optional<ModelTaken> model_taken(const ModelScene& scene, const Target& target, const ModelPacket& packet);

/// The packet with the IP and transport headers that `target` wants, out of a device that takes it, or why not.
struct ModelWay {
    std::uint32_t reason = 0;
    const Link* out = nullptr;  ///< null if the target has no device, or that not the address it needs
    Rewrite rewrite;
    Frame frame;
};
[[nodiscard]] ModelWay model_way(const ModelScene& scene, const Target& target, const ModelPacket& packet);
/// The next hop's, as far as it is known before the packet is sent.
[[nodiscard]] std::optional<MacAddress> model_known_mac(const Target& target, const Topology& topology, const Link& out,
                                                        const IpAddress& dst);
void model_put_macs(Frame& frame, const MacAddress& dst, const MacAddress& src);
/// The packet of `result` becomes the ICMP error that tells its sender (model_icmp), if that may be told.
void model_tell(ModelResult& result, const ModelScene& scene, const ModelPacket& packet, std::uint32_t mtu);

[[nodiscard]] ModelResult model_mirror(const ModelScene& scene, int rule, const ModelPacket& packet);
[[nodiscard]] ModelResult model_replicate(const ModelScene& scene, int rule, ModelPacket packet);

}  // namespace rudder::test
