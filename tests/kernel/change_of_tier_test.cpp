// SPDX-License-Identifier: Apache-2.0
#include "kernel_objects.hpp"
#include "network.hpp"
#include "small_policy.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>

// Which programs hooks run once a change of tier is done with, and what is left of the tier before.
namespace rudder::test {
namespace {

/// Whether the hook runs a program of the only tier that is loaded.
bool runs_the_loaded_tier(Daemon& daemon, const HookSpec& hook) {
    const std::vector<std::uint32_t> stages = map_ids(daemon, "stages");
    REQUIRE(stages.size() == 1);
    const std::uint32_t program = daemon.program_at(hook);
    return program != 0 && uses_map(program, stages.front());
}

}  // namespace

TEST_CASE("each change of tier gives hooks the programs of the new tier and frees what the old one had") {
    for (const Way& way : ways()) {
        INFO(way.text());
        const VethPair veth;
        Daemon daemon(way.mechanism);
        const HookSpec hook = way.hook_of(veth);
        REQUIRE(daemon.reconcile("a", {hook.ifindex}, 0, way.direction).status);
        std::uint64_t sent = 0;
        for (const std::size_t tier : {1U, 0U, 1U, 0U}) {
            const std::uint32_t old_program = daemon.program_at(hook);
            const TierObjects old_tier = tier_objects(daemon);
            veth.send(3);
            sent += 3;
            const ApplyOutcome outcome = daemon.reconcile("a", {hook.ifindex}, tier, way.direction);
            REQUIRE(outcome.status);
            CHECK(outcome.warnings.empty());
            CHECK(daemon.attached() == std::vector<HookSpec>{hook});
            CHECK(daemon.program_at(hook) != old_program);
            CHECK(runs_the_loaded_tier(daemon, hook));
            REQUIRE(is_freed_soon(old_program));
            REQUIRE(are_freed_soon(old_tier));
            CHECK(daemon.counted("a") == sent);
            veth.send(2);
            sent += 2;
            CHECK(daemon.counted("a") == sent);
        }
    }
}

TEST_CASE("a generation in the same tier leaves hooks as they are") {
    for (const Way& way : ways()) {
        INFO(way.text());
        const VethPair veth;
        Daemon daemon(way.mechanism);
        const HookSpec hook = way.hook_of(veth);
        REQUIRE(daemon.reconcile("a", {hook.ifindex}, 1, way.direction).status);
        const std::uint32_t program = daemon.program_at(hook);
        const TierObjects tier = tier_objects(daemon);
        REQUIRE(daemon.reconcile("b", {hook.ifindex}, 1, way.direction).status);
        CHECK(daemon.program_at(hook) == program);
        CHECK(tier_objects(daemon).maps == tier.maps);
        veth.send(2);
        CHECK(daemon.counted("b") == 2);
    }
}

TEST_CASE("a stage in another tier that is discarded leaves nothing of that tier and hooks as they are") {
    for (const Way& way : ways()) {
        INFO(way.text());
        const VethPair veth;
        Daemon daemon(way.mechanism);
        const HookSpec hook = way.hook_of(veth);
        REQUIRE(daemon.reconcile("a", {hook.ifindex}, 0, way.direction).status);
        const std::uint32_t program = daemon.program_at(hook);
        const std::vector<std::uint32_t> before = map_ids(daemon, "stages");
        const Image image = passing_image("b", {hook.ifindex}, daemon.applied.image.slots, 1, way.direction);
        const Result<StageId> stage = daemon.kernel->stage(image, 2);
        REQUIRE(stage.is_ok());
        std::vector<std::uint32_t> staged = map_ids(daemon, "stages");
        std::erase(staged, before.front());
        REQUIRE(staged.size() == 1);
        REQUIRE(daemon.kernel->free_previous());  // what is staged is not past
        CHECK(map_ids(daemon, "stages").size() == 2);
        daemon.kernel->discard(*stage);
        CHECK(map_ids(daemon, "stages") == before);
        CHECK(is_map_freed_soon(staged.front()));
        CHECK(daemon.program_at(hook) == program);
        veth.send(2);
        CHECK(daemon.counted("a") == 2);
    }
}

TEST_CASE("a hook attached while another tier is staged runs the active one, and is moved when that is not any more") {
    for (const Way& way : ways()) {
        INFO(way.text());
        const VethPair veth;
        Daemon daemon(way.mechanism);
        const HookSpec hook = way.hook_of(veth);
        REQUIRE(daemon.reconcile("a", {hook.ifindex}, 0, way.direction).status);
        REQUIRE(daemon.kernel->detach(hook));
        const Image image = passing_image("a", {hook.ifindex}, daemon.applied.image.slots, 1, way.direction);
        const Result<StageId> stage = daemon.kernel->stage(image, 2);
        REQUIRE(stage.is_ok());
        REQUIRE(daemon.kernel->attach(hook));
        const std::uint32_t program = daemon.program_at(hook);
        veth.send(2);
        CHECK(daemon.counted("a") == 2);
        REQUIRE(daemon.kernel->publish(*stage));
        REQUIRE(daemon.kernel->free_previous());
        CHECK(daemon.program_at(hook) != program);
        CHECK(runs_the_loaded_tier(daemon, hook));
        veth.send(2);
        CHECK(daemon.counted("a") == 4);
    }
}

TEST_CASE("a hook that comes with the change of tier and one that goes with it are as planned") {
    for (const Way& way : ways()) {
        INFO(way.text());
        const VethPair first;
        const VethPair second("kc", "kd");
        Daemon daemon(way.mechanism);
        const HookSpec going = way.hook_of(first);
        const HookSpec coming = way.hook_of(second);
        REQUIRE(daemon.reconcile("a", {going.ifindex}, 0, way.direction).status);
        const std::uint32_t old_program = daemon.program_at(going);
        const ApplyOutcome outcome = daemon.reconcile("a", {coming.ifindex}, 1, way.direction);
        REQUIRE(outcome.status);
        CHECK(outcome.warnings.empty());
        CHECK(daemon.attached() == std::vector<HookSpec>{coming});
        CHECK(runs_the_loaded_tier(daemon, coming));
        CHECK(is_freed_soon(old_program));
        first.send(2);
        CHECK(daemon.counted("a") == 0);
        second.send(2);
        CHECK(daemon.counted("a") == 2);
    }
}

TEST_CASE("a moved filter of a killed daemon is known as ours by its name") {
    const VethPair veth;
    for (const Direction direction : {Direction::ingress, Direction::egress}) {
        const HookSpec hook{veth.left_index(), direction};
        REQUIRE(in_killed_child([&] {
            Daemon daemon(Attachment::cls_bpf);
            return daemon.reconcile("a", {hook.ifindex}, 0, direction).status.is_ok() &&
                   daemon.reconcile("a", {hook.ifindex}, 1, direction).status.is_ok();
        }));
        CHECK(BpfKernel::remove_leftovers({}).value() == 1);
    }
}

}  // namespace rudder::test
