// SPDX-License-Identifier: Apache-2.0
#include "kernel_bench.hpp"

#include "kernel_programs.hpp"

#include <limits>
#include <utility>

namespace rudder::bench {
namespace {

constexpr std::uint32_t k_trials = 4;
constexpr std::uint32_t k_trial_packets = 2048;
constexpr std::uint32_t k_cold_trial_packets = 24;

/// Best of some short runs.
Result<double> try_out(KernelPrograms& programs, Contender contender, Traffic traffic) {
    double best = std::numeric_limits<double>::max();
    const std::uint32_t packets = traffic == Traffic::cold ? k_cold_trial_packets : k_trial_packets;
    for (std::uint32_t trial = 0; trial < k_trials; ++trial) {
        const auto run = programs.run(contender, traffic, packets);
        if (!run) {
            return run;
        }
        best = std::min(best, *run);
    }
    return best;
}

}  // namespace

const char* to_string(Traffic traffic) {
    return traffic == Traffic::warm ? "warm" : traffic == Traffic::wide ? "wide" : "cold";
}

KernelBench::KernelBench(std::vector<std::unique_ptr<KernelPrograms>> copies) : copies_(std::move(copies)) {}
KernelBench::KernelBench(KernelBench&&) noexcept = default;
KernelBench::~KernelBench() = default;

Result<KernelBench> KernelBench::load(std::size_t tier, std::size_t copies) {
    std::vector<std::unique_ptr<KernelPrograms>> all;
    for (std::size_t i = 0; i < copies; ++i) {
        auto programs = KernelPrograms::load(tier);
        if (!programs) {
            return programs.error();
        }
        all.push_back(std::move(programs).value());
    }
    return KernelBench(std::move(all));
}

KernelPrograms& KernelBench::chosen(Contender contender, Traffic traffic) {
    return *copies_[chosen_[{contender, traffic == Traffic::cold}]];
}

Status KernelBench::set_policies(const Scenario& scenario, const Scenario& linear) {
    for (const auto& copy : copies_) {
        if (auto status = copy->set_policies(scenario, linear); !status) {
            return status;
        }
    }
    return {};
}

void KernelBench::set_traces(const Trace& trace, const Trace& linear) {
    for (const auto& copy : copies_) {
        copy->set_traces(trace, linear);
    }
}

Status KernelBench::choose_copies(const std::vector<Traffic>& all_traffic) {
    for (const Traffic traffic : all_traffic) {
        for (const Contender contender : k_all_contenders) {
            double best = std::numeric_limits<double>::max();
            for (std::size_t i = 0; i < copies_.size() && copies_.size() > 1; ++i) {
                const auto run = try_out(*copies_[i], contender, traffic);
                if (!run) {
                    return run.error();
                }
                if (*run < best) {
                    best = *run;
                    chosen_[{contender, traffic == Traffic::cold}] = i;
                }
            }
        }
    }
    return {};
}

Result<double> KernelBench::run(Contender contender, Traffic traffic, std::uint32_t packets) {
    return chosen(contender, traffic).run(contender, traffic, packets);
}

Result<std::vector<std::uint32_t>> KernelBench::ranks(Contender contender, std::size_t count) {
    return chosen(contender, Traffic::warm).ranks(contender, count);
}

std::uint32_t KernelBench::verified_instructions() const {
    return copies_.front()->verified_instructions();
}

}  // namespace rudder::bench
