// SPDX-License-Identifier: Apache-2.0
#include "kernel_objects.hpp"
#include "network.hpp"
#include "one_hook.hpp"
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
        OneHook one(way);
        std::uint64_t sent = 0;
        for (const std::size_t tier : {1U, 0U, 1U, 0U}) {
            const std::uint32_t old_program = one.program();
            const TierObjects old_tier = tier_objects(one.daemon);
            one.veth.send(3);
            sent += 3;
            const ApplyOutcome outcome = one.reconcile("a", tier);
            REQUIRE(outcome.status);
            CHECK(outcome.warnings.empty());
            CHECK(one.daemon.attached() == std::vector<HookSpec>{one.hook});
            CHECK(one.program() != old_program);
            CHECK(runs_the_loaded_tier(one.daemon, one.hook));
            REQUIRE(is_freed_soon(old_program));
            REQUIRE(are_freed_soon(old_tier));
            CHECK(one.daemon.counted("a") == sent);
            one.veth.send(2);
            sent += 2;
            CHECK(one.daemon.counted("a") == sent);
        }
    }
}

TEST_CASE("a generation in the same tier leaves hooks as they are") {
    for (const Way& way : ways()) {
        INFO(way.text());
        OneHook one(way, 1);
        const std::uint32_t program = one.program();
        const TierObjects tier = tier_objects(one.daemon);
        REQUIRE(one.reconcile("b", 1).status);
        CHECK(one.program() == program);
        CHECK(tier_objects(one.daemon).maps == tier.maps);
        one.veth.send(2);
        CHECK(one.daemon.counted("b") == 2);
    }
}

TEST_CASE("a stage in another tier that is discarded leaves nothing of that tier and hooks as they are") {
    for (const Way& way : ways()) {
        INFO(way.text());
        OneHook one(way);
        const std::uint32_t program = one.program();
        const std::vector<std::uint32_t> before = map_ids(one.daemon, "stages");
        const Result<StageId> stage = one.kernel().stage(one.image("b", 1), 2);
        REQUIRE(stage.is_ok());
        std::vector<std::uint32_t> staged = map_ids(one.daemon, "stages");
        std::erase(staged, before.front());
        REQUIRE(staged.size() == 1);
        REQUIRE(one.kernel().free_previous());  // what is staged is not past
        CHECK(map_ids(one.daemon, "stages").size() == 2);
        one.kernel().discard(*stage);
        CHECK(map_ids(one.daemon, "stages") == before);
        CHECK(is_map_freed_soon(staged.front()));
        CHECK(one.program() == program);
        one.veth.send(2);
        CHECK(one.daemon.counted("a") == 2);
    }
}

TEST_CASE("a hook attached while another tier is staged runs the active one, and is moved when that is not any more") {
    for (const Way& way : ways()) {
        INFO(way.text());
        OneHook one(way);
        REQUIRE(one.kernel().detach(one.hook));
        const Result<StageId> stage = one.kernel().stage(one.image("a", 1), 2);
        REQUIRE(stage.is_ok());
        REQUIRE(one.kernel().attach(one.hook));
        const std::uint32_t program = one.program();
        one.veth.send(2);
        CHECK(one.daemon.counted("a") == 2);
        REQUIRE(one.kernel().publish(*stage));
        REQUIRE(one.kernel().free_previous());
        CHECK(one.program() != program);
        CHECK(runs_the_loaded_tier(one.daemon, one.hook));
        one.veth.send(2);
        CHECK(one.daemon.counted("a") == 4);
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
