// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/diagnostic.hpp"
#include "core/base/policy.hpp"
#include "core/base/topology.hpp"
#include "core/compile/image.hpp"
#include "shell/log/logger.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>

/// The audit trail: what each load did to the rules. *Shape*: one entry for each thing changed, at most
/// `k_audit_entries`, then one summary that counts all of them.
namespace rudder {

inline constexpr std::size_t k_audit_entries = 1000;

struct PolicyDifference {
    std::vector<const Rule*> added;    ///< into `after`
    std::vector<const Rule*> removed;  ///< into `before`
    std::vector<const Rule*> changed;  ///< into `after`
};

/// By name. *Ownership*: points into both policies.
[[nodiscard]] PolicyDifference difference(const Policy& before, const Policy& after);

/// To be called after the publish, so that the log never holds it up. `deferred`: how many of the rules wait.
void log_published(Logger& logger, const Policy& before, const Policy& after, std::uint64_t generation, std::size_t deferred = 0);

/// What a rule that is not wholly active waits for.
struct Wait {
    bool is_whole = false;  ///< the rule itself; else some of its targets
    std::string interface;  ///< the name, or the selector as written
    std::string target;     ///< the `via` that is missing; empty if the rule's own interface is
    std::string reason;
    friend bool operator==(const Wait&, const Wait&) = default;
};
using Waits = std::map<std::string, Wait>;  ///< by the name of the rule

/// `states` are those of the policy's rules, in their order.
[[nodiscard]] Waits waits_of(const Policy& policy, const std::vector<RuleState>& states);
[[nodiscard]] std::size_t deferred_rules(const Waits& waits);

/// One entry for each rule that became deferred, waits for something else or became active again, at most `k_audit_entries`.
/// A rule that is not in `policy` any more is not worth one.
void log_waits(Logger& logger, const Policy& policy, const Waits& before, const Waits& after, std::uint64_t generation);

/// Ways out of rules by a port of a bond: what is sent there passes the bond by, whichever port it would choose.
struct BondPort {
    std::string rule;
    std::string interface;
    friend auto operator<=>(const BondPort&, const BondPort&) = default;
};
using BondPorts = std::set<BondPort>;

[[nodiscard]] BondPorts bond_ports_of(const Policy& policy, const Topology& topology);

/// A warning for each that is new, at most `k_audit_entries`.
void log_bond_ports(Logger& logger, const BondPorts& before, const BondPorts& after, std::uint64_t generation);

/// A set that was refused: its findings and the summary.
void log_rejected(Logger& logger, const Diagnostics& diagnostics, const std::string& sha256, std::uint64_t running_generation);

}  // namespace rudder
