// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/multicast/membership.hpp"
#include "shell/log/logger.hpp"
#include "shell/multicast/membership_port.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

namespace rudder {

/// Keeps the memberships in multicast groups that the running policy asks for, whatever the network does. A refusal
/// never touches the policy: it is a warning in the journal and tried again with every look.
class Joins {
public:
    /// *Ownership*: borrows both.
    Joins(MembershipPort& port, Logger& logger) : port_(port), logger_(logger) {}

    /// Follows the policy and the devices. Cheap when neither has changed. `replaced` are devices that went, also where
    /// another has their number now.
    void follow(const Policy& policy, const Links& links, const std::set<std::uint32_t>& replaced);
    /// Finds what nobody tells: memberships that the kernel dropped. Tries again what failed.
    void look(const Policy& policy, const Links& links);

    [[nodiscard]] const Memberships& held() const { return held_; }
    /// Memberships beyond k_max_memberships.
    [[nodiscard]] std::size_t left_out() const { return left_out_; }

private:
    struct Change {
        std::size_t joined = 0;
        std::size_t left = 0;
        std::size_t renewed = 0;
    };

    void update(const Policy& policy, const Links& links, const std::set<std::uint32_t>& replaced);
    [[nodiscard]] std::set<Membership> find_broken(const Links& links, const std::set<std::uint32_t>& replaced);
    void renew(const std::vector<Membership>& memberships);
    void join(const Membership& membership);
    void join_what_failed();
    void leave(const Membership& membership);
    void log_change(const Change& change);
    void log_failures(const Links& links);

    MembershipPort& port_;
    Logger& logger_;
    Memberships held_;
    std::size_t left_out_ = 0;
    std::string sha256_;              ///< of the policy followed last
    bool has_joins_ = false;          ///< that policy
    Links links_;                     ///< as last seen
    std::set<std::string> failures_;  ///< as last logged
};

}  // namespace rudder
