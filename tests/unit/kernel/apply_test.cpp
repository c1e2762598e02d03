// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/apply.hpp"

#include "fake_kernel.hpp"
#include "random_policy.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cerrno>
#include <random>

namespace rudder::test {
namespace {

/// Daemon and kernel at one moment; copied to try the same step with another failure.
struct World {
    FakeKernel kernel;
    Applied applied;

    World() {
        for (std::uint32_t device = 1; device <= k_devices; ++device) {
            kernel.devices.insert(device);
        }
    }

    ApplyOutcome reconcile(const Wish& wish) {
        const Image image = image_of(wish, applied.image.slots);
        const auto entries = entries_of(wish, image.slots);
        return apply(kernel, applied, make_plan(applied, image, entries, groups_of(wish, image.slots)), image);
    }

    [[nodiscard]] bool is_record_true() const {
        const std::set<HookSpec> hooks(applied.hooks.begin(), applied.hooks.end());
        return hooks == kernel.state.hooks && applied.next_hops == kernel.state.next_hops &&
               applied.groups == kernel.state.groups &&
               applied.generation == (kernel.state.active ? kernel.state.active->number : 0);
    }

    /// Gives every counter in use a value, as passing packets do.
    void count_packets() {
        for (const auto& owner : applied.image.slots.counters) {
            kernel.state.counters[owner.second].packets += 1;
        }
    }

    [[nodiscard]] bool is_at(const Wish& wish) const {
        const std::map<std::uint32_t, NextHopEntry> entries = entries_of(wish, applied.image.slots);
        return kernel.state.hooks == wish.hooks && kernel.state.next_hops == entries && has_groups(wish) && kernel.state.active &&
               kernel.state.active->image.blob == image_of(wish, applied.image.slots).blob && kernel.state.staged.empty() &&
               kernel.state.previous.empty() && applied.image.slots.uncleared_counters.empty() && has_only_live_counters();
    }

    /// Tables of groups that went may hold what they held: nothing leads to them.
    [[nodiscard]] bool has_groups(const Wish& wish) const {
        const auto wanted = groups_of(wish, applied.image.slots);
        return std::all_of(wanted.begin(), wanted.end(), [&](const auto& group) {
            const auto found = kernel.state.groups.find(group.first);
            return found != kernel.state.groups.end() && found->second == group.second;
        });
    }

