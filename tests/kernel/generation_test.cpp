// SPDX-License-Identifier: Apache-2.0
#include "kernel_objects.hpp"
#include "network.hpp"
#include "small_policy.hpp"

#include "shell/os/unique_fd.hpp"

#include <rudder_abi.h>

#include <bpf/bpf.h>
#include <catch2/catch.hpp>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace rudder::test {
namespace {

bool drop_all_but_what_is_needed() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    for (const unsigned capability : {unsigned{CAP_BPF}, unsigned{CAP_NET_ADMIN}, unsigned{CAP_PERFMON}}) {
        data[capability / 32].effective |= 1u << (capability % 32);
    }
    for (__user_cap_data_struct& word : data) {
        word.permitted = word.effective;
    }
    return syscall(SYS_capset, &header, data) == 0;
}

}  // namespace

TEST_CASE("counters go on through every change of tier, up and down") {
    const VethPair veth;
    Daemon daemon(Attachment::automatic);
    std::uint64_t sent = 0;
    std::uint64_t generation = 0;
    for (const std::size_t tier : {0U, 1U, 2U, 3U, 4U, 5U, 2U, 0U}) {
        const ApplyOutcome outcome = daemon.reconcile("a", {veth.left_index()}, tier);
        INFO((outcome.status ? "" : outcome.status.error().message));
        REQUIRE(outcome.status);
        REQUIRE(outcome.warnings.empty());
        CHECK(daemon.kernel->active_generation().value() == ++generation);
        CHECK(daemon.counted("a") == sent);
        veth.send(4);
        sent += 4;
        CHECK(daemon.counted("a") == sent);
        const std::vector<MapStatus> maps = daemon.kernel->list_maps().value();
        const auto counter_maps = std::count_if(maps.begin(), maps.end(), [](const MapStatus& m) { return m.name == "counters"; });
        CHECK(counter_maps == 1);
    }
}

TEST_CASE("a released counter starts from zero, in the base too") {
    const VethPair veth;
    Daemon daemon(Attachment::automatic);
    REQUIRE(daemon.reconcile("a", {veth.left_index()}, 0).status);
    veth.send(3);
    REQUIRE(daemon.reconcile("a", {veth.left_index()}, 1).status);
    veth.send(3);
    REQUIRE(daemon.reconcile("b", {veth.left_index()}, 1).status);
    CHECK(daemon.counted("b") == 0);
    REQUIRE(daemon.reconcile("c", {veth.left_index()}, 1).status);
    CHECK(daemon.applied.image.slots.counters.at({"c", -1}) == 0);  // the slot of "a" again
    CHECK(daemon.counted("c") == 0);
}

TEST_CASE("a discarded stage changes nothing and a published map cannot be written") {
    const VethPair veth;
    Daemon daemon(Attachment::automatic);
    REQUIRE(daemon.reconcile("a", {veth.left_index()}, 0).status);
    const std::size_t before = open_descriptors();
    for (const std::size_t tier : {0U, 1U}) {
        const Image image = passing_image("b", {veth.left_index()}, daemon.applied.image.slots, tier);
        const Result<StageId> stage = daemon.kernel->stage(image, 2);
        REQUIRE(stage.is_ok());
        daemon.kernel->discard(*stage);
    }
    CHECK(open_descriptors() == before);
    CHECK(daemon.kernel->active_generation().value() == 1);
    const UniqueFd blob = map_named(daemon, "rudder_blob");
    const std::uint32_t key = 0;
    const std::vector<char> zero(tiers()[0].blob_bytes);
    CHECK(bpf_map_update_elem(blob.get(), &key, zero.data(), BPF_ANY) < 0);
}

TEST_CASE("a program array that somebody else has open keeps no program of ours") {
    const VethPair veth;
    std::optional<Daemon> daemon(Attachment::automatic);
    REQUIRE(daemon->reconcile("a", {veth.left_index()}, 0).status);
    const UniqueFd stages = map_named(*daemon, "stages");
    const std::uint32_t first_tier = program_in(stages, 1);
    REQUIRE(exists_program(first_tier));
    REQUIRE(daemon->reconcile("a", {veth.left_index()}, 1).status);
    CHECK(is_freed_soon(first_tier));

    const UniqueFd others = map_named(*daemon, "stages");
    const std::uint32_t second_tier = program_in(others, 1);
    REQUIRE(exists_program(second_tier));
    REQUIRE(second_tier != first_tier);
    daemon.reset();
    CHECK(is_freed_soon(second_tier));
}

