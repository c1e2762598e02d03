// SPDX-License-Identifier: Apache-2.0
#include "datapath.hpp"

#include "rudder_abi.h"
#include "rudder_tc.skel.h"
#include "tagging.skel.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <numeric>

namespace rudder::test {
namespace {

/// BPF_F_TEST_SKB_CHECKSUM_COMPLETE, which the headers of older systems lack.
constexpr std::uint32_t k_checksum_complete = 1u << 2;
/// cb[0] of tagging.bpf.c.
constexpr std::uint32_t k_lift = 1, k_hide = 2, k_tested_shift = 2;

/// Index into `tested` of tagging.bpf.c.
std::uint32_t tested_program(Direction direction, const Metadata& metadata) {
    return metadata.enters_late ? 2u : static_cast<std::uint32_t>(direction);
}

std::uint64_t total(const bpf_map* map, const void* key) {
    std::vector<std::uint64_t> values(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    const bool is_found = bpf_map_lookup_elem(bpf_map__fd(map), key, values.data()) == 0;
    return is_found ? std::accumulate(values.begin(), values.end(), std::uint64_t{0}) : 0;
}

rudder_next_hop record_of(const NextHopEntry& entry) {
    rudder_next_hop record{};
    auto* bytes = reinterpret_cast<std::uint8_t*>(&record);
    std::memcpy(bytes, entry.dst_mac.bytes.data(), 6);
    std::memcpy(bytes + 6, &entry.flags, 2);
    std::memcpy(bytes + 8, entry.src_mac.bytes.data(), 6);
    record.ifindex = entry.ifindex;
    record.mtu = entry.mtu;
    if (entry.gateway) {
        std::memcpy(record.gateway_be, entry.gateway->bytes.data(), 16);
    }
    return record;
}

int create_blob_map(std::uint32_t bytes) {
    bpf_map_create_opts options{};
    options.sz = sizeof(options);
    options.map_flags = BPF_F_RDONLY_PROG | BPF_F_MMAPABLE;
    return bpf_map_create(BPF_MAP_TYPE_ARRAY, "blob", sizeof(std::uint32_t), bytes, 1, &options);
}

CounterKey owner_of(const Slots& slots, std::uint32_t slot) {
    for (const auto& [key, number] : slots.counters) {
        if (number == slot) {
            return key;
        }
    }
    return {"slot " + std::to_string(slot), -1};
}

/// To the CPU that it runs on. A failure only leaves tests to luck.
void pin_this_thread() {
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(static_cast<std::size_t>(sched_getcpu()), &here);
    sched_setaffinity(0, sizeof(here), &here);
}

}  // namespace

Datapath::Datapath(rudder_tc_bpf* bpf, tagging_bpf* tagging, std::size_t tier) : bpf_(bpf), tagging_(tagging), tier_(tier) {}

Datapath::~Datapath() {
    if (generation_fd_ >= 0) {
        close(generation_fd_);
    }
    munmap(counters_.data(), counters_.size_bytes());
    tagging_bpf__destroy(tagging_);
    rudder_tc_bpf__destroy(bpf_);
}

std::unique_ptr<Datapath> Datapath::load(std::string& why, std::size_t tier) {
    pin_this_thread();
    rudder_tc_bpf* bpf = rudder_tc_bpf__open();
    if (bpf == nullptr) {
        why = "open the BPF object: " + std::string(std::strerror(errno));
        return nullptr;
    }
    bpf->rodata->blob_bytes = tiers()[tier].blob_bytes;
    bpf->rodata->counter_slots = tiers()[tier].counter_slots;
    bpf_map__set_max_entries(bpf->maps.counters, static_cast<std::uint32_t>(libbpf_num_possible_cpus()));
    bpf_map__set_value_size(bpf->maps.counters, tiers()[tier].counter_slots * static_cast<std::uint32_t>(sizeof(rudder_counter)));
    bpf_map__set_max_entries(bpf->maps.flows, static_cast<std::uint32_t>(libbpf_num_possible_cpus()));
    const int example = create_blob_map(tiers()[tier].blob_bytes);
    bpf_map__set_inner_map_fd(bpf->maps.active, example);
    const int failed = rudder_tc_bpf__load(bpf);
    close(example);
    if (failed != 0) {
        why = "load the BPF object: " + std::string(std::strerror(errno));
        rudder_tc_bpf__destroy(bpf);
        return nullptr;
    }
    tagging_bpf* tagging = tagging_bpf__open_and_load();
    if (tagging == nullptr) {
        why = "load the test's own BPF object: " + std::string(std::strerror(errno));
        rudder_tc_bpf__destroy(bpf);
        return nullptr;
    }
    const std::size_t counter_bytes = std::size_t{bpf_map__max_entries(bpf->maps.counters)} * bpf_map__value_size(bpf->maps.counters);
    void* counters = mmap(nullptr, counter_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(bpf->maps.counters), 0);
    if (counters == MAP_FAILED) {
        std::abort();
    }
    std::uint32_t tested = 0;
    for (const bpf_program* program : {bpf->progs.rudder_ingress, bpf->progs.rudder_egress, bpf->progs.rudder_classify}) {
        const int fd = bpf_program__fd(program);
        bpf_map_update_elem(bpf_map__fd(tagging->maps.tested), &tested, &fd, BPF_ANY);
        tested++;
    }
    std::uint32_t stage = 0;  // RUDDER_STAGE_*
    for (const bpf_program* next : {bpf->progs.rudder_forward, bpf->progs.rudder_classify, bpf->progs.rudder_answer,
                                    bpf->progs.rudder_act}) {
        const int fd = bpf_program__fd(next);
        bpf_map_update_elem(bpf_map__fd(bpf->maps.stages), &stage, &fd, BPF_ANY);
        stage++;
    }
    std::unique_ptr<Datapath> loaded(new Datapath(bpf, tagging, tier));
    loaded->counters_ = {static_cast<rudder_counter*>(counters), counter_bytes / sizeof(rudder_counter)};
    return loaded;
}

void Datapath::set_dead(const DeadMembers& dead) {
    for (const auto& [slot, entry] : group_entries(image_, topology_, dead)) {
        const std::vector<std::uint16_t> members = group_table(entry);
        rudder_group_table record{};
        std::copy(members.begin(), members.end(), record.member);
        bpf_map_update_elem(bpf_map__fd(bpf_->maps.group_tables), &slot, &record, BPF_ANY);
    }
}

bool Datapath::has_tables() {
    return test_run(bpf_program__fd(bpf_->progs.rudder_probe_tables), Frame(64), 1, Direction::ingress, 1).verdict == 1;
}

bool Datapath::publish(const Policy& policy, const Topology& topology, const DeadMembers& dead) {
    const bool is_published = replace(policy, topology, dead);
    reset();
    return is_published;
}

bool Datapath::replace(const Policy& policy, const Topology& topology, const DeadMembers& dead) {
    const Result<Image> image = compile(policy, topology, {});
    const std::uint32_t key = 0;
    if (!image || image->tier > tier_) {
        return false;
    }
    for (const auto& [slot, entry] : next_hop_entries(image->slots, topology)) {
        const rudder_next_hop record = record_of(entry);
        bpf_map_update_elem(bpf_map__fd(bpf_->maps.next_hops), &slot, &record, BPF_ANY);
    }
    image_ = *image;
    topology_ = topology;
    set_dead(dead);
    if (image->blob == published_ && image->slots == slots_) {  // the kernel takes a grace period for each generation
        return true;
    }
    const std::uint32_t bytes = tiers()[tier_].blob_bytes;
    std::vector<std::uint8_t> blob = image->blob;
    published_ = image->blob;
    blob.resize(bytes);
    generation_++;
    std::memcpy(blob.data() + offsetof(rudder_blob_header, generation), &generation_, sizeof(generation_));
    const int map = create_blob_map(bytes);
    if (map < 0 || bpf_map_update_elem(map, &key, blob.data(), BPF_ANY) != 0 ||
        bpf_map_update_elem(bpf_map__fd(bpf_->maps.active), &key, &map, BPF_ANY) != 0) {
        std::abort();
    }
    if (generation_fd_ >= 0) {
        close(generation_fd_);
    }
    generation_fd_ = map;
    slots_ = image->slots;
    return true;
}

Run Datapath::test_run(int program, const Frame& frame, std::uint32_t ifindex, Direction direction, std::uint32_t repeat,
                       const Metadata& metadata, std::uint32_t tagging) {
    __sk_buff context{};
    context.ifindex = ifindex;
    context.ingress_ifindex = metadata.received_on;
    context.mark = metadata.mark;
    context.priority = metadata.priority;
    context.tstamp = metadata.timestamp;
    context.cb[0] = tagging;
    context.cb[1] = context.cb[2] = context.cb[3] = metadata.left_over;
    context.cb[4] = metadata.enters_late ? static_cast<std::uint32_t>(direction) : metadata.left_over;
    Run result;
    result.frame.resize(frame.size() + 256);
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    options.data_out = result.frame.data();
    options.data_size_out = static_cast<std::uint32_t>(result.frame.size());
    options.ctx_in = &context;
    options.ctx_size_in = sizeof(context);
    options.ctx_out = &context;
    options.ctx_size_out = sizeof(context);
    options.flags = metadata.is_summed ? k_checksum_complete : 0;
    options.repeat = static_cast<int>(repeat);
    if (bpf_prog_test_run_opts(program, &options) != 0) {
        result.verdict = -1000 - errno;
        result.frame.clear();
        return result;
    }
    result.frame.resize(options.data_size_out);
    result.verdict = static_cast<int>(options.retval);
    result.nanoseconds = options.duration;
    result.metadata = {context.mark, context.priority, context.tstamp, 0, 0, false};
    return result;
}

Run Datapath::run(const Frame& frame, std::uint32_t ifindex, Direction direction, std::uint32_t repeat, const Metadata& metadata) {
    const std::array programs{bpf_->progs.rudder_ingress, bpf_->progs.rudder_egress, bpf_->progs.rudder_classify};
    return test_run(bpf_program__fd(programs.at(tested_program(direction, metadata))), frame, ifindex, direction, repeat, metadata);
}

Run Datapath::run_tagged(const Frame& frame, TagPlace place, std::uint32_t ifindex, Direction direction, const Metadata& metadata) {
    // A sum over the packet would be wrong once a tag is written into it.
    const std::uint32_t tagging = (place == TagPlace::beside ? k_lift : 0) | (metadata.is_summed ? k_hide : 0) |
                                  tested_program(direction, metadata) << k_tested_shift;
    return test_run(bpf_program__fd(tagging_->progs.tagging), frame, ifindex, direction, 1, metadata, tagging);
}

bool Datapath::attach(std::uint32_t ifindex, Direction direction) {
    const bool is_ingress = direction == Direction::ingress;
    bpf_tc_hook hook{};
    hook.sz = sizeof(hook);
    hook.ifindex = static_cast<int>(ifindex);
    hook.attach_point = is_ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
    bpf_tc_opts options{};
    options.sz = sizeof(options);
    options.prog_fd = bpf_program__fd(is_ingress ? bpf_->progs.rudder_ingress : bpf_->progs.rudder_egress);
    const int created = bpf_tc_hook_create(&hook);
    return (created == 0 || created == -EEXIST) && bpf_tc_attach(&hook, &options) == 0;
}

void Datapath::detach(std::uint32_t ifindex, Direction direction) {
    bpf_tc_hook hook{};
    hook.sz = sizeof(hook);
    hook.ifindex = static_cast<int>(ifindex);
    hook.attach_point = direction == Direction::ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
    bpf_tc_hook_destroy(&hook);
}

rudder_counter& Datapath::counter(std::size_t cpu, std::uint32_t slot) const {
    return counters_[cpu * tiers()[tier_].counter_slots + slot];
}

void Datapath::reset() {
    const auto cpus = static_cast<std::size_t>(libbpf_num_possible_cpus());
    const std::vector<std::uint64_t> nothing(cpus);
    for (const auto& [owner, slot] : slots_.counters) {
        for (std::size_t cpu = 0; cpu < cpus; ++cpu) {
            counter(cpu, slot) = {};
        }
    }
    for (std::uint32_t reason = 0; reason < RUDDER_REASON_COUNT; reason++) {
        bpf_map_update_elem(bpf_map__fd(bpf_->maps.reasons), &reason, nothing.data(), BPF_ANY);
    }
    rudder_failure_key key{};
    while (bpf_map_get_next_key(bpf_map__fd(bpf_->maps.failures), nullptr, &key) == 0) {
        bpf_map_delete_elem(bpf_map__fd(bpf_->maps.failures), &key);
    }
    const std::uint32_t key_of_scratch = 0;
    const std::vector<char> no_scratch(cpus * ((bpf_map__value_size(bpf_->maps.scratch) + 7) & ~std::size_t{7}));
    bpf_map_update_elem(bpf_map__fd(bpf_->maps.scratch), &key_of_scratch, no_scratch.data(), BPF_ANY);
    fill_buckets();
}

void Datapath::open_short_way(bool is_open) {
    const std::uint32_t stage = 0;  // RUDDER_STAGE_FORWARD
    const int program = bpf_program__fd(bpf_->progs.rudder_forward);
    const int stages = bpf_map__fd(bpf_->maps.stages);
    if ((is_open ? bpf_map_update_elem(stages, &stage, &program, BPF_ANY) : bpf_map_delete_elem(stages, &stage)) != 0) {
        std::abort();
    }
}

void Datapath::unpublish() {
    const std::uint32_t key = 0;
    if (bpf_map_delete_elem(bpf_map__fd(bpf_->maps.active), &key) != 0) {
        std::abort();
    }
    published_.clear();
}

void Datapath::hand_on_to(const Datapath* next) {
    const std::uint32_t stage = 4;  // RUDDER_STAGE_NEXT_TIER
    const int program = next == nullptr ? -1 : bpf_program__fd(next->bpf_->progs.rudder_classify);
    const int stages = bpf_map__fd(bpf_->maps.stages);
    if ((next != nullptr ? bpf_map_update_elem(stages, &stage, &program, BPF_ANY) : bpf_map_delete_elem(stages, &stage)) != 0) {
        std::abort();
    }
}

void Datapath::fill_buckets() {
    const std::uint32_t key = 0;
    const std::vector<std::uint64_t> full(2 * static_cast<std::size_t>(libbpf_num_possible_cpus()));
    bpf_map_update_elem(bpf_map__fd(bpf_->maps.answers), &key, full.data(), BPF_ANY);
}

Counts Datapath::counts() const {
    Counts counts;
    for (const auto& [owner, slot] : slots_.counters) {
        for (std::size_t cpu = 0; cpu < static_cast<std::size_t>(libbpf_num_possible_cpus()); ++cpu) {
            const rudder_counter value = counter(cpu, slot);
            if (value.packets != 0) {
                counts.packets[owner] += value.packets;
                counts.bytes[owner] += value.bytes;
            }
        }
    }
    for (std::uint32_t reason = 0; reason < RUDDER_REASON_COUNT; reason++) {
        if (const std::uint64_t count = total(bpf_->maps.reasons, &reason); count != 0) {
            counts.reasons[reason] = count;
        }
    }
    rudder_failure_key key{};
    const void* previous = nullptr;
    while (bpf_map_get_next_key(bpf_map__fd(bpf_->maps.failures), previous, &key) == 0) {
        counts.failures[{owner_of(slots_, key.slot), key.reason}] = total(bpf_->maps.failures, &key);
        previous = &key;
    }
    return counts;
}

FlowUse Datapath::flow_use() const {
    FlowUse use;
    const auto cache = std::make_unique<rudder_flow_cache>();
    for (std::uint32_t cpu = 0; bpf_map_lookup_elem(bpf_map__fd(bpf_->maps.flows), &cpu, cache.get()) == 0; cpu++) {
        use.hits += cache->hits;
        use.misses += cache->misses;
    }
    return use;
}

std::map<std::string, std::uint32_t> Datapath::verified_instructions() const {
    std::map<std::string, std::uint32_t> verified;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, bpf_->obj) {
        bpf_prog_info info{};
        std::uint32_t size = sizeof(info);
        bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size);
        verified[bpf_program__name(program)] = info.verified_insns;
    }
    return verified;
}

bool ip_command(const std::string& arguments) { return std::system(("ip " + arguments).c_str()) == 0; }

Link device(const std::string& name) {
    Link link;
    link.name = name;
    link.ifindex = if_nametoindex(name.c_str());
    std::string mac;
    std::ifstream("/sys/class/net/" + name + "/address") >> mac;
    std::ifstream("/sys/class/net/" + name + "/mtu") >> link.mtu;
    link.mac = parse_mac_address(mac).value_or(MacAddress{});
    link.is_up = true;
    return link;
}

}  // namespace rudder::test
