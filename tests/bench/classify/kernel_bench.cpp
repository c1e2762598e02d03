// SPDX-License-Identifier: Apache-2.0
#include "kernel_bench.hpp"

#include "classify_bench.h"
// Generated: not ours to make clean.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include "classify_bench.skel.h"
#pragma GCC diagnostic pop
#include "rudder_classifier.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include <unistd.h>

namespace rudder::bench {
namespace {

int silent(libbpf_print_level, const char*, va_list) { return 0; }

Error failure(const char* operation) {
    const int code = errno;
    return {std::string(operation) + ": " + std::strerror(code), code};
}

bench_rule_tail tail_of(const Match& match, std::uint32_t rank) {
    bench_rule_tail tail{};
    const PortRange src = match.src_ports.empty() ? PortRange{} : match.src_ports[0];
    const PortRange dst = match.dst_ports.empty() ? PortRange{} : match.dst_ports[0];
    tail.src_port_first = src.first;
    tail.src_port_last = src.last;
    tail.dst_port_first = dst.first;
    tail.dst_port_last = dst.last;
    tail.protocol = match.ip_proto.value_or(0);
    tail.protocol_mask = match.ip_proto ? 0xff : 0;
    tail.rank = rank;
    return tail;
}

std::uint64_t big_endian(const std::uint8_t* bytes, unsigned count) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < count; ++i) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/// The upper `length` bits of a word of `bits` bits.
std::uint64_t mask_of(int length, int bits) {
    const int kept = std::clamp(length, 0, bits);
    return kept == 0 ? 0 : ~std::uint64_t{0} >> (64 - bits) << (bits - kept);
}

void set_v4(const std::vector<IpPrefix>& prefixes, std::uint32_t& value, std::uint32_t& mask) {
    if (!prefixes.empty()) {
        value = static_cast<std::uint32_t>(big_endian(prefixes[0].address.bytes.data(), 4));
        mask = static_cast<std::uint32_t>(mask_of(prefixes[0].length, 32));
    }
}

void set_v6(const std::vector<IpPrefix>& prefixes, __u64* value, __u64* mask) {
    for (int half = 0; half < 2 && !prefixes.empty(); ++half) {
        value[half] = big_endian(prefixes[0].address.bytes.data() + 8 * half, 8);
        mask[half] = mask_of(prefixes[0].length - 64 * half, 64);
    }
}

/// The first rules of the policy, once more from the start if there are fewer than 64.
bench_linear linear_rules(const Policy& policy, IpFamily family) {
    bench_linear rules{};
    for (std::uint32_t i = 0; i < BENCH_LINEAR_RULES; ++i) {
        const auto rank = static_cast<std::uint32_t>(i % policy.rules.size());
        const Match& match = policy.rules[rank].match;
        if (family == IpFamily::v4) {
            set_v4(match.src, rules.v4[i].src, rules.v4[i].src_mask);
            set_v4(match.dst, rules.v4[i].dst, rules.v4[i].dst_mask);
            rules.v4[i].tail = tail_of(match, rank);
        } else {
            set_v6(match.src, rules.v6[i].src, rules.v6[i].src_mask);
            set_v6(match.dst, rules.v6[i].dst, rules.v6[i].dst_mask);
            rules.v6[i].tail = tail_of(match, rank);
        }
    }
    return rules;
}

}  // namespace

struct KernelBench::State {
    classify_bench_bpf* skeleton = nullptr;
    int generation = -1;
    IpFamily family = IpFamily::v4;

    ~State() {
        if (generation >= 0) {
            close(generation);
        }
        classify_bench_bpf__destroy(skeleton);
    }

    [[nodiscard]] const bpf_program* program(Contender contender) const {
        switch (contender) {
            case Contender::empty: return skeleton->progs.bench_empty;
            case Contender::walk: return skeleton->progs.bench_walk;
            case Contender::linear: break;
        }
        return family == IpFamily::v4 ? skeleton->progs.bench_linear_v4 : skeleton->progs.bench_linear_v6;
    }