TEST_CASE("what is written to the next-hop table is what packets read") {
    Daemon daemon(Attachment::automatic);
    NextHopEntry entry;
    entry.ifindex = 3;
    entry.flags = RUDDER_NH_LINK_UP;
    entry.mtu = 1400;
    entry.src_mac = {{2, 0, 0, 0, 0, 9}};
    REQUIRE(daemon.kernel->write_next_hop(65535, entry));
    CHECK_FALSE(daemon.kernel->write_next_hop(65536, entry));
    const UniqueFd table = map_named(daemon, "next_hops");
    const std::uint32_t slot = 65535;
    rudder_next_hop read{};
    REQUIRE(bpf_map_lookup_elem(table.get(), &slot, &read) == 0);
    const rudder_next_hop expected = next_hop_layout(entry);
    CHECK(std::memcmp(&read, &expected, sizeof(read)) == 0);
    REQUIRE(daemon.kernel->write_next_hop(65535, NextHopEntry{}));
    REQUIRE(bpf_map_lookup_elem(table.get(), &slot, &read) == 0);
    CHECK(read.ifindex == 0);
}

TEST_CASE("failures are read per slot and reason and cleared with their slot") {
    Daemon daemon(Attachment::automatic);
    REQUIRE(daemon.reconcile("a", {}, 0).status);
    const UniqueFd failures = map_named(daemon, "failures");
    std::vector<std::uint64_t> values(512, 1);  // room for every possible CPU
    for (std::uint32_t slot = 0; slot < 100; ++slot) {
        const rudder_failure_key key{slot, RUDDER_REASON_TOO_BIG};
        REQUIRE(bpf_map_update_elem(failures.get(), &key, values.data(), BPF_ANY) == 0);
    }
    std::vector<FailureCount> read = daemon.kernel->read_failures().value();
    REQUIRE(read.size() == 100);
    CHECK(read[7].slot == 7);
    CHECK(read[7].reason == RUDDER_REASON_TOO_BIG);
    CHECK(read[7].packets >= 1);
    REQUIRE(daemon.kernel->clear_counters({7, 8, 9}));
    read = daemon.kernel->read_failures().value();
    CHECK(read.size() == 97);
    CHECK(daemon.kernel->read_reasons().value().size() == RUDDER_REASON_COUNT);
}

TEST_CASE("a hundred thousand counters are read at once") {
    Daemon daemon(Attachment::automatic);
    REQUIRE(daemon.reconcile("a", {}, 3).status);
    const auto start = std::chrono::steady_clock::now();
    const Result<std::vector<CounterValue>> values = daemon.kernel->read_counters(100000);
    const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
    REQUIRE(values.is_ok());
    CHECK(values->size() == 100000);
    WARN("100000 counters read in " << elapsed.count() << " ms");
}

TEST_CASE("a tier is loaded without a warning of libbpf") {
    std::string warnings;
    BpfKernelOptions options;
    options.log = [&](LibbpfLevel level, std::string_view text) {
        if (level == LibbpfLevel::warning) {
            warnings += text;
        }
    };
    Result<std::unique_ptr<BpfKernel>> kernel = BpfKernel::open(std::move(options));
    REQUIRE(kernel.is_ok());
    warnings.clear();
    for (const std::size_t tier : {0U, 1U}) {
        REQUIRE((*kernel)->stage(passing_image("a", {}, {}, tier), 1).is_ok());
    }
    CHECK(warnings.empty());
}

TEST_CASE("CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON suffice") {
    const VethPair veth;
    const int result = in_child([&] {
        if (!drop_all_but_what_is_needed()) {
            return 2;
        }
        BpfKernelOptions options;
        Result<std::unique_ptr<BpfKernel>> kernel = BpfKernel::open(std::move(options));
        if (!kernel) {
            std::fprintf(stderr, "%s\n", kernel.error().message.c_str());
            return 3;
        }
        Applied applied;
        const Image image = passing_image("a", {veth.left_index()}, {}, 0);
        const ApplyOutcome outcome = apply(**kernel, applied, make_plan(applied, image, {}), image);
        if (!outcome.status) {
            std::fprintf(stderr, "%s\n", outcome.status.error().message.c_str());
            return 5;
        }
        const bool is_read = (*kernel)->active_generation().is_ok() && (*kernel)->list_hooks().is_ok() &&
                             (*kernel)->list_maps().is_ok() && (*kernel)->read_counters(1).is_ok();
        return is_read ? 0 : 4;
    });
    CHECK(result == 0);
}

}  // namespace rudder::test
