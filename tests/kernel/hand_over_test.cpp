// SPDX-License-Identifier: Apache-2.0
#include "bpf_call_seam.hpp"
#include "kernel_objects.hpp"
#include "network.hpp"
#include "one_hook.hpp"
#include "small_policy.hpp"

#include "shell/kernel/tc_netlink.hpp"
#include "shell/kernel/tcx.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

// Between the publish of a change of tier and the move of hooks, packets enter by the programs of the old tier. Rules "a" and
// "b" take turns, and their slots with them: what counts tells which generation a packet has met.
namespace rudder::test {
namespace {

struct Counted {
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    friend bool operator==(const Counted&, const Counted&) = default;
};

std::ostream& operator<<(std::ostream& out, const Counted& counted) { return out << "a " << counted.a << ", b " << counted.b; }

Counted counted(Daemon& daemon) {
    const Result<std::vector<CounterValue>> values = daemon.kernel->read_counters(2);
    REQUIRE(values.is_ok());
    return {values->at(0).packets, values->at(1).packets};
}

/// Sends without pause until it is told to stop.
class Traffic {
public:
    explicit Traffic(const VethPair& veth) : thread_([this, &veth] {
        while (!is_ended_) {
            veth.send(1);
            ++sent_;
        }
    }) {}
    ~Traffic() {
        if (thread_.joinable()) {
            (void)end();
        }
    }
    Traffic(const Traffic&) = delete;
    Traffic& operator=(const Traffic&) = delete;