    Status make_generation(std::vector<std::uint8_t> blob) {
        blob.resize(skeleton->rodata->blob_bytes);
        LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_RDONLY_PROG);
        generation = bpf_map_create(BPF_MAP_TYPE_ARRAY, "generation", 4, skeleton->rodata->blob_bytes, 1, &options);
        const std::uint32_t zero = 0;
        if (generation < 0 || bpf_map_update_elem(generation, &zero, blob.data(), 0) != 0) {
            return failure("create the generation");
        }
        return {};
    }

    Status fill(const Policy& linear, const std::vector<rudder_packet>& trace) {
        const std::uint32_t zero = 0;
        if (bpf_map_update_elem(bpf_map__fd(skeleton->maps.active), &zero, &generation, 0) != 0) {
            return failure("publish the generation");
        }
        for (std::uint32_t i = 0; i <= skeleton->rodata->trace_mask; ++i) {
            if (bpf_map_update_elem(bpf_map__fd(skeleton->maps.trace), &i, &trace[i % trace.size()], 0) != 0) {
                return failure("fill the trace");
            }
        }
        const bench_linear rules = linear_rules(linear, family);
        if (bpf_map_update_elem(bpf_map__fd(skeleton->maps.linear), &zero, &rules, 0) != 0) {
            return failure("fill the linear rules");
        }
        return {};
    }
};

Result<KernelBench> KernelBench::load(const Image& image, const Policy& linear, IpFamily family,
                                      const std::vector<rudder_packet>& trace) {
    libbpf_set_print(silent);
    KernelBench bench(new State);
    State& state = *bench.state_;
    state.family = family;
    state.skeleton = classify_bench_bpf__open();
    if (state.skeleton == nullptr) {
        return failure("open the programs");
    }
    const std::size_t headers = std::bit_ceil(trace.size());
    state.skeleton->rodata->blob_bytes = tiers()[image.tier].blob_bytes;
    state.skeleton->rodata->trace_mask = static_cast<std::uint32_t>(headers - 1);
    bpf_map__set_max_entries(state.skeleton->maps.trace, static_cast<std::uint32_t>(headers));
    if (Status made = state.make_generation(image.blob); !made) {
        return made.error();
    }
    bpf_map__set_inner_map_fd(state.skeleton->maps.active, state.generation);
    if (classify_bench_bpf__load(state.skeleton) != 0) {
        return failure("load the programs");
    }
    if (Status filled = state.fill(linear, trace); !filled) {
        return filled.error();
    }
    return bench;
}

KernelBench::KernelBench(KernelBench&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
KernelBench::~KernelBench() { delete state_; }

Result<double> KernelBench::run(Contender contender, std::uint32_t packets, unsigned rounds) {
    std::array<char, 64> frame{};
    double best = 0;
    for (unsigned round = 0; round < rounds; ++round) {
        LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_size_in = frame.size(),
                    .repeat = static_cast<int>(packets));
        if (bpf_prog_test_run_opts(bpf_program__fd(state_->program(contender)), &options) != 0) {
            return failure("run the program");
        }
        best = round == 0 ? options.duration : std::min<double>(best, options.duration);
    }
    return best;
}

Result<std::vector<std::uint32_t>> KernelBench::ranks(std::size_t count) {
    struct Scratch {
        rudder_packet packet;
        rudder_key key;
        std::uint32_t next;
        std::uint32_t result;
        std::uint64_t sum;
    };
    const int scratch = bpf_map__fd(state_->skeleton->maps.scratch);
    std::vector<Scratch> values(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    std::vector<std::uint32_t> result;
    const std::uint32_t zero = 0;
    for (std::size_t i = 0; i < count; ++i) {
        // Whichever CPU runs it finds the index of the wanted header; only that CPU moves on.
        for (Scratch& value : values) {
            value.next = static_cast<std::uint32_t>(i);
        }
        if (bpf_map_update_elem(scratch, &zero, values.data(), BPF_ANY) != 0) {
            return failure("set the header");
        }
        if (auto ran = run(Contender::walk, 1, 1); !ran) {
            return ran.error();
        }
        if (bpf_map_lookup_elem(scratch, &zero, values.data()) != 0) {
            return failure("read the rank");
        }
        const auto moved = std::find_if(values.begin(), values.end(), [i](const Scratch& value) { return value.next != i; });
        result.push_back(moved == values.end() ? 0 : moved->result);
    }
    return result;
}

std::uint32_t KernelBench::verified_instructions() const {
    bpf_prog_info info{};
    __u32 bytes = sizeof(info);
    if (bpf_obj_get_info_by_fd(bpf_program__fd(state_->skeleton->progs.bench_walk), &info, &bytes) != 0) {
        return 0;
    }
    return info.verified_insns;
}

}  // namespace rudder::bench
