// SPDX-License-Identifier: Apache-2.0
#include "kernel_objects.hpp"

#include <bpf/bpf.h>
#include <catch2/catch.hpp>
#include <linux/bpf.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace rudder::test {
namespace {

constexpr std::uint32_t k_own_stages = 4;  // those before RUDDER_STAGE_NEXT_TIER

template <class Condition>
bool is_soon(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition() && std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return condition();
}

}  // namespace

std::vector<Attachment> mechanisms() {
    BpfKernelOptions options;
    options.attachment = Attachment::tcx;
    if (BpfKernel::open(std::move(options))) {
        return {Attachment::tcx, Attachment::cls_bpf};
    }
    return {Attachment::cls_bpf};
}

HookSpec Way::hook_of(const VethPair& veth) const {
    return {direction == Direction::ingress ? veth.left_index() : veth.right_index(), direction};
}

std::string Way::text() const {
    return to_string(direction) + (mechanism == Attachment::cls_bpf ? " by cls_bpf" : " by tcx");
}

std::vector<Way> ways() {
    std::vector<Way> all;
    for (const Attachment mechanism : mechanisms()) {
        all.push_back({mechanism, Direction::ingress});
        all.push_back({mechanism, Direction::egress});
    }
    return all;
}

std::vector<std::uint32_t> map_ids(Daemon& daemon, const std::string& name) {
    const Result<std::vector<MapStatus>> maps = daemon.kernel->list_maps();
    REQUIRE(maps.is_ok());
    std::vector<std::uint32_t> ids;
    for (const MapStatus& map : *maps) {
        if (map.name == name) {
            ids.push_back(map.id);
        }
    }
    return ids;
}

UniqueFd map_named(Daemon& daemon, const std::string& name) {
    const std::vector<std::uint32_t> ids = map_ids(daemon, name);
    REQUIRE_FALSE(ids.empty());
    return UniqueFd(bpf_map_get_fd_by_id(ids.front()));
}

bool uses_map(std::uint32_t program_id, std::uint32_t map_id) {
    const UniqueFd program(bpf_prog_get_fd_by_id(program_id));
    std::vector<std::uint32_t> maps(64);
    bpf_prog_info info{};
    info.map_ids = reinterpret_cast<std::uint64_t>(maps.data());
    info.nr_map_ids = static_cast<std::uint32_t>(maps.size());
    std::uint32_t bytes = sizeof(info);
    REQUIRE(bpf_obj_get_info_by_fd(program.get(), &info, &bytes) == 0);
    maps.resize(std::min<std::size_t>(info.nr_map_ids, maps.size()));
    return std::find(maps.begin(), maps.end(), map_id) != maps.end();
}

TierObjects tier_objects(Daemon& daemon) {
    TierObjects objects;
    for (const char* name : {"active", "counters", "stages"}) {
        const std::vector<std::uint32_t> ids = map_ids(daemon, name);
        REQUIRE(ids.size() == 1);
        objects.maps.push_back(ids.front());
    }
    const UniqueFd stages = map_named(daemon, "stages");
    for (std::uint32_t stage = 0; stage < k_own_stages; ++stage) {
        objects.programs.push_back(program_in(stages, stage));
        REQUIRE(exists_program(objects.programs.back()));
    }
    return objects;
}

UniqueFd passing_program() {
    const bpf_insn instructions[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = -1},
        {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
    };
    return UniqueFd(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "somebody", "GPL", instructions, 2, nullptr));
}

std::uint32_t program_in(const UniqueFd& program_array, std::uint32_t key) {
    std::uint32_t id = 0;
    (void)bpf_map_lookup_elem(program_array.get(), &key, &id);
    return id;
}

/// Asks for the number and opens nothing: a descriptor would keep the program.
bool exists_program(std::uint32_t id) {
    std::uint32_t next = 0;
    return bpf_prog_get_next_id(id - 1, &next) == 0 && next == id;
}

bool exists_map(std::uint32_t id) {
    std::uint32_t next = 0;
    return bpf_map_get_next_id(id - 1, &next) == 0 && next == id;
}

bool is_freed_soon(std::uint32_t program_id) {
    return is_soon([&] { return !exists_program(program_id); });
}

bool is_map_freed_soon(std::uint32_t map_id) {
    return is_soon([&] { return !exists_map(map_id); });
}

bool are_freed_soon(const TierObjects& objects) {
    return is_soon([&] {
        return std::none_of(objects.programs.begin(), objects.programs.end(), exists_program) &&
               std::none_of(objects.maps.begin(), objects.maps.end(), exists_map);
    });
}

}  // namespace rudder::test
