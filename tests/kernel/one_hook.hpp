// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel_objects.hpp"
#include "network.hpp"
#include "small_policy.hpp"

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace rudder::test {

/// A daemon with one hook, on a veth pair of its own. Its policies have one rule, which passes everything at the hook.
struct OneHook {
    const VethPair veth;  ///< outlives the daemon
    Daemon daemon;
    const HookSpec hook;

    /// Applies rule "a" in that tier, as generation 1. Fails the test if that fails.
    explicit OneHook(const Way& way, std::size_t tier = 0) : daemon(way.mechanism), hook(way.hook_of(veth)) {
        REQUIRE(reconcile("a", tier).status);
    }

    /// The compiled policy. It goes on with the slots of what is applied.
    [[nodiscard]] Image image(const std::string& rule, std::size_t tier) const {
        return passing_image(rule, {hook.ifindex}, daemon.applied.image.slots, tier, hook.direction);
    }
    ApplyOutcome reconcile(const std::string& rule, std::size_t tier) {
        return daemon.reconcile(rule, {hook.ifindex}, tier, hook.direction);
    }
    /// See Daemon::publish.
    Status publish(const std::string& rule, std::size_t tier) {
        return daemon.publish(rule, {hook.ifindex}, tier, hook.direction);
    }
    /// Id of our program at the hook; 0: none.
    [[nodiscard]] std::uint32_t program() { return daemon.program_at(hook); }
    [[nodiscard]] BpfKernel& kernel() const { return *daemon.kernel; }
};

}  // namespace rudder::test
