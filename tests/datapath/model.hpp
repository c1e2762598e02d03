// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/base/topology.hpp"
#include "frame.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

/// What the datapath must do, said a second time: linear matching over the rules, every frame and checksum made
/// from scratch. Slow and plain; shares no code with bpf/.
namespace rudder::test {

enum class Parse { ok, not_ip, short_frame, malformed };

struct ModelPacket {
    Parse parse = Parse::not_ip;
    IpFamily family = IpFamily::v4;
    IpAddress src, dst;
    std::uint8_t protocol = 0, tos = 0, ttl = 0;
    bool has_ports = false, is_special = false, is_group = false;
    std::uint16_t vlan = 0;     ///< VID of the outermost tag that has one, 0: none
    bool is_fragment = false, is_later_fragment = false;
    std::uint16_t src_port = 0, dst_port = 0;
    std::size_t ip = 0;         ///< offset of the IP header
    std::size_t ip_bytes = 0;   ///< IP packet by its own length
    std::size_t header_bytes = 0;
    std::size_t transport = 0;  ///< offset, 0: none
    std::optional<std::uint16_t> icmp{};      ///< type * 256 + code
    std::optional<std::uint8_t> tcp_flags{};
    std::optional<MacAddress> src_mac{}, dst_mac{};
    bool is_tag_beside = false; ///< the kernel keeps the outermost of the frame's tags beside it
    std::uint32_t mark = 0;     ///< the kernel's own, beside the packet
    int checksum = -1;          ///< offset in the transport header of a checksum over a pseudo-header, -1: none
};

/// `frame` has all its tags in it, whatever the place where the kernel keeps the outermost; offsets are those in `frame`.
[[nodiscard]] ModelPacket model_parse(const Frame& frame, bool is_layer3, TagPlace place = TagPlace::in_frame);
[[nodiscard]] bool model_matches(const Rule& rule, const ModelPacket& packet, const Topology& topology,
                                 const Link& link, Direction direction);

/// Bytes that are left at most of a copy that is cut to `snap` bytes.
[[nodiscard]] std::size_t model_cut(const ModelPacket& packet, std::size_t snap, bool is_to_layer3);
/// The tags before the IP header, in an Ethernet frame with all its tags in it.
[[nodiscard]] std::size_t model_tags(const ModelPacket& packet);
/// Gives such a frame the tag that `rewrite` asks for.
void model_retag(Frame& frame, const Rewrite& rewrite);
/// How many tags a packet leaves with.
[[nodiscard]] std::size_t model_tags_left(const ModelPacket& packet, const Rewrite& rewrite);
/// Whether the outermost tag is beside the frame then, where a device without Ethernet header cannot take it.
[[nodiscard]] bool model_leaves_with_tag_beside(const ModelPacket& packet, const Rewrite& rewrite);

/// The hash of a flow over `fields` (RUDDER_HASH_*) that chooses the member of a group, and its place in the table.
[[nodiscard]] std::uint32_t model_flow_hash(const ModelPacket& packet, HashFields fields);
[[nodiscard]] std::size_t model_group_place(std::uint32_t hash);

/// Outcome of one target: the new frame, or why not (enum rudder_reason, 0: sent).
struct ModelRewrite {
    std::uint32_t reason = 0;
    Frame frame;
};
/// IP and transport headers only.
[[nodiscard]] ModelRewrite model_rewrite(const Frame& frame, const ModelPacket& packet, const Rewrite& rewrite,
                                         Direction direction);

struct ModelCopy {
    std::optional<std::uint32_t> reason{};  ///< why it was not sent, 0: it was; none: it is not wanted
    std::uint64_t member = 0;               ///< of a group: it counts the copy
    std::uint32_t ifindex = 0;              ///< where it was sent
    Frame frame{};
};

struct ModelResult {
    int verdict = -1;
    Frame frame;                         ///< as it leaves the program
    int rule = -1;                       ///< that counted
    std::uint64_t member = 0;            ///< of a group: it counts the packet too
    std::uint32_t reason = 0;            ///< counted, 0: none
    bool is_answered = false;            ///< the frame is an ICMP error now
    bool is_consumed = false;            ///< by its copies: nobody sees what is left of it
    std::vector<ModelCopy> copies{};     ///< mirror, replicate: in the order of the targets
};
/// The ICMP error that tells the sender of the MTU, or (0) that its TTL has expired; none if it must not be told, or by
/// nobody. The kernel forwards nothing in this network namespace.
[[nodiscard]] std::optional<Frame> model_icmp(const Frame& frame, const ModelPacket& packet, const Topology& topology,
                                              const Link& link, Direction direction, std::uint32_t mtu);

using ModelTables = std::map<std::string, std::vector<std::uint16_t>>;

/// What is beside the packet and the policy.
struct ModelContext {
    ModelTables tables{};              ///< of the policy's groups, by name
    std::set<std::uint32_t> absent{};  ///< devices of the topology that the kernel does not have: they take no copies
    TagPlace tag_place = TagPlace::in_frame;
    std::uint32_t mark = 0;
};

/// One packet at one hook of `link`, with all its tags in the frame. Limits and samples, which hang on more than the packet,
/// are none of the model's.
[[nodiscard]] ModelResult model_run(const Policy& policy, const Topology& topology, const Link& link, Direction direction,
                                    const Frame& frame, const ModelContext& context = {});

}  // namespace rudder::test
