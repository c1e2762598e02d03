// SPDX-License-Identifier: Apache-2.0
#include "shell/multicast/joins.hpp"

#include "shell/log/events.hpp"
#include "shell/log/wording.hpp"
#include "shell/os/os_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace rudder {
namespace {

bool has_joins(const Policy& policy) {
    return std::any_of(policy.rules.begin(), policy.rules.end(),
                       [](const Rule& rule) { return rule.join.has_value(); });
}

std::size_t joined(const Memberships& memberships) {
    return static_cast<std::size_t>(
        std::count_if(memberships.begin(), memberships.end(), [](const auto& entry) { return entry.second == 0; }));
}

/// "239.1.1.1 on eth0"
std::string place(const Membership& membership, const Links& links) {
    const auto link = links.find(membership.ifindex);
    return fmt::format("{} on {}", to_string(membership.group),
                       link == links.end() ? std::to_string(membership.ifindex) : link->second.name);
}

}  // namespace

void Joins::follow(const Policy& policy, const Links& links, const std::set<std::uint32_t>& replaced) {
    const bool is_new_policy = policy.sha256 != sha256_;
    if (is_new_policy) has_joins_ = has_joins(policy);
    sha256_ = policy.sha256;
    const bool has_work = has_joins_ || !held_.empty();
    if (!has_work || (!is_new_policy && links == links_ && replaced.empty())) return;
    update(policy, links, replaced);
}

void Joins::look(const Policy& policy, const Links& links) {
    if (has_joins_ || !held_.empty()) update(policy, links, {});
}

void Joins::update(const Policy& policy, const Links& links, const std::set<std::uint32_t>& replaced) {
    const WantedMemberships wanted = wanted_memberships(policy, links);
    const MembershipPlan plan = plan_memberships(held_, wanted.all, find_broken(links, replaced));
    links_ = links;
    left_out_ = wanted.left_out;
    const std::size_t before = joined(held_);
    renew(plan.renew);
    for (const Membership& membership : plan.join) join(membership);
    const std::size_t peak = joined(held_);
    for (const Membership& membership : plan.leave) leave(membership);
    const std::size_t kept = joined(held_);
    if (kept < peak) join_what_failed();  // there is room now
    const std::size_t now = joined(held_);
    log_change({std::max(peak, before) - before + now - kept, peak - kept, plan.renew.size()});
    log_failures(links);
}

std::set<Membership> Joins::find_broken(const Links& links, const std::set<std::uint32_t>& replaced) {
    std::set<Membership> broken = unreported_memberships(held_, links_, links);
    if (joined(held_) == 0) return broken;
    const Result<KernelGroups> kernel = port_.list_groups();
    // Without the kernel's list its word counts that it keeps what it took.
    if (kernel) broken.merge(lost_memberships(held_, replaced, *kernel));
    return broken;
}

/// All sources of a group are left before the first is joined again: the kernel then reports the group anew.
void Joins::renew(const std::vector<Membership>& memberships) {
    for (auto first = memberships.begin(); first != memberships.end();) {
        const auto last = std::find_if(first, memberships.end(), [&](const Membership& membership) {
            return membership.ifindex != first->ifindex || membership.group != first->group;
        });
        std::for_each(first, last, [&](const Membership& membership) { port_.leave(membership); });
        std::for_each(first, last, [&](const Membership& membership) { join(membership); });
        first = last;
    }
}

void Joins::join_what_failed() {
    for (auto& [membership, error] : held_)
        if (error != 0) error = port_.join(membership);
}

void Joins::join(const Membership& membership) {
    held_[membership] = port_.join(membership);
}

void Joins::leave(const Membership& membership) {
    port_.leave(membership);
    held_.erase(membership);
}

void Joins::log_change(const Change& change) {
    if (change.joined + change.left + change.renewed == 0) return;
    logger_.log({Priority::info,
                 event::k_memberships,
                 fmt::format("multicast: {} joined, {} left, {} renewed; member of {}", change.joined, change.left,
                             change.renewed, counted(joined(held_), "group")),
                 {}});
}

void Joins::log_failures(const Links& links) {
    std::map<int, std::pair<std::size_t, const Membership*>> failed;  // by errno: how many, the first one
    for (const auto& [membership, error] : held_)
        if (error != 0) ++failed.try_emplace(error, 0, &membership).first->second.first;
    std::set<std::string> present;
    for (const auto& [error, group] : failed) {
        const auto& [count, first] = group;
        present.insert(fmt::format("cannot join {}, first {}: {}", counted(count, "multicast group"),
                                   place(*first, links), errno_text(error)));
    }
    if (left_out_ > 0)
        present.insert(fmt::format("{} beyond the limit of {} not joined", counted(left_out_, "multicast group"),
                                   k_max_memberships));
    for (const std::string& text : present)
        if (!failures_.contains(text))
            logger_.log(
                {Priority::warning, event::k_membership_failed, text + "; to be tried again", {{"REASON", text}}});
    failures_ = std::move(present);
}

}  // namespace rudder
