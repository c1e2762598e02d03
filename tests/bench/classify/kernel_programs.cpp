// SPDX-License-Identifier: Apache-2.0
#include "kernel_programs.hpp"

#include "linear_rules.hpp"
// Generated: not ours to make clean.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include "classify_bench.skel.h"
#pragma GCC diagnostic pop

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <numeric>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

namespace rudder::bench {
namespace {

constexpr std::uint32_t k_warm_headers = 1024;
constexpr std::uint32_t k_default_cache_bytes = 1u << 20;
constexpr std::size_t k_trace_bytes = BENCH_TRACE * sizeof(rudder_packet);

int silent(libbpf_print_level, const char*, va_list) {
    return 0;
}

Error failure(const char* operation) {
    const int code = errno;
    return {std::string(operation) + ": " + std::strerror(code), code};
}

std::uint32_t second_level_cache_bytes() {
    const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
    return bytes > 0 ? static_cast<std::uint32_t>(bytes) : k_default_cache_bytes;
}

double processor_ns() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// The values of a mapped array of headers; null if that fails.
rudder_packet* map_trace(const bpf_map* map) {
    void* memory = mmap(nullptr, k_trace_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
    return memory == MAP_FAILED ? nullptr : static_cast<rudder_packet*>(memory);
}

/// Mean without the slowest twentieth, which interrupts fall into.
double trimmed_mean(std::vector<std::uint32_t> samples) {
    std::sort(samples.begin(), samples.end());
    samples.resize(samples.size() - samples.size() / 20);
    return std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
}

Status call(const bpf_program* program, std::uint32_t packets) {
    std::array<char, 64> frame{};
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_size_in = frame.size(),
                .repeat = static_cast<int>(packets));
    return bpf_prog_test_run_opts(bpf_program__fd(program), &options) == 0 ? Status{} : failure("run the program");
}

void leave_out_cold_programs(classify_bench_bpf& skeleton) {
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, skeleton.obj) {
        bpf_program__set_autoload(program, std::strncmp(bpf_program__name(program), "cold_", 5) != 0);
    }
}

}  // namespace

bool has_cold() {
    return libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_loop, nullptr) == 1;
}

Result<std::unique_ptr<KernelPrograms>> KernelPrograms::load(std::size_t tier) {
    libbpf_set_print(silent);
    std::unique_ptr<KernelPrograms> programs(new KernelPrograms);
    if (auto status = programs->open(tier); !status) {
        return status.error();
    }
    return programs;
}

KernelPrograms::~KernelPrograms() {
    for (rudder_packet* memory : {trace_, linear_trace_}) {
        if (memory != nullptr) {
            munmap(memory, k_trace_bytes);
        }
    }
    if (generation_ >= 0) {
        close(generation_);
    }
    classify_bench_bpf__destroy(skeleton_);
}

Status KernelPrograms::open(std::size_t tier) {
    skeleton_ = classify_bench_bpf__open();
    if (skeleton_ == nullptr) {
        return failure("open the programs");
    }
    const std::uint32_t pages = 2 * second_level_cache_bytes() / BENCH_PAGE;
    skeleton_->rodata->blob_bytes = tiers()[tier].blob_bytes;
    skeleton_->rodata->evicted_pages = pages;
    bpf_map__set_max_entries(skeleton_->maps.pages, pages);
    if (!has_cold()) {
        leave_out_cold_programs(*skeleton_);
    }
    if (Status made = make_generation(); !made) {
        return made;
    }
    bpf_map__set_inner_map_fd(skeleton_->maps.active, generation_);
    if (classify_bench_bpf__load(skeleton_) != 0) {
        return failure("load the programs");
    }
    trace_ = map_trace(skeleton_->maps.trace);
    linear_trace_ = map_trace(skeleton_->maps.linear_trace);
    return trace_ == nullptr || linear_trace_ == nullptr ? failure("map the traces") : Status{};
}

Status KernelPrograms::make_generation() {
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_RDONLY_PROG | BPF_F_MMAPABLE);
    const int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "generation", 4, skeleton_->rodata->blob_bytes, 1, &options);
    if (fd < 0) {
        return failure("create the generation");
    }
    if (generation_ >= 0) {
        close(generation_);
    }
    generation_ = fd;
    return {};
}

