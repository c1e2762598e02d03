// SPDX-License-Identifier: Apache-2.0
/// End to end on one core: generator, in0, the contender, out0, sink. Every figure is a ratio to the bare redirect (or,
/// for replication, to the hand-written clone loop) of the same round; the median of the rounds is printed.
#include "contenders.hpp"
#include "workloads.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

using namespace rudder;
using namespace rudder::bench;

namespace {

constexpr std::uint32_t k_frames = 400'000;
constexpr std::uint32_t k_warm_up_frames = 40'000;
constexpr std::uint32_t k_queue_places = 192;  // of the 256 of a veth queue

struct Series {
    std::vector<double> frames_per_second;
    std::vector<double> ratios;
    double worst_loss = 0;
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

Result<double> measure(Generator& generator, const Contender& contender, Series& series) {
    if (auto status = generator.set_trace(contender.workload->trace); !status) return status.error();
    if (auto status = contender.start(); !status) return status.error().within("start " + contender.name);
    const auto batch = std::min(64u, std::max(1u, k_queue_places / contender.copies));
    auto warm = generator.send(k_warm_up_frames, batch);
    auto burst = warm ? generator.send(k_frames / contender.copies, batch) : std::move(warm);
    if (auto status = contender.stop(); !status) return status.error().within("stop " + contender.name);
    if (!burst) return burst.error();
    const auto expected = static_cast<double>(burst->sent) * contender.copies;
    series.worst_loss = std::max(series.worst_loss, 1.0 - static_cast<double>(burst->received) / expected);
    series.frames_per_second.push_back(burst->received_per_second());
    return burst->received_per_second();
}

Status run_rounds(Generator& generator, const std::vector<Contender>& contenders, int rounds,
                  std::map<std::string, Series>& results) {
    for (int round = 0; round < rounds; ++round) {
        double unit = 0;
        for (const auto& contender : contenders) {
            auto& series = results[contender.name];
            auto rate = measure(generator, contender, series);
            if (!rate) return rate.error();
            if (unit == 0) unit = *rate;
            series.ratios.push_back(*rate / unit);
        }
    }
    return {};
}

void print(const std::string& title, const std::vector<Contender>& contenders, std::map<std::string, Series>& results) {
    fmt::print("\n{:<44} {:>10} {:>8} {:>8}\n", title, "frames/s", "ratio", "lost");
    for (const auto& contender : contenders) {
        const auto& series = results[contender.name];
        fmt::print("{:<44} {:>10.0f} {:>8.3f} {:>7.2f}%\n", contender.name, median(series.frames_per_second),
                   median(series.ratios), std::max(0.0, series.worst_loss) * 100);
    }
    std::fflush(stdout);
}

Result<std::vector<Contender>> steering(Generator& generator, const Lab& lab, const std::vector<Workload>& workloads) {
    std::vector<Contender> contenders;
    contenders.push_back(program_contender(generator, lab, "bare redirect", "e2e_bare", workloads.front(), 1));
    contenders.push_back(program_contender(generator, lab, "hand-written, no lookup", "e2e_handwritten", workloads.front(), 1));
    contenders.push_back(forwarding_contender(workloads.front()));
    for (const auto& workload : workloads) {
        auto ours = rudder_contender(lab, "rudderd, " + workload.name, workload, 1);
        if (!ours) return ours.error().within(workload.name);
        contenders.push_back(std::move(ours).value());
    }
    if (run_command("nft --version"))
        for (const auto& workload : workloads)
            if (workload.rules.size() <= 1000) contenders.push_back(nftables_contender(workload));
    return contenders;
}

Result<std::vector<Contender>> replication(Generator& generator, const Lab& lab, const Workload& workload) {
    const auto copies = static_cast<std::uint32_t>(workload.rules.front().targets.size());
    std::vector<Contender> contenders;
    contenders.push_back(program_contender(generator, lab, "hand-written clone loop", "e2e_clone_loop", workload, copies));
    auto ours = rudder_contender(lab, "rudderd, " + workload.name, workload, copies);
    if (!ours) return ours.error().within(workload.name);
    contenders.push_back(std::move(ours).value());
    return contenders;
}

Status run(int rounds) {
    auto lab = make_lab();
    if (!lab) return lab.error();
    if (auto status = pin_to_cpu(1); !status) return status;
    auto generator = Generator::open(*lab);
    if (!generator) return generator.error();
    const auto replicate = replicate_workload(*lab, 12);
    std::vector<Workload> steer;
    for (const std::uint32_t size : {1u, 64u, 1000u, 10000u}) steer.push_back(steer_workload(*lab, size));
    if (auto status = (*generator)->set_targets(clone_targets(*lab, replicate)); !status) return status;
    for (const bool is_steering : {true, false}) {
        std::map<std::string, Series> results;
        auto contenders = is_steering ? steering(**generator, *lab, steer) : replication(**generator, *lab, replicate);
        if (!contenders) return contenders.error();
        if (auto status = run_rounds(**generator, *contenders, rounds, results); !status) return status;
        print(is_steering ? "steering, one core (bare redirect = 1)" : "replication to 12 (clone loop = 1)", *contenders,
              results);
    }
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    const auto status = run(argc > 1 ? std::atoi(argv[1]) : 5);
    if (status) return 0;
    fmt::print(stderr, "e2e: {}\n", status.error().message);
    return status.error().code == 1 /* EPERM */ ? 77 : 1;
}
