// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/bpf_object.hpp"

#include "shell/kernel/map_info.hpp"
#include "shell/os/os_error.hpp"
#include "shell/os/unique_fd.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <rudder_abi.h>
#include <rudder_stage.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include "rudder_tc.skel.h"
#pragma GCC diagnostic pop

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace rudder {

namespace {

void clear_program_array(const bpf_map* map) {
    if (bpf_map__fd(map) < 0) {
        return;  // not one of this instance, or never loaded
    }
    for (std::uint32_t key = 0; key < bpf_map__max_entries(map); ++key) {
        (void)bpf_map_delete_elem(bpf_map__fd(map), &key);
    }
}

}  // namespace

struct BpfObject::Skeleton {
    rudder_tc_bpf* bpf = nullptr;

    explicit Skeleton(rudder_tc_bpf* opened) : bpf(opened) {}
    Skeleton(const Skeleton&) = delete;
    Skeleton& operator=(const Skeleton&) = delete;
    /// The kernel clears a program array when its last descriptor is closed, but somebody else's counts too (bpftool(8) can
    /// open any map). `stages` holds programs that use it: until it is cleared, neither they nor their maps are freed.
    ~Skeleton() {
        clear_program_array(bpf->maps.stages);
        rudder_tc_bpf__destroy(bpf);
    }
};

namespace {

/// Maps of which each tier has its own: the slot and counters, sized for it, its programs and the constants it was
/// loaded with.
bool is_own_map_of_tier(const bpf_map* map) {
    const std::string_view name = bpf_map__name(map);
    return bpf_map__is_internal(map) || name == "active" || name == "counters" || name == "stages";
}

Error load_error(const LibbpfCapture& log, const std::string& operation, int code) {
    Error error = os_error(operation, code);
    const std::string tail = log.tail();
    if (!tail.empty()) {
        error.message += " (" + tail + ")";
    }
    return error;
}

}  // namespace

BpfObject::BpfObject(std::unique_ptr<Skeleton> skeleton) : skeleton_(std::move(skeleton)) {}
BpfObject::BpfObject(BpfObject&&) noexcept = default;
BpfObject& BpfObject::operator=(BpfObject&&) noexcept = default;
BpfObject::~BpfObject() = default;

bpf_object* BpfObject::object() const { return skeleton_->bpf->obj; }

Result<BpfObject> BpfObject::open(const LibbpfCapture& log) {
    rudder_tc_bpf* opened = rudder_tc_bpf__open();
    const int error = errno;
    if (opened == nullptr) {
        return load_error(log, "open the BPF object", error);
    }
    return BpfObject(std::make_unique<Skeleton>(opened));
}

Status BpfObject::find_program(const char* name, HookProgram& program) const {
    program.fd = bpf_program__fd(bpf_object__find_program_by_name(object(), name));
    const Result<std::uint32_t> id = program_id(program.fd);
    if (!id) {
        return id.error().within(name);
    }
    program.id = *id;
    return {};
}

Status BpfObject::load(const LibbpfCapture& log) {
    if (const int result = rudder_tc_bpf__load(skeleton_->bpf); result != 0) {
        return load_error(log, "load the BPF object", result);
    }
    return {};
}

Status BpfObject::fill_stages() {
    const rudder_tc_bpf& bpf = *skeleton_->bpf;
    const std::array<std::pair<std::uint32_t, const bpf_program*>, 4> programs{{
        {RUDDER_STAGE_FORWARD, bpf.progs.rudder_forward},
        {RUDDER_STAGE_CLASSIFY, bpf.progs.rudder_classify},
        {RUDDER_STAGE_ANSWER, bpf.progs.rudder_answer},
        {RUDDER_STAGE_ACT, bpf.progs.rudder_act},
    }};
    for (const auto& [stage, next] : programs) {
        const int program = bpf_program__fd(next);
        if (bpf_map_update_elem(map_fd("stages"), &stage, &program, BPF_ANY) != 0) {
            return os_error("fill the stages", errno);
        }
    }
    return {};
}

Status BpfObject::hand_on_to(const BpfObject& next) {
    const std::uint32_t stage = RUDDER_STAGE_NEXT_TIER;
    const int program = bpf_program__fd(next.skeleton_->bpf->progs.rudder_classify);
    if (bpf_map_update_elem(map_fd("stages"), &stage, &program, BPF_ANY) != 0) {
        return os_error("hand packets on to the next tier", errno);
    }
    return {};
}

void BpfObject::stop_handing_on() {
    const std::uint32_t stage = RUDDER_STAGE_NEXT_TIER;
    (void)bpf_map_delete_elem(map_fd("stages"), &stage);
}

Result<BpfObject> BpfObject::load_shared(const LibbpfSink& sink) {
    const LibbpfCapture log(sink);
    Result<BpfObject> opened = open(log);
    if (!opened) {
        return opened;
    }
    rudder_tc_bpf& bpf = *opened->skeleton_->bpf;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, opened->object()) {
        bpf_program__set_autoload(program, program == bpf.progs.rudder_probe_tables);
    }
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, opened->object()) {
        if (is_own_map_of_tier(map) && !bpf_map__is_internal(map)) {
            bpf_map__set_autocreate(map, false);
        }
    }
    Status status = opened->size_flows();
    if (status) {
        status = opened->load(log);
    }
    if (status) {
        status = opened->find_program("rudder_probe_tables", opened->table_probe_);
    }
    if (!status) {
        return status.error().within("shared maps");
    }
    return opened;
}