const bpf_program* KernelPrograms::program(Contender contender, bool is_cold) const {
    const auto& p = skeleton_->progs;
    const bool is_v4 = family_ == IpFamily::v4;
    switch (contender) {
        case Contender::empty:
            return is_cold ? p.cold_empty : p.bench_empty;
        case Contender::walk:
            return is_cold ? p.cold_walk : p.bench_walk;
        case Contender::linear:
            return is_cold ? (is_v4 ? p.cold_rules_v4 : p.cold_rules_v6)
                           : (is_v4 ? p.bench_rules_v4 : p.bench_rules_v6);
        case Contender::linear_5_tuple:
            break;
    }
    return is_cold ? (is_v4 ? p.cold_tuples_v4 : p.cold_tuples_v6) : (is_v4 ? p.bench_tuples_v4 : p.bench_tuples_v6);
}

Status KernelPrograms::set_policies(const Scenario& scenario, const Scenario& linear) {
    const std::uint32_t zero = 0;
    family_ = scenario.family;
    std::vector<std::uint8_t> blob = scenario.image.blob;
    blob.resize(skeleton_->rodata->blob_bytes);
    if (Status made = make_generation(); !made) {
        return made;
    }
    if (bpf_map_update_elem(generation_, &zero, blob.data(), 0) != 0 ||
        bpf_map_update_elem(bpf_map__fd(skeleton_->maps.active), &zero, &generation_, 0) != 0) {
        return failure("publish the generation");
    }
    const bench_linear rules = linear_rules(linear.policy, linear.family, linear.hook_class);
    return bpf_map_update_elem(bpf_map__fd(skeleton_->maps.linear), &zero, &rules, 0) == 0
               ? Status{}
               : failure("fill the linear rules");
}

void KernelPrograms::set_traces(const Trace& trace, const Trace& linear) {
    std::copy_n(trace.begin(), std::min<std::size_t>(BENCH_TRACE, trace.size()), trace_);
    std::copy_n(linear.begin(), std::min<std::size_t>(BENCH_TRACE, linear.size()), linear_trace_);
}

Result<double> KernelPrograms::run(Contender contender, Traffic traffic, std::uint32_t packets) {
    const bpf_program* wanted = program(contender, traffic == Traffic::cold);
    skeleton_->bss->trace_mask = (traffic == Traffic::warm ? k_warm_headers : BENCH_TRACE) - 1;
    skeleton_->bss->trace_next = 0;
    if (traffic == Traffic::cold) {
        return run_cold(wanted, packets);
    }
    if (auto status = call(wanted, traffic == Traffic::warm ? k_warm_headers : 1); !status) {
        return status.error();
    }
    skeleton_->bss->trace_next = 0;
    const double start = processor_ns();
    if (auto status = call(wanted, packets); !status) {
        return status.error();
    }
    return (processor_ns() - start) / packets;
}

Result<double> KernelPrograms::run_cold(const bpf_program* program, std::uint32_t packets) {
    std::vector<std::uint32_t> samples;
    while (samples.size() < packets) {
        const auto some = std::min<std::uint32_t>(BENCH_SAMPLES, packets - static_cast<std::uint32_t>(samples.size()));
        skeleton_->bss->sample_next = 0;
        if (auto status = call(program, some); !status) {
            return status.error();
        }
        samples.insert(samples.end(), skeleton_->bss->samples, skeleton_->bss->samples + some);
    }
    return trimmed_mean(std::move(samples));
}

Result<std::vector<std::uint32_t>> KernelPrograms::ranks(Contender contender, std::size_t count) {
    std::vector<std::uint32_t> result;
    skeleton_->bss->trace_mask = BENCH_TRACE - 1;
    skeleton_->bss->trace_next = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (auto status = call(program(contender, false), 1); !status) {
            return status.error();
        }
        result.push_back(skeleton_->bss->last_rank);
    }
    return result;
}

std::uint32_t KernelPrograms::verified_instructions() const {
    bpf_prog_info info{};
    __u32 bytes = sizeof(info);
    const int fd = bpf_program__fd(skeleton_->progs.bench_walk);
    return bpf_obj_get_info_by_fd(fd, &info, &bytes) == 0 ? info.verified_insns : 0;
}

}  // namespace rudder::bench
