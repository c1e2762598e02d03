// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/net_types.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// Frames composed as `Ethernet{} / Ipv4{} / Udp{} / payload(20)`. Lengths, next protocols and checksums are filled
/// in from scratch unless a layer states them. Nothing here is shared with the datapath.
namespace rudder::test {

using Frame = std::vector<std::uint8_t>;

/// Where the kernel keeps a frame's outermost tag when the packet comes to the hook.
enum class TagPlace { in_frame, beside };

struct Ethernet {
    MacAddress dst{{2, 0, 0, 0, 0, 1}};
    MacAddress src{{2, 0, 0, 0, 0, 9}};
    std::optional<std::uint16_t> type{};
};
struct Vlan {
    std::uint16_t tci = 0;
    std::uint16_t tpid = 0x8100;
};
struct Ipv4 {
    std::string src = "192.0.2.1";
    std::string dst = "10.1.2.3";
    std::uint8_t ttl = 64;
    std::uint8_t tos = 0;
    std::uint16_t fragment = 0;  ///< flags and offset as on the wire
    unsigned option_bytes = 0;
    std::optional<std::uint8_t> protocol{};
    std::optional<std::uint8_t> version_ihl{};
    std::optional<std::uint16_t> total_length{};
    std::optional<std::uint16_t> checksum{};
    std::uint16_t identification = 0x4711;
};
struct Ipv6 {
    std::string src = "2001:db8::1";
    std::string dst = "2001:db8:1::3";
    std::uint8_t hop_limit = 64;
    std::uint8_t traffic_class = 0;
    std::uint32_t flow_label = 0x12345;
    std::optional<std::uint8_t> next_header{};
    std::optional<std::uint16_t> payload_length{};
};
/// Hop-by-hop (0), routing (43), fragment (44), AH (51) or destination options (60).
struct Extension {
    std::uint8_t type = 0;
    unsigned units = 0;                ///< length field as on the wire
    std::uint16_t fragment = 0;        ///< fragment: offset and M flag as on the wire
    std::uint8_t segments_left = 0;    ///< routing
    std::optional<std::uint8_t> next{};  ///< what follows, if it cannot be told from the next layer
};
struct Udp {
    std::uint16_t src_port = 4000;
    std::uint16_t dst_port = 5000;
    std::optional<std::uint16_t> checksum{};
    std::uint8_t protocol = 17;  ///< 136: UDP-Lite with full coverage
};
struct Tcp {
    std::uint16_t src_port = 4000;
    std::uint16_t dst_port = 5000;
    unsigned option_bytes = 0;
};
/// Ports, then a verification tag and a CRC32c that stand for themselves.
struct Sctp {
    std::uint16_t src_port = 4000;
    std::uint16_t dst_port = 5000;
};
struct Dccp {
    std::uint16_t src_port = 4000;
    std::uint16_t dst_port = 5000;
};
struct Icmp {
    std::uint8_t type = 8;
    std::uint8_t code = 0;
    std::uint32_t rest = 0;  ///< of the header
};
struct Icmp6 {
    std::uint8_t type = 128;
    std::uint8_t code = 0;
    std::uint32_t rest = 0;
};
struct Bytes {
    Frame bytes;
};

using Layer = std::variant<Ethernet, Vlan, Ipv4, Ipv6, Extension, Udp, Tcp, Sctp, Dccp, Icmp, Icmp6, Bytes>;

/// Layers from the outside in.
struct Stack {
    std::vector<Layer> layers;
    [[nodiscard]] Frame build() const;
    operator Frame() const { return build(); }
};

template <class A, class B>
Stack operator/(A outer, B inner) {
    if constexpr (std::is_same_v<A, Stack>) {
        outer.layers.emplace_back(std::move(inner));
        return outer;
    } else {
        return Stack{{Layer{std::move(outer)}, Layer{std::move(inner)}}};
    }
}

/// `size` bytes 0, 1, 2, ...
Bytes payload(std::size_t size);
/// The frame with `size` zero bytes behind it (Ethernet padding).
Frame padded(Frame frame, std::size_t size);
/// One's complement sum of bytes, an odd last byte counted as if a zero followed.
std::uint32_t sum16(const std::uint8_t* data, std::size_t size, std::uint32_t start = 0);
std::uint16_t fold16(std::uint32_t sum);
/// A number of two octets in network byte order.
inline unsigned be16(const Frame& frame, std::size_t at) { return static_cast<unsigned>(frame[at] << 8 | frame[at + 1]); }
inline void store16(Frame& frame, std::size_t at, unsigned value) {
    frame[at] = static_cast<std::uint8_t>(value >> 8);
    frame[at + 1] = static_cast<std::uint8_t>(value);
}
IpAddress address(const std::string& text);
std::string hex(const Frame& frame);

}  // namespace rudder::test
