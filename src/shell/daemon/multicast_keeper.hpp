// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/multicast/silence.hpp"
#include "core/report/report.hpp"
#include "shell/daemon/engine.hpp"
#include "shell/kernel/kernel_port.hpp"
#include "shell/log/logger.hpp"
#include "shell/multicast/joins.hpp"
#include "shell/multicast/membership_sockets.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace rudder {

/// The multicast side of the running policy: its memberships, and whether what was joined comes.
class MulticastKeeper {
public:
    /// *Ownership*: borrows all.
    MulticastKeeper(KernelPort& kernel, const Engine& engine, Logger& logger)
        : kernel_(kernel), engine_(engine), sockets_(default_max_sockets()), joins_(sockets_, logger) {}

    /// To be called after the policy or the network may have changed. See Joins::follow.
    void follow(const Links& links, const std::set<std::uint32_t>& replaced) {
        joins_.follow(engine_.policy(), links, replaced);
    }
    /// Now and then: repairs memberships and looks for packets.
    void look(const Links& links);
    /// Adds what is known to a snapshot whose counters have been read.
    void describe(Snapshot& snapshot);

private:
    KernelPort& kernel_;
    const Engine& engine_;
    MembershipSockets sockets_;
    Joins joins_;
    Silence silence_;
};

/// Packets of each rule with `join`, by name. `counters` by slot.
[[nodiscard]] std::map<std::string, std::uint64_t> joining_rule_packets(const Policy& policy, const Slots& slots,
                                                                        const std::vector<CounterValue>& counters);

}  // namespace rudder
