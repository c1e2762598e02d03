// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/multicast/membership_port.hpp"
#include "shell/os/unique_fd.hpp"

#include <cstddef>
#include <list>
#include <map>

namespace rudder {

/// Memberships held by UDP sockets that are never bound: they are in no table that the kernel looks up for a packet, so
/// nothing is queued on them. IGMP and MLD are spoken by the kernel.
///
/// A socket holds a bounded number of memberships: IPv4 by net.ipv4.igmp_max_memberships (20) and igmp_max_msf (10
/// sources of a group), IPv6 by net.core.optmem_max. The bounds are not asked for, they can be changed any time: a
/// socket that refuses is full until something on it is left, and the next one is tried, a new one last.
///
/// Keeps: memberships for any source and for single sources are never on one socket (a socket has one filter mode per
/// group); a socket without memberships is closed.
class MembershipSockets final : public MembershipPort {
public:
    /// At most `max_sockets`; beyond them joins fail with EMFILE.
    explicit MembershipSockets(std::size_t max_sockets) : max_sockets_(max_sockets) {}

    [[nodiscard]] int join(const Membership& membership) override;
    void leave(const Membership& membership) override;
    [[nodiscard]] Result<KernelGroups> list_groups() override;
    [[nodiscard]] std::size_t sockets() const override;

private:
    struct Socket {
        UniqueFd fd;
        bool is_full = false;
        std::size_t held = 0;
    };
    using Sockets = std::list<Socket>;
    struct PoolKey {
        IpFamily family;
        bool is_source_specific;
        friend auto operator<=>(const PoolKey&, const PoolKey&) = default;
    };

    [[nodiscard]] Sockets& pool_of(const Membership& membership);
    [[nodiscard]] int join_on(Sockets::iterator socket, const Membership& membership);
    [[nodiscard]] bool has_sources_on(const Socket& socket, const Membership& group) const;

    std::size_t max_sockets_;
    std::map<PoolKey, Sockets> pools_;
    std::map<Membership, Sockets::iterator> held_;
};

/// Half of the file descriptors this process may open: the other half stays for everything else.
[[nodiscard]] std::size_t default_max_sockets();

}  // namespace rudder
