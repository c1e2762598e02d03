// SPDX-License-Identifier: Apache-2.0
#include "kernel_objects.hpp"
#include "network.hpp"
#include "small_policy.hpp"

#include <catch2/catch.hpp>

#include <cerrno>

namespace rudder::test {

TEST_CASE("packets are counted from the first publish on and no longer after the last detach") {
    for (const Attachment mechanism : mechanisms()) {
        const VethPair veth;
        Daemon daemon(mechanism);
        const HookSpec hook{veth.left_index(), Direction::ingress};
        REQUIRE(daemon.kernel->active_generation().value() == 0);
        REQUIRE(daemon.reconcile("a", {hook.ifindex}).status);
        CHECK(daemon.attached() == std::vector<HookSpec>{hook});
        CHECK(daemon.kernel->active_generation().value() == 1);
        veth.send(5);
        CHECK(daemon.counted("a") == 5);
        REQUIRE(daemon.kernel->detach(hook));
        CHECK(daemon.attached().empty());
        veth.send(5);
        CHECK(daemon.counted("a") == 5);
    }
}

TEST_CASE("there is no program to attach before anything is staged, and then it lets packets go until the first publish") {
    for (const Way& way : ways()) {
        INFO(way.text());
        const VethPair veth;
        Daemon daemon(way.mechanism);
        const HookSpec hook = way.hook_of(veth);
        const Status early = daemon.kernel->attach(hook);
        REQUIRE_FALSE(early);
        CHECK(early.error().code == EINVAL);
        CHECK(early.error().message.find("nothing is staged") != std::string::npos);
        CHECK(daemon.kernel->list_hooks().value().empty());

        const Image image = passing_image("a", {hook.ifindex}, {}, 1, way.direction);
        const Result<StageId> stage = daemon.kernel->stage(image, 1);
        REQUIRE(stage.is_ok());
        REQUIRE(daemon.kernel->attach(hook));
        CHECK(uses_map(daemon.program_at(hook), map_ids(daemon, "stages").at(0)));
        veth.send(3);
        CHECK(daemon.kernel->read_counters(1).value().at(0).packets == 0);
        REQUIRE(daemon.kernel->publish(*stage));
        veth.send(3);
        CHECK(daemon.kernel->read_counters(1).value().at(0).packets == 3);
    }
}

TEST_CASE("attaching twice and detaching twice are harmless") {
    for (const Attachment mechanism : mechanisms()) {
        const VethPair veth;
        Daemon daemon(mechanism);
        REQUIRE(daemon.reconcile("a", {}).status);
        const HookSpec hook{veth.left_index(), Direction::egress};
        CHECK(daemon.kernel->attach(hook));
        CHECK(daemon.kernel->attach(hook));
        CHECK(daemon.attached().size() == 1);
        CHECK(daemon.kernel->detach(hook));
        CHECK(daemon.kernel->detach(hook));
        CHECK(daemon.attached().empty());
    }
}

TEST_CASE("attaching to a device that does not exist says so, and detaching from one that vanished succeeds") {
    for (const Attachment mechanism : mechanisms()) {
        VethPair veth;
        Daemon daemon(mechanism);
        REQUIRE(daemon.reconcile("a", {}).status);
        const HookSpec hook{veth.left_index(), Direction::ingress};
        REQUIRE(daemon.kernel->attach(hook));
        veth.remove();
        CHECK(daemon.kernel->detach(hook));
        const Status status = daemon.kernel->attach(hook);
        REQUIRE_FALSE(status);
        CHECK(status.error().code == ENODEV);
        CHECK(status.error().message.find("No such device") != std::string::npos);
    }
}

TEST_CASE("a new device with the index of a deleted one gets the program again") {
    for (const Attachment mechanism : mechanisms()) {
        VethPair veth;
        Daemon daemon(mechanism);
        const HookSpec hook{veth.left_index(), Direction::ingress};
        REQUIRE(daemon.reconcile("a", {hook.ifindex}).status);
        veth.remove();
        veth.create_again();
        REQUIRE(veth.left_index() == hook.ifindex);
        CHECK(daemon.attached().empty());
        CHECK(forget_lost_hooks(*daemon.kernel, daemon.applied).value() == std::vector<HookSpec>{hook});
        REQUIRE(daemon.reconcile("a", {hook.ifindex}).status);
        CHECK(daemon.attached() == std::vector<HookSpec>{hook});
        veth.send(3);
        CHECK(daemon.counted("a") == 3);
    }
}

TEST_CASE("a device that moves to another namespace is no longer listed") {
    for (const Attachment mechanism : mechanisms()) {
        VethPair veth;
        Daemon daemon(mechanism);
        REQUIRE(daemon.reconcile("a", {}).status);
        const HookSpec hook{veth.left_index(), Direction::ingress};
        REQUIRE(daemon.kernel->attach(hook));
        REQUIRE(run("ip netns add kmove && ip link set ka netns kmove"));
        CHECK(daemon.attached().empty());
        CHECK(daemon.kernel->detach(hook));
        run("ip netns del kmove");
    }
}

TEST_CASE("opening, working and closing leaves no descriptor open") {
    for (const Attachment mechanism : mechanisms()) {
        const VethPair veth;
        const std::size_t before = open_descriptors();
        for (int round = 0; round < 3; ++round) {
            Daemon daemon(mechanism);
            for (std::size_t tier = 0; tier < 3; ++tier) {
                REQUIRE(daemon.reconcile("a", {veth.left_index(), veth.right_index()}, tier).status);
            }
            REQUIRE(daemon.kernel->list_maps());
            REQUIRE(daemon.reconcile("a", {}).status);
        }
        CHECK(open_descriptors() == before);
    }
}

}  // namespace rudder::test
