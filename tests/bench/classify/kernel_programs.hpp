// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"

#include "kernel_bench.hpp"

#include <cstdint>
#include <memory>
#include <vector>

struct classify_bench_bpf;
struct bpf_program;

namespace rudder::bench {

/// One copy of the programs of classify_bench.bpf.c, with maps of its own.
class KernelPrograms {
public:
    [[nodiscard]] static Result<std::unique_ptr<KernelPrograms>> load(std::size_t tier);
    KernelPrograms(const KernelPrograms&) = delete;
    KernelPrograms& operator=(const KernelPrograms&) = delete;
    ~KernelPrograms();

    Status set_policies(const Scenario& scenario, const Scenario& linear);
    void set_traces(const Trace& trace, const Trace& linear);
    [[nodiscard]] Result<double> run(Contender contender, Traffic traffic, std::uint32_t packets);
    [[nodiscard]] Result<std::vector<std::uint32_t>> ranks(Contender contender, std::size_t count);
    [[nodiscard]] std::uint32_t verified_instructions() const;

private:
    KernelPrograms() = default;
    Status open(std::size_t tier);
    Status make_generation();
    [[nodiscard]] const bpf_program* program(Contender contender, bool is_cold) const;
    [[nodiscard]] Result<double> run_cold(const bpf_program* program, std::uint32_t packets);

    classify_bench_bpf* skeleton_ = nullptr;
    int generation_ = -1;
    rudder_packet* trace_ = nullptr;  ///< mapped values of the trace maps
    rudder_packet* linear_trace_ = nullptr;
    IpFamily family_ = IpFamily::v4;
};

}  // namespace rudder::bench
