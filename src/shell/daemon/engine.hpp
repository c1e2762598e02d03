// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/base/result.hpp"
#include "core/base/topology.hpp"
#include "core/compile/groups.hpp"
#include "core/compile/plan.hpp"
#include "core/report/load_times.hpp"
#include "shell/kernel/kernel_port.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
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
/// Keeps:
/// - `policy()` is the policy of the running generation; a policy that is valid but could not be applied is
///   pending and tried first by every reconcile until it is applied or replaced;
/// - a generation number belongs to one policy: another sha256 is another generation, even if the image is the same;
/// - next-hop entries of the running generation follow the network, whatever becomes of a plan.
class Engine {
public:
    struct Outcome {
        Status status;                    ///< not ok: what ran before runs on
        bool is_rejected = false;         ///< the policy itself cannot be compiled (a limit); it is not kept as pending
        bool has_published = false;
        std::shared_ptr<const Policy> replaced;  ///< the policy that ran before, when another took its place
        std::vector<Error> warnings;      ///< after the commit point, or left over; to be tried again
        LoadTimes times;                  ///< of compile and apply
    };

    Engine(KernelPort& kernel, TopologySource& network) : kernel_(kernel), network_(network) {}

    /// Makes `policy` the wanted one and reconciles. The sha256 of the running policy again changes nothing.
    Outcome run(Policy policy);
    /// Compiles the wanted policy against the present topology, if either is new, and applies the difference. Idempotent.
    Outcome reconcile();

    /// Lets the groups of the running generation, and its next hops out of these devices, follow the network at once, without
    /// a compilation. Returns what could not be written; reconcile tries again.
    [[nodiscard]] std::vector<Error> follow_devices(const std::set<std::uint32_t>& devices);
    /// Members of groups that are dead though their link and neighbour may live. Takes effect at once.
    [[nodiscard]] std::vector<Error> set_dead_members(DeadMembers dead);

    /// See rudder::forget_lost_hooks; the next reconcile attaches them again.
    Result<std::vector<HookSpec>> forget_lost_hooks();
    /// The kernel runs the generation of our record.
    Status verify() const;
    /// Takes everything that is ours off the hooks. *Errors*: the first; the others are still tried.
    Status detach_all();

    [[nodiscard]] const Policy& policy() const { return *policy_; }
    /// The same, for whoever still needs it when another runs.
    [[nodiscard]] std::shared_ptr<const Policy> shared_policy() const { return policy_; }
    [[nodiscard]] const Applied& applied() const { return applied_; }
    /// A copy of applied().image, one for all who ask while somebody keeps it and nothing is applied.
    [[nodiscard]] std::shared_ptr<const Image> shared_image();
    /// The network as it is now.
    [[nodiscard]] const Topology& topology() const { return network_.topology(); }
    /// Name of a device, its number if it is gone.
    [[nodiscard]] std::string device_name(std::uint32_t ifindex) const;
    [[nodiscard]] bool has_pending() const { return pending_ != nullptr; }

private:
    Outcome reconcile_policies();
    Outcome apply_policy(const Policy& policy);
    [[nodiscard]] std::vector<Error> follow_network();
    [[nodiscard]] std::vector<Error> follow_groups();
    void watch_next_hops(const Policy& policy, Outcome& outcome);
    [[nodiscard]] bool is_up_to_date(const Policy& policy) const;

    KernelPort& kernel_;
    TopologySource& network_;
    Applied applied_;
    std::weak_ptr<const Image> shared_image_;  ///< equal to applied_.image, but for what could not be cleared
    std::shared_ptr<const Policy> policy_ = std::make_shared<const Policy>();
    std::shared_ptr<const Policy> pending_;
    DeadMembers dead_members_;
    std::optional<std::map<std::uint32_t, Link>> compiled_links_;  ///< what the running image was compiled for
    bool is_watching_ = false;                                     ///< exactly the questions of the running policy
};

}  // namespace rudder
