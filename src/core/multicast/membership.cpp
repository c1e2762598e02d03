// SPDX-License-Identifier: Apache-2.0
#include "core/multicast/membership.hpp"

#include <algorithm>

namespace rudder {
namespace {

bool is_excluded(const Rule& rule, std::vector<IpPrefix> Exclusion::*side, const IpAddress& address) {
    if (!rule.match.excluded) return false;
    const std::vector<IpPrefix>& excluded = (*rule.match.excluded).*side;
    return std::any_of(excluded.begin(), excluded.end(), [&](const IpPrefix& prefix) { return prefix.contains(address); });
}

/// Calls use(membership) for each group of the rule on the device, but for groups and sources that it leaves out.
template <class Use>
void for_each_membership(const Rule& rule, std::uint32_t ifindex, Use use) {
    for (const IpPrefix& prefix : rule.match.dst) {
        const IpAddress& group = prefix.address;
        if (is_excluded(rule, &Exclusion::dst, group)) continue;
        if (rule.join->sources.empty()) use(Membership{ifindex, group, std::nullopt});
        for (const IpAddress& source : rule.join->sources) {
            if (source.family != group.family || is_excluded(rule, &Exclusion::src, source)) continue;
            use(Membership{ifindex, group, source});
        }
    }
}

template <class Use>
void for_each_membership(const Rule& rule, const Links& links, Use use) {
    if (!rule.join) return;
    for (const auto& [ifindex, link] : links)
        if (selects(rule.match.interface, link)) for_each_membership(rule, ifindex, use);
}

/// The primary IPv4 address: the source of IGMP reports.
std::optional<IpAddress> report_source(const Link& link) {
    if (link.addresses.empty() || link.addresses.front().address.family != IpFamily::v4) return std::nullopt;
    return link.addresses.front().address;
}

bool has_new_source(const Link& before, const Link& now) {
    const auto source = report_source(now);
    return now.is_up && source && source != report_source(before);
}

bool has_come_back(const Link& before, const Link& now) {
    return now.is_up && (!before.is_up || before.carrier_changes != now.carrier_changes);
}

}  // namespace

std::vector<Membership> memberships_of(const Rule& rule, const Links& links) {
    std::vector<Membership> memberships;
    for_each_membership(rule, links, [&](const Membership& membership) { memberships.push_back(membership); });
    return memberships;
}

WantedMemberships wanted_memberships(const Policy& policy, const Links& links, std::size_t limit) {
    WantedMemberships wanted;
    for (const Rule& rule : policy.rules) {
        for_each_membership(rule, links, [&](const Membership& membership) {
            if (wanted.all.size() < limit)
                wanted.all.insert(membership);
            else if (!wanted.all.contains(membership))
                ++wanted.left_out;
        });
    }
    return wanted;
}

std::set<Membership> lost_memberships(const Memberships& held, const std::set<std::uint32_t>& replaced,
                                      const KernelGroups& kernel) {
    std::set<Membership> lost;
    for (const auto& [membership, error] : held) {
        if (error != 0) continue;
        const bool is_listed = kernel.contains({membership.ifindex, membership.group});
        if (!is_listed || replaced.contains(membership.ifindex)) lost.insert(membership);
    }
    return lost;
}

std::set<Membership> unreported_memberships(const Memberships& held, const Links& before, const Links& now) {
    std::set<Membership> unreported;
    for (const auto& [membership, error] : held) {
        const bool is_kernels_work = membership.group.family == IpFamily::v6 && !membership.source;
        if (error != 0 || is_kernels_work) continue;
        const auto old_link = before.find(membership.ifindex);
        const auto new_link = now.find(membership.ifindex);
        if (old_link == before.end() || new_link == now.end()) continue;
        const bool is_unreported =
            has_come_back(old_link->second, new_link->second) || has_new_source(old_link->second, new_link->second);
        if (is_unreported) unreported.insert(membership);
    }
    return unreported;
}

MembershipPlan plan_memberships(const Memberships& held, const std::set<Membership>& wanted,
                                const std::set<Membership>& broken) {
    MembershipPlan plan;
    for (const Membership& membership : wanted) {
        const auto found = held.find(membership);
        if (found == held.end() || found->second != 0)
            plan.join.push_back(membership);
        else if (broken.contains(membership))
            plan.renew.push_back(membership);
    }
    for (const auto& [membership, error] : held)
        if (!wanted.contains(membership)) plan.leave.push_back(membership);
    return plan;
}

}  // namespace rudder