    /// No counter of a vanished name has kept its value for the next owner.
    [[nodiscard]] bool has_only_live_counters() const {
        std::set<std::uint32_t> live;
        for (const auto& owner : applied.image.slots.counters) {
            live.insert(owner.second);
        }
        return std::all_of(kernel.state.counters.begin(), kernel.state.counters.end(),
                           [&](const auto& counter) { return live.contains(counter.first); });
    }
};

bool is_same_record(const Applied& a, const Applied& b) {
    return a.generation == b.generation && a.hooks == b.hooks && a.next_hops == b.next_hops && a.groups == b.groups &&
           a.image.blob == b.image.blob && a.image.slots == b.image.slots;
}

bool names_generation(const World& world, std::uint64_t number) {
    return world.kernel.state.active && world.kernel.state.active->number == number;
}

/// Fails the calls `numbers` of the step from `before` to `wish` and checks what must hold then.
void check_step(const World& before, const Wish& wish, const std::set<std::uint64_t>& numbers) {
    World world = before;
    world.kernel.fail_at(numbers);
    const ApplyOutcome outcome = world.reconcile(wish);
    world.kernel.fail_at({});
    REQUIRE(world.is_record_true());
    REQUIRE(world.kernel.state.staged.empty());
    if (!outcome.status) {
        REQUIRE(world.applied.generation == before.applied.generation);
        REQUIRE(world.kernel.state.counters == before.kernel.state.counters);
        if (outcome.warnings.empty()) {
            REQUIRE(is_same(world.kernel.state, before.kernel.state));
            REQUIRE(is_same_record(world.applied, before.applied));
        }
    } else {
        World goal = before;
        goal.kernel.fail_at({});
        REQUIRE(goal.reconcile(wish).status);
        REQUIRE(names_generation(world, goal.applied.generation));
        REQUIRE(world.kernel.state.active->image.blob == goal.kernel.state.active->image.blob);
    }
    REQUIRE(world.reconcile(wish).status);
    REQUIRE(world.is_at(wish));
    REQUIRE(world.kernel.violations == std::vector<std::string>{});
}

}  // namespace

TEST_CASE("a plan is executed in the order populate, attach, publish, detach, free, release") {
    World world;
    Wish first;
    first.rules = {"a", "b"};
    first.next_hops = {NextHopKey{1, {}, {}, false}, NextHopKey{2, {}, {}, false}};
    first.groups = {GroupKey{"old", {{1, 1, 1}, {2, 1, 1}}}};
    first.hooks = {{1, Direction::ingress}, {2, Direction::ingress}};
    REQUIRE(world.reconcile(first).status);
    Wish second = first;
    second.rules = {"a"};
    second.next_hops = {NextHopKey{1, {}, {}, false}, NextHopKey{3, {}, {}, false}};
    second.neighbour_epochs[1] = 7;
    second.groups.insert(second.groups.end(), GroupKey{"new", {{1, 1, 1}}});
    second.alive = 1;
    second.hooks = {{1, Direction::ingress}, {3, Direction::egress}};
    world.kernel.log.clear();
    REQUIRE(world.reconcile(second).status);
    CHECK(world.kernel.log == std::vector<std::string>{"free", "next-hop", "group", "stage", "attach", "publish", "next-hop",
                                                       "group", "detach", "free", "clear", "next-hop"});
    CHECK(world.is_at(second));
}

TEST_CASE("a changed neighbour alone publishes nothing") {
    World world;
    std::mt19937 random(1);
    Wish wish = random_wish(random);
    REQUIRE(world.reconcile(wish).status);
    const std::uint64_t generation = world.applied.generation;
    for (std::uint32_t device = 1; device <= k_devices; ++device) {
        ++wish.neighbour_epochs[device];
    }
    REQUIRE(world.reconcile(wish).status);
    CHECK(world.applied.generation == generation);
    CHECK(world.is_at(wish));
}

TEST_CASE("a device that vanishes during attach leaves everything as it was") {
    World world;
    Wish wish;
    wish.rules = {"a"};
    wish.hooks = {{1, Direction::ingress}};
    REQUIRE(world.reconcile(wish).status);
    const World before = world;
    wish.hooks.insert({2, Direction::ingress});
    wish.hooks.insert({3, Direction::ingress});
    world.kernel.remove_device(3);
    const ApplyOutcome outcome = world.reconcile(wish);
    REQUIRE_FALSE(outcome.status);
    CHECK(outcome.status.error().code == ENODEV);
    CHECK(is_same(world.kernel.state, before.kernel.state));
    CHECK(is_same_record(world.applied, before.applied));
}

TEST_CASE("a hook that could not be detached stays on record and goes next time") {
    World world;
    Wish wish;
    wish.rules = {"a"};
    wish.hooks = {{1, Direction::ingress}, {2, Direction::ingress}};
    REQUIRE(world.reconcile(wish).status);
    wish.hooks.erase({2, Direction::ingress});
    world.kernel.fail_at({4});  // free, stage, publish, detach
    const ApplyOutcome outcome = world.reconcile(wish);
    REQUIRE(outcome.status);
    REQUIRE(outcome.warnings.size() == 1);
    CHECK(world.applied.hooks.size() == 2);
    world.kernel.fail_at({});
    REQUIRE(world.reconcile(wish).status);
    CHECK(world.is_at(wish));
}

TEST_CASE("a counter that could not be cleared is not handed to another rule") {
    World world;
    Wish wish;
    wish.rules = {"rule-a"};
    REQUIRE(world.reconcile(wish).status);
    world.count_packets();
    wish.rules = {};
    world.kernel.fail_at({5});  // free, stage, publish, free, clear
    REQUIRE(world.reconcile(wish).warnings.size() == 1);
    CHECK(world.applied.image.slots.uncleared_counters == std::set<std::uint32_t>{0});
    wish.rules = {"rule-b"};
    world.kernel.fail_at({5});
    REQUIRE(world.reconcile(wish).warnings.size() == 1);
    CHECK(world.applied.image.slots.counters.at({"rule-b", -1}) == 1);
    world.kernel.fail_at({});
    REQUIRE(world.reconcile(wish).status);
    CHECK(world.is_at(wish));
}

TEST_CASE("a hook that still runs a program of the policy size before is warned of until it does not") {
    World world;
    Wish wish;
    wish.rules = {"a"};
    wish.hooks = {{1, Direction::ingress}};
    world.kernel.stuck_hooks = {Error{"no memory", ENOMEM}};
    const ApplyOutcome outcome = world.reconcile(wish);
    REQUIRE(outcome.status);
    REQUIRE(outcome.warnings.size() == 1);
    CHECK(outcome.warnings.front().message == "no memory");
    CHECK(world.is_at(wish));
    CHECK(finish_leftovers(world.kernel, world.applied).size() == 1);
    world.kernel.fail_at({1});
    CHECK(finish_leftovers(world.kernel, world.applied).size() == 2);
    wish.rules = {"a", "b"};
    world.kernel.fail_at({2});  // free, stage
    const ApplyOutcome failed = world.reconcile(wish);
    CHECK_FALSE(failed.status);
    CHECK(failed.warnings.size() == 1);  // or it would be told anew after the next success
    wish.rules = {"a"};
    world.kernel.stuck_hooks.clear();
    world.kernel.fail_at({});
    CHECK(finish_leftovers(world.kernel, world.applied).empty());
    CHECK(world.reconcile(wish).warnings.empty());
}

TEST_CASE("lost hooks are forgotten, so that the next plan attaches them again") {
    World world;
    Wish wish;
    wish.rules = {"a"};
    wish.hooks = {{1, Direction::ingress}, {2, Direction::ingress}};
    REQUIRE(world.reconcile(wish).status);
    world.kernel.remove_device(2);
    world.kernel.devices.insert(2);  // a new device with the old index
    const Result<std::vector<HookSpec>> lost = forget_lost_hooks(world.kernel, world.applied);
    REQUIRE(lost);
    CHECK(*lost == std::vector<HookSpec>{{2, Direction::ingress}});
    REQUIRE(world.reconcile(wish).status);
    CHECK(world.is_at(wish));
}

TEST_CASE("failing call N leaves the kernel as it was or at the goal, and a retry converges") {
    for (std::uint32_t seed = 1; seed <= 150; ++seed) {
        std::mt19937 random(seed);
        World world;
        Wish wish = random_wish(random);
        for (int step = 0; step < 12; ++step) {
            World unharmed = world;
            unharmed.kernel.fail_at({});
            REQUIRE(unharmed.reconcile(wish).status);
            const std::uint64_t calls = unharmed.kernel.calls;
            for (std::uint64_t n = 1; n <= calls; ++n) {
                INFO("seed " << seed << " step " << step << " failing call " << n << " of " << calls);
                check_step(world, wish, {n});
            }
            world = unharmed;
            REQUIRE(world.is_at(wish));
            world.count_packets();
            wish = changed_wish(random, wish);
        }
        REQUIRE(world.kernel.violations == std::vector<std::string>{});
    }
}

TEST_CASE("two failures in one step, the second during undo, leave a true record and a retry converges") {
    for (std::uint32_t seed = 1; seed <= 12; ++seed) {
        std::mt19937 random(seed);
        World world;
        REQUIRE(world.reconcile(random_wish(random)).status);
        world.count_packets();
        const Wish wish = random_wish(random);
        World unharmed = world;
        unharmed.kernel.fail_at({});
        REQUIRE(unharmed.reconcile(wish).status);
        const std::uint64_t calls = 2 * unharmed.kernel.calls;
        for (std::uint64_t n = 1; n <= calls; ++n) {
            for (std::uint64_t m = n + 1; m <= calls; ++m) {
                INFO("seed " << seed << " failing calls " << n << " and " << m);
                check_step(world, wish, {n, m});
            }
        }
    }
}

TEST_CASE("random failures and vanishing devices never leak and always converge") {
    for (std::uint32_t seed = 1; seed <= 100; ++seed) {
        std::mt19937 random(seed);
        World world;
        Wish wish = random_wish(random);
        for (int step = 0; step < 60; ++step) {
            std::set<std::uint64_t> failing;
            for (std::uint64_t call = 1; call < 60; ++call) {
                if (random() % 6 == 0) {
                    failing.insert(call);
                }
            }
            world.kernel.fail_at(failing);
            (void)world.reconcile(wish);
            INFO("seed " << seed << " step " << step);
            REQUIRE(world.is_record_true());
            REQUIRE(world.kernel.state.staged.empty());
            world.count_packets();
            wish = changed_wish(random, wish);
            if (random() % 8 == 0) {
                const std::uint32_t device = 1 + static_cast<std::uint32_t>(random() % k_devices);
                world.kernel.remove_device(device);
                world.kernel.devices.insert(device);
                world.kernel.fail_at({});
                REQUIRE(forget_lost_hooks(world.kernel, world.applied));
            }
        }
        world.kernel.fail_at({});
        REQUIRE(world.reconcile(wish).status);
        REQUIRE(world.is_at(wish));
        REQUIRE(world.kernel.violations == std::vector<std::string>{});
    }
}

}  // namespace rudder::test
