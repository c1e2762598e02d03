// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/net_types.hpp"
#include "core/base/topology.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

/// rtnetlink bytes to plain structs. All functions are pure, accept any bytes at any alignment and never
/// read past the end of what they are given; what does not fit its frame is as if it were not there.
/// *Source*: RFC 3549, linux/netlink.h, linux/rtnetlink.h, linux/if_link.h,
/// linux/if_addr.h, linux/neighbour.h.
namespace rudder::netlink {

using Bytes = std::span<const std::byte>;

/// One message of a datagram. `payload` borrows from the datagram.
struct Message {
    std::uint16_t type = 0;
    std::uint16_t flags = 0;
    std::uint32_t sequence = 0;
    Bytes payload;
};

/// Walks the messages of one datagram; ends at the first header that does not fit.
class MessageCursor {
public:
    explicit MessageCursor(Bytes datagram) : rest_(datagram) {}
    [[nodiscard]] std::optional<Message> next();

private:
    Bytes rest_;
};

/// `type` is without the NLA_F_* bits.
struct Attribute {
    std::uint16_t type = 0;
    Bytes value;
};

/// Walks a run of attributes; ends at the first one that does not fit.
class AttributeCursor {
public:
    explicit AttributeCursor(Bytes attributes) : rest_(attributes) {}
    [[nodiscard]] std::optional<Attribute> next();

private:
    Bytes rest_;
};

/// An NLMSG_ERROR payload. *Units*: `code` is a positive errno, 0 for an acknowledgement.
/// `text` is the kernel's explanation if it gave one (NLMSGERR_ATTR_MSG).
struct Answer {
    int code = 0;
    std::string text;
};

/// A neighbour entry. `mac` only if the entry holds six bytes of link-layer address.
struct Neighbour {
    std::uint32_t ifindex = 0;
    IpAddress address;
    std::uint16_t state = 0;     ///< NUD_*
    std::uint8_t flags = 0;      ///< NTF_*
    std::uint8_t protocol = 0;   ///< RTPROT_* of who made it; 0 unknown
    bool is_managed = false;     ///< NTF_EXT_MANAGED
    std::optional<MacAddress> mac;

    friend bool operator==(const Neighbour&, const Neighbour&) = default;
};

/// An address and the device it is on.
struct AddressEntry {
    std::uint32_t ifindex = 0;
    LinkAddress address;

    friend bool operator==(const AddressEntry&, const AddressEntry&) = default;
};

/// The kernel's answer to a route look-up.
struct Route {
    std::uint8_t type = 0;     ///< RTN_*
    std::uint32_t ifindex = 0; ///< 0: none given
    std::optional<IpAddress> gateway;  ///< none: the destination is on the link

    friend bool operator==(const Route&, const Route&) = default;
};

/// Payload of RTM_NEWLINK or RTM_DELLINK of a device (not of a bridge port: see link_identity). Empty if it is
/// too short or lacks a name.
[[nodiscard]] std::optional<Link> parse_link(Bytes payload);
/// Address family and ifindex of any RTM_*LINK payload.
[[nodiscard]] std::optional<std::pair<std::uint8_t, std::uint32_t>> link_identity(Bytes payload);
/// ifindex of any RTM_*ADDR payload.
[[nodiscard]] std::optional<std::uint32_t> parse_address_ifindex(Bytes payload);
/// Payload of RTM_NEWADDR or RTM_DELADDR, IPv4 or IPv6.
[[nodiscard]] std::optional<AddressEntry> parse_address(Bytes payload);
/// Payload of RTM_NEWNEIGH or RTM_DELNEIGH. Empty for bridge, proxy and malformed entries.
[[nodiscard]] std::optional<Neighbour> parse_neighbour(Bytes payload);
/// Payload of RTM_NEWROUTE as RTM_GETROUTE answers it.
[[nodiscard]] std::optional<Route> parse_route(Bytes payload);
/// Payload of NLMSG_ERROR, with or without the echoed request. `flags` are those of the message's header.
[[nodiscard]] std::optional<Answer> parse_answer(Bytes payload, std::uint16_t flags);

/// Payload of NLMSG_DONE: the errno that ended the dump early, else 0.
[[nodiscard]] int parse_done(Bytes payload);

/// A state in which the entry's address may be used: reachable, stale, delay, probe, permanent, noarp.
[[nodiscard]] bool is_usable(const Neighbour& neighbour);
/// The link-layer address that a group destination has on Ethernet; empty for a unicast address.
/// *Source*: RFC 1112 6.4, RFC 2464 7.
[[nodiscard]] std::optional<MacAddress> group_mac(const IpAddress& address);

}  // namespace rudder::netlink
