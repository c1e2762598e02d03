// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/base/result.hpp"
#include "core/base/topology.hpp"
#include "core/compile/plan.hpp"
#include "shell/kernel/kernel_port.hpp"

#include <optional>
#include <vector>

namespace rudder {

/// Where the engine learns about links, routes and neighbours.
class TopologySource {
public:
    virtual ~TopologySource() = default;
    [[nodiscard]] virtual const Topology& topology() const = 0;
    /// Replaces the questions to keep answered; the answers known now are in `topology()` on return.
    virtual Status watch(const std::vector<NextHopQuery>& queries) = 0;
};

/// Brings the kernel to what the policy and the network demand, and knows what it runs.
/// Keeps: `policy()` is the policy of the running generation; a policy that is valid but could not be applied is
/// pending and tried first by every reconcile until it is applied or replaced.
class Engine {
public:
    struct Outcome {
        Status status;                ///< not ok: what ran before runs on
        bool is_rejected = false;     ///< the policy itself cannot be compiled (a limit); it is not kept as pending
        bool has_published = false;
        std::vector<Error> warnings;  ///< after the commit point; to be tried again
    };

    Engine(KernelPort& kernel, TopologySource& network) : kernel_(kernel), network_(network) {}

    /// Makes `policy` the wanted one and reconciles.
    Outcome run(Policy policy);
    /// Compiles the wanted policy against the present topology and applies the difference. Idempotent.
    Outcome reconcile();

    /// Forgets hooks that the kernel no longer runs (removed by somebody, or the device was replaced), so that the
    /// next reconcile attaches them again. Returns those.
    Result<std::vector<HookSpec>> forget_lost_hooks();
    /// The kernel runs the generation of our record.
    Status verify() const;
    /// Takes everything that is ours off the hooks. *Errors*: the first; the others are still tried.
    Status detach_all();

    [[nodiscard]] const Policy& policy() const { return policy_; }
    [[nodiscard]] const Applied& applied() const { return applied_; }
    [[nodiscard]] bool has_pending() const { return pending_.has_value(); }

private:
    Outcome apply_policy(const Policy& policy);

    KernelPort& kernel_;
    TopologySource& network_;
    Applied applied_;
    Policy policy_;
    std::optional<Policy> pending_;
};

}  // namespace rudder
