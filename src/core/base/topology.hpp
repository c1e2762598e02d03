// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/net_types.hpp"
#include "core/base/policy.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

/// The network as the kernel last told it: plain data, filled by the shell from rtnetlink, read by compile.
namespace rudder {

enum class AddressScope : std::uint8_t { global, site, link, host };

/// An own address of a device.
struct LinkAddress {
    IpAddress address;
    std::uint8_t prefix_length = 0;         ///< of the network it is in; with a peer: the peer's
    AddressScope scope = AddressScope::global;
    bool is_secondary = false;              ///< IPv4: another one of its network is primary; IPv6: temporary (RFC 8981)
    bool is_tentative = false;              ///< duplicate address detection runs or has failed: not to be used
    bool is_deprecated = false;             ///< only for what began with it
    std::optional<IpAddress> broadcast;     ///< IPv4: of its network
    std::optional<IpAddress> peer;          ///< of the other end of a point-to-point link

    friend bool operator==(const LinkAddress&, const LinkAddress&) = default;
};

struct Link {
    std::uint32_t ifindex = 0;
    std::string name;
    std::vector<std::string> altnames;
    MacAddress mac;                 ///< zero for a layer-3 device
    std::uint32_t mtu = 0;          ///< bytes of layer 3
    std::uint32_t carrier_changes = 0;  ///< how often the carrier came or went
    bool is_up = false;             ///< administratively up with carrier (IFF_UP and IFF_RUNNING)
    bool is_loopback = false;
    bool is_layer3 = false;         ///< frames carry no Ethernet header (ARPHRD_NONE, tunnels, PPP)
    std::uint32_t master = 0;       ///< ifindex of the bridge, bond, ... it is a port of; 0: none
    std::uint32_t lower = 0;        ///< ifindex of the device it is stacked on (VLAN, macvlan, tunnel) in this namespace; 0: none
    std::string kind;               ///< "veth", "bridge", ... from IFLA_INFO_KIND; empty for hardware
    std::string slave_kind;         ///< kind of the device it is a port of ("bridge", "bond", "vrf", ...); empty: of none
    std::vector<LinkAddress> addresses;  ///< IPv4 in the kernel's order (primary first), then IPv6, sorted

    friend bool operator==(const Link&, const Link&) = default;
};

/// A question to the routing and neighbour tables: which link-layer address for `address` out of `ifindex`?
struct NextHopQuery {
    std::uint32_t ifindex = 0;
    IpAddress address;
    bool is_gateway = false;  ///< `address` is on the link: no route look-up

    friend auto operator<=>(const NextHopQuery&, const NextHopQuery&) = default;
};

/// The answer. `gateway` is the address whose neighbour entry counts (the query's own when on-link).
struct NextHopAnswer {
    bool is_reachable = false;            ///< a route exists
    std::optional<IpAddress> gateway;
    std::optional<MacAddress> mac;        ///< of a usable neighbour entry
    bool has_failed = false;              ///< the neighbour did not answer, and has not been usable since
    friend bool operator==(const NextHopAnswer&, const NextHopAnswer&) = default;
};

struct Topology {
    std::map<std::uint32_t, Link> links;                    ///< by ifindex
    std::map<NextHopQuery, NextHopAnswer> next_hops;        ///< for the queries of the running and the new policy
};

/// The link with that name or altname; null if there is none.
[[nodiscard]] const Link* find_link(const Topology& topology, const std::string& name);
/// The address that packets of `family` leaving by `link` towards `next` have as their source; null without one. Usable
/// addresses of global scope count: first one whose network holds `next` (the longest prefix of them), else the first
/// that is not deprecated and primary. Others are taken where there is nothing better.
[[nodiscard]] const LinkAddress* source_address(const Link& link, IpFamily family,
                                                const std::optional<IpAddress>& next);
/// The IPv4 addresses that reach every host of a link: 255.255.255.255, and for each network the last address and the
/// one that was set as its broadcast address. *Source*: RFC 919, RFC 922; none for prefixes of 31 and 32 bits (RFC
/// 3021).
[[nodiscard]] std::set<IpAddress> broadcast_addresses(const Topology& topology);
/// See InterfaceSelector.
[[nodiscard]] bool selects(const InterfaceSelector& selector, const Link& link);

}  // namespace rudder
