// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/base/topology.hpp"
#include "shell/net/netlink_message.hpp"
#include "shell/net/netlink_socket.hpp"

#include <cstdint>
#include <map>
#include <set>

namespace rudder::netlink {

/// The devices of the namespace. An event only says where to look; what is known always comes from an answer
/// of the kernel, so the order of events and answers cannot matter.
class LinkTable {
public:
    [[nodiscard]] const std::map<std::uint32_t, Link>& links() const { return links_; }

    /// Takes an RTM_NEWLINK or RTM_DELLINK event.
    void note(const Message& message);
    /// Everything may have changed.
    void mark_all() { is_all_dirty_ = true; }
    [[nodiscard]] bool is_dirty() const { return is_all_dirty_ || !dirty_.empty(); }

    /// Looks again where something may have changed; adds to `changed`, also on error, the devices that came, went,
    /// changed or were replaced. A dump that the kernel keeps interrupting may lack devices: it adds and changes,
    /// removes nothing and leaves the table dirty. *Errors*: what was not answered stays dirty.
    [[nodiscard]] Status refresh(RequestSocket& socket, std::set<std::uint32_t>& changed);

    /// Known devices that went since the last call, also where another has taken the number since.
    [[nodiscard]] std::set<std::uint32_t> take_removed();

private:
    [[nodiscard]] Status refresh_all(RequestSocket& socket, std::set<std::uint32_t>& changed);
    void adopt(Link link, std::set<std::uint32_t>& changed);
    [[nodiscard]] Status refresh_one(RequestSocket& socket, std::uint32_t ifindex, std::set<std::uint32_t>& changed);
    void remove(std::uint32_t ifindex, std::set<std::uint32_t>& changed);

    std::map<std::uint32_t, Link> links_;
    std::set<std::uint32_t> dirty_;
    std::set<std::uint32_t> replaced_;  ///< went since the last refresh, by their events
    std::set<std::uint32_t> removed_;   ///< went since take_removed
    bool is_all_dirty_ = true;
};

}  // namespace rudder::netlink
