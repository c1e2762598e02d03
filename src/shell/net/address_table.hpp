// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/base/topology.hpp"
#include "shell/net/netlink_message.hpp"
#include "shell/net/netlink_socket.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <vector>

namespace rudder::netlink {

/// The addresses of the devices of the namespace. As with links, an event only says where to look.
class AddressTable {
public:
    /// By ifindex, in the order of Link::addresses. Devices without an address have no entry.
    [[nodiscard]] const std::map<std::uint32_t, std::vector<LinkAddress>>& addresses() const { return addresses_; }

    /// Something about this device's addresses may have changed.
    void note(std::uint32_t ifindex);
    /// Everything may have changed.
    void mark_all() { is_all_dirty_ = true; }
    [[nodiscard]] bool is_dirty() const { return is_all_dirty_ || !dirty_.empty(); }

    /// Looks again where something may have changed; adds to `changed`, also on error, the devices whose addresses did.
    /// A list that the kernel keeps interrupting changes nothing and stays dirty. *Errors*: what was not answered stays
    /// dirty.
    [[nodiscard]] Status refresh(RequestSocket& socket, std::set<std::uint32_t>& changed);

private:
    using Listing = std::map<std::uint32_t, std::vector<LinkAddress>>;

    [[nodiscard]] Result<Exchange> list(RequestSocket& socket, IpFamily family, std::uint32_t ifindex, Listing& found);
    [[nodiscard]] Status refresh_all(RequestSocket& socket, std::set<std::uint32_t>& changed);
    [[nodiscard]] Status refresh_one(RequestSocket& socket, std::uint32_t ifindex, std::set<std::uint32_t>& changed);
    void adopt(std::uint32_t ifindex, std::vector<LinkAddress> addresses, std::set<std::uint32_t>& changed);

    Listing addresses_;
    std::set<std::uint32_t> dirty_;
    bool is_all_dirty_ = true;
};

}  // namespace rudder::netlink
