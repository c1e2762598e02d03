// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/net_types.hpp"
#include "core/base/policy.hpp"
#include "core/base/topology.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

/// Which multicast groups the daemon is a member of, on which devices: what the rules ask for, and the way there from
/// what is held. Pure; the sockets are in shell/multicast.
namespace rudder {

/// One group on one device, for any source or for one. Several sources of a group are several memberships.
struct Membership {
    std::uint32_t ifindex = 0;
    IpAddress group;
    std::optional<IpAddress> source;
    friend auto operator<=>(const Membership&, const Membership&) = default;
};

/// The memberships held or tried. The value is 0, or the errno with which the kernel refused.
using Memberships = std::map<Membership, int>;

/// Groups the kernel itself lists, by ifindex.
using KernelGroups = std::set<std::pair<std::uint32_t, IpAddress>>;

using Links = std::map<std::uint32_t, Link>;

/// Rules and devices multiply; more memberships than this are not asked for.
inline constexpr std::size_t k_max_memberships = 65'536;

/// What one rule asks for on the devices it selects, in order; empty for a rule without `join`.
[[nodiscard]] std::vector<Membership> memberships_of(const Rule& rule, const Links& links);

struct WantedMemberships {
    std::set<Membership> all;
    std::size_t left_out = 0;  ///< those beyond the limit, of the rules looked at last
};
[[nodiscard]] WantedMemberships wanted_memberships(const Policy& policy, const Links& links,
                                                   std::size_t limit = k_max_memberships);

/// Held memberships that the kernel has dropped without a word: those on devices that were replaced, or
/// that its own list does not have.
[[nodiscard]] std::set<Membership> lost_memberships(const Memberships& held, const std::set<std::uint32_t>& replaced,
                                                    const KernelGroups& kernel);

/// Held memberships that the network may not know of any more: those on a device that came back, or whose primary IPv4
/// address is another one. When only the carrier was away, the kernel reports IPv6 groups of any source again, and
/// nothing else.
[[nodiscard]] std::set<Membership> unreported_memberships(const Memberships& held, const Links& before,
                                                          const Links& now);

/// *Shape*: each list in order. `renew` is left and joined again, group by group, so that reports are sent.
struct MembershipPlan {
    std::vector<Membership> renew;
    std::vector<Membership> join;
    std::vector<Membership> leave;  ///< after the joins: a group whose sources change is never without a member
    friend bool operator==(const MembershipPlan&, const MembershipPlan&) = default;
};

/// From `held` to `wanted`; those of `broken` that stay wanted are renewed. Failed ones are tried again.
[[nodiscard]] MembershipPlan plan_memberships(const Memberships& held, const std::set<Membership>& wanted,
                                              const std::set<Membership>& broken);

}  // namespace rudder
