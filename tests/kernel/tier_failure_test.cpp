// SPDX-License-Identifier: Apache-2.0
#include "bpf_call_seam.hpp"
#include "kernel_objects.hpp"
#include "network.hpp"
#include "one_hook.hpp"
#include "small_policy.hpp"

#include "shell/kernel/hook_driver.hpp"

#include <catch2/catch.hpp>
#include <linux/bpf.h>

#include <cerrno>
#include <string>
#include <vector>

// What holds after each kernel call of a change of tier that fails, and that the next try gets there.
namespace rudder::test {
namespace {

/// Call `number` of its kind.
struct FailingCall {
    std::string what;
    int command = k_any_command;  ///< k_send: no bpf() call, but a message of libbpf to the kernel about a filter
    int number = 1;
};
constexpr int k_send = -2;

/// Runs `step` with that call failing, which it must come to.
template <class Step>
Status failing(const FailingCall& call, int error, Step step) {
    if (call.command == k_send) {
        fail_send(call.number, error);
    } else {
        fail_bpf_call(call.number, error, call.command);
    }
    const Status status = step();
    const bool is_reached = (call.command == k_send ? sends() : bpf_calls()) >= call.number;
    fail_send(0, 0);
    fail_bpf_call(0, 0);
    REQUIRE(is_reached);
    return status;
}

const std::vector<FailingCall>& calls_before_the_commit() {
    static const std::vector<FailingCall> all{
        {"fill the new slot", BPF_MAP_UPDATE_ELEM, 1}, {"fill the stage", BPF_MAP_UPDATE_ELEM, 2}, {"the commit", BPF_MAP_DELETE_ELEM, 1}};
    return all;
}

FailingCall move_of_hook(Attachment mechanism, int number = 1) {
    return mechanism == Attachment::cls_bpf ? FailingCall{"replace a filter", k_send, number}
                                            : FailingCall{"update a link", BPF_LINK_UPDATE, number};
}

std::vector<FailingCall> calls_of_the_move(Attachment mechanism) {
    std::vector<FailingCall> all{move_of_hook(mechanism), {"wait for packets", BPF_MAP_UPDATE_ELEM, 1}};
    if (mechanism != Attachment::cls_bpf) {
        all.push_back({"list the hooks", BPF_PROG_QUERY, 1});
    }
    return all;
}

std::uint64_t in_slot(Daemon& daemon, std::uint32_t slot) { return daemon.kernel->read_counters(slot + 1).value().at(slot).packets; }

/// Packets that are sent now count in that slot.
void check_counts_in(Daemon& daemon, const VethPair& veth, std::uint32_t slot) {
    const std::uint64_t other = in_slot(daemon, 1 - slot);
    const std::uint64_t before = in_slot(daemon, slot);
    veth.send(3);
    CHECK(in_slot(daemon, slot) == before + 3);
    CHECK(in_slot(daemon, 1 - slot) == other);
}

/// The same for its own pair.
void check_counts_in(OneHook& one, std::uint32_t slot) { check_counts_in(one.daemon, one.veth, slot); }

constexpr std::uint32_t k_a = 0, k_b = 1;  // slots: "b" comes while "a" is there

}  // namespace

TEST_CASE("a failure up to the commit of a change of tier changes nothing, and the same stage can be published then") {
    for (const Way& way : ways()) {
        OneHook one(way);
        std::uint64_t generation = 1;
        for (const FailingCall& call : calls_before_the_commit()) {
            for (const std::size_t tier : {1U, 0U}) {  // up and down: the lower one is looked at first
                INFO(way.text() << ", to tier " << tier << ", " << call.what);
                const std::uint32_t old_slot = tier == 1 ? k_a : k_b;
                const std::uint32_t new_slot = 1 - old_slot;
                const std::uint32_t old_program = one.program();
                const Image image = one.image(tier == 1 ? "b" : "a", tier);
                one.daemon.applied.image = image;
                const Result<StageId> stage = one.kernel().stage(image, generation + 1);
                REQUIRE(stage.is_ok());
                const Status status = failing(call, ENOMEM, [&] { return one.kernel().publish(*stage); });
                REQUIRE_FALSE(status);
                CHECK(status.error().code == ENOMEM);
                REQUIRE(one.kernel().active_generation().is_ok());
                CHECK(one.kernel().active_generation().value() == generation);
                CHECK(one.program() == old_program);
                check_counts_in(one, old_slot);

                REQUIRE(one.kernel().publish(*stage));
                CHECK(one.kernel().active_generation().value() == ++generation);
                CHECK(one.program() == old_program);
                check_counts_in(one, new_slot);
                REQUIRE(one.kernel().free_previous());
                CHECK(is_freed_soon(old_program));
                check_counts_in(one, new_slot);
            }
        }
    }
}

TEST_CASE("a tier that a failed publish leaves is freed with its stage") {
    for (const std::size_t tier : {0U, 1U}) {
        for (const FailingCall& call : calls_before_the_commit()) {
            INFO("to tier " << tier << ", " << call.what);
            OneHook one(Way{}, 1 - tier);
            const std::uint32_t running = map_ids(one.daemon, "stages").at(0);
            const Result<StageId> stage = one.kernel().stage(one.image("b", tier), 2);
            REQUIRE(stage.is_ok());
            const std::vector<std::uint32_t> both = map_ids(one.daemon, "stages");
            REQUIRE(both.size() == 2);
            const std::uint32_t staged = both.at(0) == running ? both.at(1) : both.at(0);
            REQUIRE_FALSE(failing(call, ENOMEM, [&] { return one.kernel().publish(*stage); }));
            one.kernel().discard(*stage);
            CHECK(is_map_freed_soon(staged));  // the running tier's stages would keep its programs, and they their maps
            CHECK(one.kernel().active_generation().value() == 1);
            check_counts_in(one, k_a);
        }
    }
}

TEST_CASE("a failure to move hooks loses no packet and no counter, and the next try moves them") {
    for (const Way& way : ways()) {
        for (const FailingCall& call : calls_of_the_move(way.mechanism)) {
            INFO(way.text() << ", " << call.what);
            OneHook one(way);
            check_counts_in(one, k_a);
            const std::uint32_t old_program = one.program();
            REQUIRE(one.publish("b", 1));
            const Status status = failing(call, ENOMEM, [&] { return one.kernel().free_previous(); });
            const bool is_moved = call.command == BPF_MAP_UPDATE_ELEM;
            REQUIRE(status.is_ok() != is_moved);  // a detour is no failure, but who has not waited for packets may free nothing
            CHECK((one.program() != old_program) == is_moved);
            CHECK(map_ids(one.daemon, "counters").size() == 2);
            CHECK(one.kernel().active_generation().value() == 2);
            CHECK(in_slot(one.daemon, k_a) == 3);
            check_counts_in(one, k_b);

            REQUIRE(one.kernel().free_previous());
            CHECK(one.program() != old_program);
            CHECK(map_ids(one.daemon, "counters").size() == 1);
            CHECK(is_freed_soon(old_program));
            CHECK(in_slot(one.daemon, k_a) == 3);
            check_counts_in(one, k_b);
        }
    }
}

TEST_CASE("hooks of which the second cannot be moved all meet the new generation") {
    for (const Way& way : ways()) {
        INFO(way.text());
        const VethPair first;
        const VethPair second("kc", "kd");
        Daemon daemon(way.mechanism);
        const HookSpec first_hook = way.hook_of(first);
        const HookSpec second_hook = way.hook_of(second);
        REQUIRE(daemon.reconcile("a", {first_hook.ifindex, second_hook.ifindex}, 0, way.direction).status);
        const std::uint32_t old_program = daemon.program_at(first_hook);
        REQUIRE(daemon.publish("b", {first_hook.ifindex, second_hook.ifindex}, 1, way.direction));
        const FailingCall call = move_of_hook(way.mechanism, 2);
        REQUIRE(failing(call, ENOMEM, [&] { return daemon.kernel->free_previous(); }));
        REQUIRE(daemon.kernel->detours().size() == 1);
        const HookSpec& kept = daemon.program_at(first_hook) == old_program ? first_hook : second_hook;
        CHECK(daemon.kernel->detours().front().message.find(hook_text(kept)) != std::string::npos);
        CHECK((daemon.program_at(first_hook) == old_program) != (daemon.program_at(second_hook) == old_program));
        check_counts_in(daemon, first, k_b);
        check_counts_in(daemon, second, k_b);
        REQUIRE(daemon.kernel->free_previous());
        CHECK(daemon.kernel->detours().empty());
        CHECK(daemon.program_at(first_hook) == daemon.program_at(second_hook));
        CHECK(is_freed_soon(old_program));
        check_counts_in(daemon, first, k_b);
        check_counts_in(daemon, second, k_b);
    }
}

TEST_CASE("nothing is staged for a tier by which hooks that cannot be moved still enter") {
    for (const Way& way : ways()) {
        INFO(way.text());
        OneHook one(way);
        REQUIRE(one.publish("b", 1));
        const Image image = one.image("a", 0);
        const Status status = failing(move_of_hook(way.mechanism), ENOMEM, [&]() -> Status {
            const Result<StageId> stage = one.kernel().stage(image, 3);
            return stage ? Status{} : Status{stage.error()};
        });
        REQUIRE_FALSE(status);
        CHECK(status.error().message.find("stage generation 3") != std::string::npos);
        CHECK(map_ids(one.daemon, "stages").size() == 2);
        CHECK(one.kernel().active_generation().value() == 2);
        check_counts_in(one, k_b);
        REQUIRE(one.publish("a", 0));
        check_counts_in(one, k_a);
    }
}

TEST_CASE("a hook that is not moved for long is led from tier to tier") {
    for (const Way& way : ways()) {
        INFO(way.text());
        OneHook one(way);
        const std::uint32_t old_program = one.program();
        for (const std::size_t tier : {1U, 2U, 3U}) {
            const bool is_a = tier % 2 == 0;
            REQUIRE(one.publish(is_a ? "a" : "b", tier));
            REQUIRE(failing(move_of_hook(way.mechanism), ENOMEM, [&] { return one.kernel().free_previous(); }));
            CHECK(one.program() == old_program);
            CHECK(map_ids(one.daemon, "stages").size() == tier + 1);
            const HookStatus shown = one.kernel().list_hooks().value().at(0);
            CHECK(shown.is_attached);
            CHECK(shown.detail.ends_with(", by the program of the policy size before"));
            check_counts_in(one, is_a ? k_a : k_b);
        }
        REQUIRE(one.kernel().free_previous());
        CHECK(map_ids(one.daemon, "stages").size() == 1);
        CHECK(is_freed_soon(old_program));
        check_counts_in(one, k_b);
    }
}

TEST_CASE("attaching in place of the old program can fail, and then the old one hands packets on") {
    for (const Way& way : ways()) {
        INFO(way.text());
        OneHook one(way);
        const std::uint32_t old_program = one.program();
        REQUIRE(one.publish("b", 1));
        REQUIRE_FALSE(failing(move_of_hook(way.mechanism), ENOMEM, [&] { return one.kernel().attach(one.hook); }));
        CHECK(one.daemon.attached() == std::vector<HookSpec>{one.hook});
        CHECK(one.program() == old_program);
        check_counts_in(one, k_b);
        REQUIRE(one.kernel().attach(one.hook));
        CHECK(one.program() != old_program);
        check_counts_in(one, k_b);
    }
}

TEST_CASE("a device that vanishes while hooks are moved does not make the move fail") {
    for (const Way& way : ways()) {
        INFO(way.text());
        OneHook one(way);
        REQUIRE(one.publish("b", 1));
        // As the kernel says it of a link whose device is gone, and of a device that there is not.
        const int error = way.mechanism == Attachment::cls_bpf ? ENODEV : ENOLINK;
        CHECK(failing(move_of_hook(way.mechanism), error, [&] { return one.kernel().free_previous(); }));
        CHECK(map_ids(one.daemon, "stages").size() == 1);
    }
}

TEST_CASE("a policy whose hooks cannot be moved is applied with a warning, and what is left over is done later") {
    for (const Way& way : ways()) {
        INFO(way.text());
        OneHook one(way);
        one.veth.send(2);
        const std::uint32_t old_program = one.program();
        ApplyOutcome outcome;
        REQUIRE(failing(move_of_hook(way.mechanism), ENOMEM, [&] {
            outcome = one.reconcile("a", 1);
            return outcome.status;
        }));
        REQUIRE(outcome.warnings.size() == 1);
        CHECK(outcome.warnings.front().code == ENOMEM);
        CHECK(outcome.warnings.front().message.starts_with("the program of the policy size before still runs: attach: "));
        CHECK(one.program() == old_program);
        CHECK(one.kernel().active_generation().value() == 2);
        one.veth.send(2);
        CHECK(one.daemon.counted("a") == 4);
        CHECK(finish_leftovers(one.kernel(), one.daemon.applied).empty());
        CHECK(one.program() != old_program);
        CHECK(is_freed_soon(old_program));
        one.veth.send(2);
        CHECK(one.daemon.counted("a") == 6);
    }
}

}  // namespace rudder::test