Status BpfObject::share_maps(const BpfObject& owner) {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object()) {
        if (is_own_map_of_tier(map)) {
            continue;
        }
        const int shared = owner.map_fd(bpf_map__name(map));
        if (const int result = bpf_map__reuse_fd(map, shared); result != 0) {
            return os_error(std::string("share map ") + bpf_map__name(map), result);
        }
    }
    return {};
}

Status BpfObject::size_flows() {
    const Result<std::uint32_t> cpus = cpu_number_end();
    if (!cpus) {
        return cpus.error();
    }
    const int result = bpf_map__set_max_entries(skeleton_->bpf->maps.flows, std::min(*cpus, RUDDER_FLOW_CPUS));
    return result == 0 ? Status{} : os_error("set the size of the flow cache", result);
}

Status BpfObject::size_counters(std::uint32_t slots) {
    const Result<std::uint32_t> cpus = cpu_number_end();
    if (!cpus) {
        return cpus.error();
    }
    const rudder_tc_bpf& bpf = *skeleton_->bpf;
    bpf.rodata->counter_slots = slots;
    int result = bpf_map__set_max_entries(bpf.maps.counters, *cpus);
    if (result == 0) {
        result = bpf_map__set_value_size(bpf.maps.counters, slots * static_cast<std::uint32_t>(sizeof(rudder_counter)));
    }
    return result == 0 ? Status{} : os_error("set the size of the counters", result);
}

Result<BpfObject> BpfObject::load_tier(const Tier& tier, const BpfObject& shared, const LibbpfSink& sink) {
    const std::string operation = "classifier for " + std::to_string(tier.blob_bytes) + " bytes";
    const LibbpfCapture log(sink);
    Result<BpfObject> opened = open(log);
    if (!opened) {
        return opened.error().within(operation);
    }
    rudder_tc_bpf& bpf = *opened->skeleton_->bpf;
    bpf.rodata->blob_bytes = tier.blob_bytes;
    bpf_program__set_autoload(bpf.progs.rudder_probe_tables, false);
    // The kernel takes value size and flags of all generations from this example and then forgets it.
    const Result<int> example = create_blob_map(tier.blob_bytes);
    if (!example) {
        return example.error().within(operation);
    }
    const UniqueFd example_owner(*example);
    bpf_map__set_inner_map_fd(bpf.maps.active, example_owner.get());
    Status status = opened->size_counters(tier.counter_slots);
    if (status) {
        status = opened->share_maps(shared);
    }
    if (status) {
        status = opened->load(log);
    }
    if (status) {
        status = opened->find_program("rudder_ingress", opened->ingress_);
    }
    if (status) {
        status = opened->find_program("rudder_egress", opened->egress_);
    }
    if (status) {
        status = opened->fill_stages();
    }
    if (!status) {
        return status.error().within(operation);
    }
    return opened;
}

int BpfObject::map_fd(const char* name) const {
    const int fd = bpf_object__find_map_fd_by_name(object(), name);
    assert(fd >= 0);
    return fd;
}

std::uint32_t BpfObject::map_entries(const char* name) const {
    return bpf_map__max_entries(bpf_object__find_map_by_name(object(), name));
}

CounterMap BpfObject::counters() const {
    const bpf_map* map = skeleton_->bpf->maps.counters;
    const auto slots = bpf_map__value_size(map) / static_cast<std::uint32_t>(sizeof(rudder_counter));
    return {bpf_map__fd(map), bpf_map__max_entries(map), slots};
}

std::vector<int> BpfObject::own_map_fds() const {
    const bool is_tier = ingress_.fd >= 0;
    std::vector<int> descriptors;
    const bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object()) {
        const bool is_own = !is_tier || is_own_map_of_tier(map);
        if (bpf_map__fd(map) >= 0 && is_own) {
            descriptors.push_back(bpf_map__fd(map));
        }
    }
    return descriptors;
}

Result<int> create_blob_map(std::uint32_t blob_bytes) {
    bpf_map_create_opts options{};
    options.sz = sizeof(options);
    options.map_flags = BPF_F_RDONLY_PROG | BPF_F_MMAPABLE;  // nobody maps it, but so it begins at a page: see HACKING.md
    const int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "rudder_blob", sizeof(std::uint32_t), blob_bytes, 1, &options);
    if (fd < 0) {
        Error error = os_error("create a blob map of " + std::to_string(blob_bytes) + " bytes", fd);
        if (error.code == E2BIG) {
            error.message += " (this kernel limits a map value to 4 MiB; Linux 6.0 and later do not)";
        }
        return error;
    }
    return fd;
}

}  // namespace rudder
