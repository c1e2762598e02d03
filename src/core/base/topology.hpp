// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/net_types.hpp"
#include "core/base/policy.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// The network as the kernel last told it: plain data, filled by the shell from rtnetlink, read by compile.
namespace rudder {

struct Link {
    std::uint32_t ifindex = 0;
    std::string name;
    std::vector<std::string> altnames;
    MacAddress mac;                 ///< zero for a layer-3 device
    std::uint32_t mtu = 0;          ///< bytes of layer 3
    bool is_up = false;             ///< administratively up with carrier (IFF_UP and IFF_RUNNING)
    bool is_loopback = false;
    bool is_layer3 = false;         ///< frames carry no Ethernet header (ARPHRD_NONE, tunnels, PPP)
    std::string kind;               ///< "veth", "bridge", ... from IFLA_INFO_KIND; empty for hardware

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
    friend bool operator==(const NextHopAnswer&, const NextHopAnswer&) = default;
};

struct Topology {
    std::map<std::uint32_t, Link> links;                    ///< by ifindex
    std::map<NextHopQuery, NextHopAnswer> next_hops;        ///< for the queries of the running and the new policy
};

/// The link with that name or altname; null if there is none.
[[nodiscard]] const Link* find_link(const Topology& topology, const std::string& name);
/// See InterfaceSelector.
[[nodiscard]] bool selects(const InterfaceSelector& selector, const Link& link);

}  // namespace rudder
