// SPDX-License-Identifier: Apache-2.0
#include "kernel_objects.hpp"
#include "network.hpp"
#include "small_policy.hpp"

#include "shell/kernel/tc_netlink.hpp"
#include "shell/kernel/tcx.hpp"
#include "shell/os/unique_fd.hpp"

#include <bpf/libbpf.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <cerrno>

namespace rudder::test {
namespace {

/// Puts a foreign filter at a place of the device's ingress, with its own clsact.
void add_foreign_filter(std::uint32_t ifindex, std::uint32_t priority, std::uint32_t handle) {
    const UniqueFd program = passing_program();
    bpf_tc_hook hook{};
    hook.sz = sizeof(hook);
    hook.ifindex = static_cast<int>(ifindex);
    hook.attach_point = BPF_TC_INGRESS;
    (void)bpf_tc_hook_create(&hook);
    bpf_tc_opts options{};
    options.sz = sizeof(options);
    options.prog_fd = program.get();
    options.priority = priority;
    options.handle = handle;
    REQUIRE(bpf_tc_attach(&hook, &options) == 0);
}

std::size_t count_named(const HookSpec& hook, const std::string& prefix) {
    const std::vector<TcFilter> filters = dump_filters(hook).value();
    return static_cast<std::size_t>(std::count_if(filters.begin(), filters.end(), [&](const TcFilter& filter) {
        return filter.program_name.starts_with(prefix);
    }));
}

bool has_tcx_here() {
    const UniqueFd program = passing_program();
    const Result<bool> answer = has_tcx({program.get(), 0});
    return answer && *answer;
}

}  // namespace

TEST_CASE("foreign filters and their clsact survive start, stop and kill -9") {
    for (const Attachment mechanism : {Attachment::cls_bpf, Attachment::automatic}) {
        const VethPair veth;
        const HookSpec hook{veth.left_index(), Direction::ingress};
        add_foreign_filter(hook.ifindex, 1, 1);
        add_foreign_filter(hook.ifindex, 500, 7);  // our priority, another handle
        const std::vector<TcFilter> before = dump_filters(hook).value();
        REQUIRE(before.size() == 2);
        {
            Daemon daemon(mechanism);
            REQUIRE(daemon.reconcile("a", {hook.ifindex}).status);
            CHECK(count_named(hook, "somebody:") == 2);
            veth.send(2);
            CHECK(daemon.counted("a") == 2);
            REQUIRE(daemon.reconcile("a", {}).status);
        }
        CHECK(count_named(hook, "rudder_") == 0);
        CHECK(count_named(hook, "somebody:") == 2);
        CHECK(in_killed_child([&] {
            Daemon daemon(mechanism);
            return daemon.reconcile("a", {hook.ifindex}).status.is_ok();
        }));
        CHECK(count_named(hook, "somebody:") == 2);
        const std::size_t expected = mechanism == Attachment::cls_bpf || !has_tcx_here() ? 1 : 0;
        CHECK(count_named(hook, "rudder_") == expected);
        CHECK(BpfKernel::remove_leftovers({}).value() == static_cast<int>(expected));
        CHECK(count_named(hook, "rudder_") == 0);
        CHECK(count_named(hook, "somebody:") == 2);
        CHECK(run("tc qdisc show dev ka | grep -q clsact"));
    }
}

TEST_CASE("a filter at our place that only resembles ours is left alone") {
    const VethPair veth;
    const HookSpec hook{veth.left_index(), Direction::ingress};
    add_foreign_filter(hook.ifindex, 500, ClsBpfPlace{}.handle);
    CHECK(BpfKernel::remove_leftovers({}).value() == 0);
    Daemon daemon(Attachment::cls_bpf);
    const ApplyOutcome outcome = daemon.reconcile("a", {hook.ifindex});
    REQUIRE_FALSE(outcome.status);
    CHECK(outcome.status.error().code == EEXIST);
    CHECK(count_named(hook, "somebody:") == 1);
}

TEST_CASE("a foreign tcx program survives start, stop and kill -9") {
    if (!has_tcx_here()) {
        WARN("skipped: this kernel has no tcx");
        return;
    }
    const VethPair veth;
    const HookSpec hook{veth.left_index(), Direction::ingress};
    const UniqueFd program = passing_program();
    TcxDriver foreign;
    REQUIRE(foreign.attach(hook, {program.get(), 0}));
    {
        Daemon daemon(Attachment::tcx);
        REQUIRE(daemon.reconcile("a", {hook.ifindex}).status);
        CHECK(foreign.list().value().front().detail == "position 1 of 2");
        veth.send(2);
        CHECK(daemon.counted("a") == 2);
    }
    CHECK(foreign.list().value().front().detail == "position 1 of 1");
    CHECK(in_killed_child([&] {
        Daemon daemon(Attachment::tcx);
        return daemon.reconcile("a", {hook.ifindex}).status.is_ok();
    }));
    CHECK(foreign.list().value().front().detail == "position 1 of 1");
}

TEST_CASE("a foreign filter at our place is reported and left alone") {
    const VethPair veth;
    const HookSpec hook{veth.left_index(), Direction::ingress};
    const ClsBpfPlace place;
    add_foreign_filter(hook.ifindex, place.priority, place.handle);
    Daemon daemon(Attachment::cls_bpf);
    const ApplyOutcome outcome = daemon.reconcile("a", {hook.ifindex});
    REQUIRE_FALSE(outcome.status);
    CHECK(outcome.status.error().code == EEXIST);
    CHECK(outcome.status.error().message.find("somebody:") != std::string::npos);
    CHECK(count_named(hook, "somebody:") == 1);
    CHECK(daemon.kernel->active_generation().value() == 0);
    CHECK(BpfKernel::remove_leftovers({}).value() == 0);
}

TEST_CASE("what replaced our filter is not removed by detach") {
    const VethPair veth;
    const HookSpec hook{veth.left_index(), Direction::ingress};
    const ClsBpfPlace place;
    Daemon daemon(Attachment::cls_bpf);
    REQUIRE(daemon.reconcile("a", {}).status);
    REQUIRE(daemon.kernel->attach(hook));
    REQUIRE(run("tc filter del dev ka ingress prio " + std::to_string(place.priority)));
    CHECK(daemon.attached().empty());
    add_foreign_filter(hook.ifindex, place.priority, place.handle);
    CHECK(daemon.attached().empty());
    CHECK(daemon.kernel->detach(hook));
    CHECK(count_named(hook, "somebody:") == 1);
}

TEST_CASE("a filter left by a killed daemon is taken over without a gap") {
    const VethPair veth;
    const HookSpec hook{veth.left_index(), Direction::ingress};
    REQUIRE(in_killed_child([&] {
        Daemon daemon(Attachment::cls_bpf);
        return daemon.reconcile("a", {hook.ifindex}).status.is_ok();
    }));
    REQUIRE(count_named(hook, "rudder_") == 1);
    Daemon daemon(Attachment::cls_bpf);
    REQUIRE(daemon.reconcile("a", {hook.ifindex}).status);
    CHECK(count_named(hook, "rudder_") == 1);
    veth.send(2);
    CHECK(daemon.counted("a") == 2);
    REQUIRE(daemon.reconcile("a", {}).status);
    CHECK(count_named(hook, "rudder_") == 0);
}

}  // namespace rudder::test
