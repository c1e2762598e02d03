// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/plan.hpp"
#include "core/base/result.hpp"
#include "core/report/load_times.hpp"
#include "shell/kernel/kernel_port.hpp"

#include <string>
#include <vector>

namespace rudder {

/// What became of a plan. On failure (`status` not ok) nothing observable has changed and `applied` is as before.
/// `warnings` are failures after the commit point; the next reconcile retries them.
struct ApplyOutcome {
    Status status;
    std::vector<Error> warnings;
    LoadTimes times;  ///< its own steps: stage, publish, finish
};

/// Executes a plan in the order of Plan's comment and keeps `applied` true to the kernel (invariants I1-I4).
/// A failure before publish undoes exactly the recorded steps in reverse.
ApplyOutcome apply(KernelPort& kernel, Applied& applied, Plan plan, Image image);

/// Writes what differs from `entries`, the wanted content of slots of the running generation. Outside of any plan, so
/// that a plan that fails does not keep packets from following their neighbours. Returns the failures; what failed is
/// written by the next call.
[[nodiscard]] std::vector<Error> refresh_next_hops(KernelPort& kernel, Applied& applied,
                                                   const std::map<std::uint32_t, NextHopEntry>& entries);

/// The same for the tables of groups.
[[nodiscard]] std::vector<Error> refresh_groups(KernelPort& kernel, Applied& applied,
                                                const std::map<std::uint32_t, GroupEntry>& entries);

/// Frees and zeroes what an earlier apply had to leave over. Returns what still is left. Costs nothing when there is
/// nothing to do.
[[nodiscard]] std::vector<Error> finish_leftovers(KernelPort& kernel, Applied& applied);

/// Takes hooks that the kernel no longer lists (the device was deleted, perhaps made again with the same index, or moved
/// to another namespace; somebody removed our filter) off our record and the port's, so that the next plan attaches them
/// again. A tcx link that went to another namespace with its device ends by that. Returns those hooks.
/// To be called before make_plan whenever links have changed, and from time to time. *Errors*: the kernel cannot be asked.
Result<std::vector<HookSpec>> forget_lost_hooks(KernelPort& kernel, Applied& applied);

}  // namespace rudder