    void wait_for(std::uint64_t more) const {
        for (const std::uint64_t end = sent_ + more; sent_ < end;) {
            std::this_thread::yield();
        }
    }
    /// Returns how many were sent.
    std::uint64_t end() {
        is_ended_ = true;
        thread_.join();
        return sent_;
    }

private:
    std::atomic<bool> is_ended_ = false;
    std::atomic<std::uint64_t> sent_ = 0;
    std::thread thread_;  // last: it uses the others
};

}  // namespace

TEST_CASE("between publish and the move of hooks packets meet the new generation by the old programs, and counters go on") {
    for (const Way& way : ways()) {
        INFO(way.text());
        OneHook one(way);
        one.veth.send(2);
        Counted expected{2, 0};
        for (const std::size_t tier : {1U, 0U, 1U}) {
            const bool is_turn_of_b = tier == 1;
            const std::uint32_t old_program = one.program();
            const std::uint64_t generation = one.daemon.applied.generation;
            REQUIRE(one.publish(is_turn_of_b ? "b" : "a", tier));
            CHECK(one.program() == old_program);
            CHECK(one.kernel().active_generation().value() == generation + 1);
            CHECK(counted(one.daemon) == expected);
            one.veth.send(3);
            (is_turn_of_b ? expected.b : expected.a) += 3;
            CHECK(counted(one.daemon) == expected);
            REQUIRE(one.kernel().free_previous());
            CHECK(one.program() != old_program);
            CHECK(is_freed_soon(old_program));
            CHECK(counted(one.daemon) == expected);
            one.veth.send(4);
            (is_turn_of_b ? expected.b : expected.a) += 4;
            CHECK(counted(one.daemon) == expected);
            CHECK(one.kernel().active_generation().value() == generation + 1);
        }
    }
}

TEST_CASE("more generations of the new tier before hooks are moved are all met by the old programs") {
    for (const Way& way : ways()) {
        INFO(way.text());
        OneHook one(way);
        const Result<StageId> first = one.kernel().stage(one.image("b", 1), 2);
        const Result<StageId> second = one.kernel().stage(one.image("a", 1), 3);
        REQUIRE((first.is_ok() && second.is_ok()));
        const std::uint32_t old_program = one.program();
        REQUIRE(one.kernel().publish(*first));
        one.veth.send(2);
        CHECK(counted(one.daemon) == Counted{0, 2});
        REQUIRE(one.kernel().publish(*second));
        CHECK(one.program() == old_program);
        CHECK(one.kernel().active_generation().value() == 3);
        one.veth.send(3);
        CHECK(counted(one.daemon) == Counted{3, 2});
        REQUIRE(one.kernel().free_previous());
        CHECK(is_freed_soon(old_program));
        CHECK(counted(one.daemon) == Counted{3, 2});
    }
}

TEST_CASE("staging moves hooks first, so that nothing is published where they still enter") {
    for (const Way& way : ways()) {
        INFO(way.text());
        OneHook one(way);
        const std::uint32_t first_program = one.program();
        const TierObjects first_tier = tier_objects(one.daemon);
        REQUIRE(one.publish("b", 1));
        one.veth.send(1);
        const Result<StageId> stage = one.kernel().stage(one.image("a", 0), 3);
        REQUIRE(stage.is_ok());
        CHECK(one.program() != first_program);
        CHECK(is_freed_soon(first_program));
        CHECK(are_freed_soon(first_tier));
        one.veth.send(1);
        CHECK(counted(one.daemon) == Counted{0, 2});
        REQUIRE(one.kernel().publish(*stage));
        one.veth.send(1);
        CHECK(counted(one.daemon) == Counted{1, 2});
    }
}

TEST_CASE("a hook attached between publish and the move runs the new tier's program, old ones are moved") {
    for (const Way& way : ways()) {
        INFO(way.text());
        const VethPair first;
        const VethPair second("kc", "kd");
        Daemon daemon(way.mechanism);
        const HookSpec old_hook = way.hook_of(first);
        const HookSpec new_hook = way.hook_of(second);
        REQUIRE(daemon.reconcile("a", {old_hook.ifindex}, 0, way.direction).status);
        const std::uint32_t old_program = daemon.program_at(old_hook);
        REQUIRE(daemon.publish("b", {old_hook.ifindex, new_hook.ifindex}, 1, way.direction));
        REQUIRE(daemon.kernel->attach(new_hook));
        const std::uint32_t new_program = daemon.program_at(new_hook);
        CHECK(new_program != old_program);
        CHECK(daemon.program_at(old_hook) == old_program);
        first.send(1);
        second.send(2);
        CHECK(counted(daemon) == Counted{0, 3});
        REQUIRE(daemon.kernel->free_previous());
        CHECK(daemon.program_at(new_hook) == new_program);
        CHECK(daemon.program_at(old_hook) == new_program);
        CHECK(is_freed_soon(old_program));
        first.send(1);
        second.send(2);
        CHECK(counted(daemon) == Counted{0, 6});
    }
}

TEST_CASE("attaching to a hook that has the old program gives it the new one in the same place, in one step") {
    for (const Way& way : ways()) {
        INFO(way.text());
        OneHook one(way);
        const std::uint32_t old_program = one.program();
        const UniqueFd later_program = passing_program();
        TcxDriver later;  // behind ours: what is taken out and put back comes behind it
        REQUIRE((way.mechanism == Attachment::cls_bpf || later.attach(one.hook, {later_program.get(), 0})));
        const HookStatus before = one.kernel().list_hooks().value().at(0);
        REQUIRE(one.publish("b", 1));
        fail_send(0, 0);
        REQUIRE(one.kernel().attach(one.hook));
        CHECK(sends() == (way.mechanism == Attachment::cls_bpf ? 1 : 0));
        const HookStatus after = one.kernel().list_hooks().value().at(0);
        CHECK(after.is_attached);
        CHECK(after.program_id != old_program);
        CHECK(after.detail == before.detail);
        CHECK(dump_filters(one.hook).value().size() == (way.mechanism == Attachment::cls_bpf ? 1 : 0));
        one.veth.send(2);
        CHECK(counted(one.daemon) == Counted{0, 2});
        REQUIRE(one.kernel().free_previous());
        CHECK(is_freed_soon(old_program));
        REQUIRE(one.kernel().detach(one.hook));
        CHECK(one.daemon.attached().empty());
        CHECK(dump_filters(one.hook).value().empty());
        one.veth.send(2);
        CHECK(counted(one.daemon) == Counted{0, 2});
    }
}

TEST_CASE("what was taken away by hand is not put back by the move, and other hooks are moved") {
    const std::string priority = std::to_string(ClsBpfPlace{}.priority);
    const auto take_away = [&](const Way& way, const std::string& how) {
        const std::string device = way.direction == Direction::ingress ? "ka" : "kb";
        if (how == "filter") {
            return run("tc filter del dev " + device + " " + to_string(way.direction) + " prio " + priority);
        }
        if (how == "qdisc") {
            return run("tc qdisc del dev " + device + " clsact");
        }
        return how == "device" ? run("ip link del " + device) : run("ip netns add kmove && ip link set " + device + " netns kmove");
    };
    for (const Way& way : ways()) {
        for (const std::string how : {"filter", "qdisc", "device", "namespace"}) {
            if (way.mechanism != Attachment::cls_bpf && (how == "filter" || how == "qdisc")) {
                continue;  // a link has no handle for others
            }
            INFO(way.text() << ", by " << how);
            VethPair first;
            const VethPair second("kc", "kd");
            Daemon daemon(way.mechanism);
            const HookSpec lost = way.hook_of(first);
            const HookSpec kept = way.hook_of(second);
            REQUIRE(daemon.reconcile("a", {lost.ifindex, kept.ifindex}, 0, way.direction).status);
            const std::uint32_t old_program = daemon.program_at(kept);
            REQUIRE(daemon.publish("b", {lost.ifindex, kept.ifindex}, 1, way.direction));
            REQUIRE(take_away(way, how));
            CHECK(daemon.kernel->free_previous());
            CHECK(daemon.attached() == std::vector<HookSpec>{kept});
            CHECK(dump_filters(lost).value().empty());
            CHECK(daemon.program_at(kept) != old_program);
            CHECK(map_ids(daemon, "stages").size() == 1);
            second.send(2);
            CHECK(counted(daemon) == Counted{0, 2});
            CHECK(forget_lost_hooks(*daemon.kernel, daemon.applied).value() == std::vector<HookSpec>{lost});
            CHECK(is_freed_soon(old_program));
            run("ip netns del kmove");
        }
    }
}

TEST_CASE("every packet of steady traffic meets a generation while tiers change") {
    for (const Way& way : ways()) {
        INFO(way.text());
        OneHook one(way);
        Traffic traffic(one.veth);
        for (const std::size_t tier : {1U, 0U, 1U, 0U}) {
            traffic.wait_for(20);
            REQUIRE(one.publish(tier == 1 ? "b" : "a", tier));
            traffic.wait_for(20);
            REQUIRE(one.kernel().free_previous());
        }
        traffic.wait_for(20);
        const std::uint64_t sent = traffic.end();
        const auto sum = [&] { return counted(one.daemon).a + counted(one.daemon).b; };
        // A busy machine leaves the last ones to a thread of the kernel.
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
        while (sum() < sent && std::chrono::steady_clock::now() < end) {
            std::this_thread::yield();
        }
        CHECK(sum() == sent);
    }
}

}  // namespace rudder::test
