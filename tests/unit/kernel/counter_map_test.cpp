// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/counter_map.hpp"

#include "shell/os/unique_fd.hpp"

#include <rudder_abi.h>

#include <catch2/catch.hpp>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace rudder {
namespace {

/// Memory in place of a BPF array: it is mapped by the same call. Counter c of CPU k starts as {k * 1000 + c, c}.
struct Memory {
    explicit Memory(std::uint32_t cpus, std::uint32_t slots)
        : file(memfd_create("counters", MFD_CLOEXEC)), map{file.get(), cpus, slots}, counters(std::size_t{cpus} * slots) {
        for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) {
            for (std::uint32_t slot = 0; slot < slots; ++slot) {
                counters[std::size_t{cpu} * slots + slot] = {cpu * 1000 + slot, slot};
            }
        }
        REQUIRE(pwrite(file.get(), counters.data(), bytes(), 0) == static_cast<ssize_t>(bytes()));
    }

    [[nodiscard]] std::size_t bytes() const { return counters.size() * sizeof(rudder_counter); }

    /// What is there now.
    [[nodiscard]] bool holds(const std::vector<rudder_counter>& expected) const {
        std::vector<rudder_counter> read(expected.size());
        REQUIRE(pread(file.get(), read.data(), bytes(), 0) == static_cast<ssize_t>(bytes()));
        return std::memcmp(read.data(), expected.data(), bytes()) == 0;
    }

    UniqueFd file;
    CounterMap map;
    std::vector<rudder_counter> counters;
};

// Fewer slots than a page holds, so that values begin anywhere; several windows; a last window that is not full.
constexpr std::uint32_t k_sizes[] = {1, 100, 4096, 40001};

}  // namespace

TEST_CASE("counters are the sums over all CPUs, added to what is there") {
    for (const std::uint32_t slots : k_sizes) {
        const Memory memory(3, slots);
        std::vector<CounterValue> sums(slots, {5, 7});
        REQUIRE(add_counters(memory.map, sums));
        for (std::uint32_t slot = 0; slot < slots; ++slot) {
            REQUIRE(sums[slot].packets == 5 + 3000 + 3 * slot);
            REQUIRE(sums[slot].bytes == 7 + 3 * slot);
        }
        CHECK(memory.holds(memory.counters));
    }
}

TEST_CASE("only as many counters are read as are asked for and there are") {
    const Memory memory(2, 100);
    std::vector<CounterValue> few(2);
    REQUIRE(add_counters(memory.map, few));
    CHECK(few[1].packets == 1002);
    std::vector<CounterValue> many(101);
    REQUIRE(add_counters(memory.map, many));
    CHECK(many[99].packets == 1198);
    CHECK(many[100].packets == 0);
}

TEST_CASE("pages behind the slots in use are not mapped") {
    Memory memory(1, 40001);
    REQUIRE(ftruncate(memory.file.get(), 4096) == 0);  // what lies behind would be a bus error
    std::vector<CounterValue> sums(4096 / sizeof(rudder_counter));
    REQUIRE(add_counters(memory.map, sums));
    CHECK(sums.back().bytes == sums.size() - 1);
}

TEST_CASE("a slot is zeroed on every CPU and nothing beside it") {
    for (const std::uint32_t slots : k_sizes) {
        Memory memory(3, slots);
        const std::vector<std::uint32_t> zeroed = {0, slots / 2, slots - 1, slots / 3, slots, slots + 1};
        REQUIRE(zero_counters(memory.map, zeroed));
        for (std::uint32_t cpu = 0; cpu < 3; ++cpu) {
            for (std::size_t i = 0; i < 4; ++i) {
                memory.counters[std::size_t{cpu} * slots + zeroed[i]] = {};
            }
        }
        CHECK(memory.holds(memory.counters));
    }
}

TEST_CASE("memory that cannot be mapped is an error") {
    std::vector<CounterValue> sums(1);
    const CounterMap closed{-1, 1, 1};
    CHECK(add_counters(closed, sums).error().message == "read counters: map a BPF array: Bad file descriptor");
    CHECK(zero_counters(closed, {0}).error().code == EBADF);
}

TEST_CASE("the highest number of a CPU is the end of the kernel's list") {
    CHECK(end_of_cpu_list("0\n") == 1);
    CHECK(end_of_cpu_list("0-127\n") == 128);
    CHECK(end_of_cpu_list("0,2-7") == 8);
    CHECK(end_of_cpu_list("0-3,8") == 9);
    for (const char* bad : {"", "\n", "a", "0-", "0-x", "0- 3", "4294967295", "4294967296"}) {
        CHECK_FALSE(end_of_cpu_list(bad));
    }
    CHECK(cpu_number_end().value() >= 1);
}

}  // namespace rudder
