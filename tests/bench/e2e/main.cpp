// SPDX-License-Identifier: Apache-2.0
/// End to end on one core: generator, in0, the contender, out0, sink.
#include "contenders.hpp"
#include "report.hpp"
#include "rounds.hpp"
#include "workloads.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>

#include <sys/resource.h>
#include <unistd.h>

using namespace rudder;
using namespace rudder::bench;

namespace {

constexpr int k_skipped = 77;
constexpr std::size_t k_flows = 4096;
constexpr int k_nice = -20;
constexpr double k_most_lost = 0.05;

struct Options {
    std::vector<std::size_t> sizes = {64, 1000, 10000};
    std::vector<std::string> kinds = {"acl", "fw", "ipc"};
    std::vector<std::string> contenders = {"program", "forwarding", "rudder", "nft-list", "nft-map", "replicate"};
    std::vector<std::uint32_t> targets = {12};
    std::size_t most_listed = 1000;
    int cpu = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)) - 1;
    std::string json;
    E2eEffort effort;

    [[nodiscard]] bool wants(const char* kind) const {
        return std::count(contenders.begin(), contenders.end(), kind) > 0;
    }
};

Status add(std::vector<Contender>& contenders, Result<Contender> contender) {
    if (!contender) return contender.error();
    contenders.push_back(std::move(contender).value());
    return {};
}

Workload with_few_flows(Workload workload) {
    workload.name += fmt::format(", {} flows", k_flows);
    workload.trace.resize(k_flows);
    return workload;
}

/// rudderd with as many different headers as possible and with 4,096 of them; nftables with the former, on acl sets.
Status add_set(std::vector<Contender>& contenders, const Options& options, const Lab& lab, Kind kind,
               std::size_t size) {
    const auto wide = steer_workload(lab, kind, size, k_wide_headers);
    if (options.wants("rudder")) {
        if (auto status = add(contenders, rudder_contender(lab, wide, 1)); !status) return status;
        // One of its own: the flow cache of the other has learnt what its traffic is like.
        if (auto status = add(contenders, rudder_contender(lab, with_few_flows(wide), 1)); !status) return status;
    }
    const bool has_nft = kind == Kind::acl && run_command("nft --version");
    if (has_nft && options.wants("nft-list") && size <= options.most_listed)
        if (auto status = add(contenders, nft_list_contender(wide)); !status) return status;
    if (has_nft && options.wants("nft-map"))
        if (auto status = add(contenders, nft_map_contender(wide)); !status) return status;
    return {};
}

Result<E2eResult> steering(Generator& generator, const Lab& lab, const Options& options) {
    const auto one = steer_workload(lab, Kind::acl, 1, k_wide_headers);
    const auto unit = program_contender(generator, lab, "bare redirect", "e2e_bare", one, 1);
    std::vector<Contender> contenders;
    if (options.wants("program"))
        contenders.push_back(
            program_contender(generator, lab, "hand-written for one next hop", "e2e_handwritten", one, 1));
    if (options.wants("forwarding")) contenders.push_back(forwarding_contender(one));
    if (options.wants("rudder"))
        if (auto status = add(contenders, rudder_contender(lab, one, 1)); !status) return status.error();
    for (const Kind kind : {Kind::acl, Kind::fw, Kind::ipc}) {
        if (std::count(options.kinds.begin(), options.kinds.end(), to_string(kind)) == 0) continue;
        for (const std::size_t size : options.sizes)
            if (auto status = add_set(contenders, options, lab, kind, size); !status) return status.error();
    }
    auto standings = run_rounds(generator, unit, contenders, options.effort);
    if (!standings) return standings.error();
    return E2eResult{"steering on one core (bare redirect = 1)", std::move(standings).value()};
}

Result<E2eResult> replication(Generator& generator, const Lab& lab, const Options& options, std::uint32_t targets) {
    const auto workload = replicate_workload(lab, targets);
    if (auto status = generator.set_targets(clone_targets(lab, workload)); !status) return status.error();
    const auto unit = program_contender(generator, lab, "hand-written clone loop", "e2e_clone_loop", workload, targets);
    auto ours = rudder_contender(lab, workload, targets);
    if (!ours) return ours.error();
    auto standings = run_rounds(generator, unit, {*ours}, options.effort);
    if (!standings) return standings.error();
    return E2eResult{fmt::format("replication to {} on one core (clone loop = 1)", targets),
                     std::move(standings).value()};
}

/// Prints the table and keeps the result for the JSON. *Errors*: a figure of frames that mostly got lost says nothing.
Status conclude(Result<E2eResult> result, std::vector<E2eResult>& all) {
    if (!result) return result.error();
    std::fputs(to_table(*result).c_str(), stdout);
    std::fflush(stdout);
    all.push_back(std::move(result).value());
    for (const Standing& standing : all.back().standings)
        if (standing.worst_loss > k_most_lost) return Error{standing.name + " does not deliver what it is sent"};
    return {};
}

Status run(const Options& options, std::vector<E2eResult>& all) {
    auto lab = make_lab();
    if (!lab) return lab.error();
    if (auto status = pin_to_cpu(options.cpu); !status) return status;
    setpriority(PRIO_PROCESS, 0, k_nice);  // preemption is not counted, but it cools the caches
    auto generator = Generator::open(*lab, options.cpu);
    if (!generator) return generator.error();
    if (auto status = (*generator)->set_targets(clone_targets(*lab, replicate_workload(*lab, 1))); !status)
        return status;
    if (auto status = conclude(steering(**generator, *lab, options), all); !status) return status;
    for (const std::uint32_t targets : options.targets) {
        if (!options.wants("replicate")) break;
        if (auto status = conclude(replication(**generator, *lab, options, targets), all); !status) return status;
    }
    return {};
}

void add_options(CLI::App& app, Options& options) {
    app.add_option("--contenders", options.contenders, "program forwarding rudder nft-list nft-map replicate")
        ->check(CLI::IsMember({"program", "forwarding", "rudder", "nft-list", "nft-map", "replicate"}));
    app.add_option("--kinds", options.kinds, "of rule sets")->check(CLI::IsMember({"acl", "fw", "ipc"}));
    app.add_option("--sizes", options.sizes, "numbers of rules");
    app.add_option("--targets", options.targets, "of the replicated stream")->check(CLI::Range(1, 64));
    app.add_option("--most-listed", options.most_listed, "rules in a chain of nftables: each costs every packet");
    app.add_option("--rounds", options.effort.rounds, "bursts of each contender")->check(CLI::PositiveNumber);
    app.add_option("--burst-ms", options.effort.burst_ms, "length of a burst")->check(CLI::PositiveNumber);
    app.add_option("--cpu", options.cpu, "where everything runs");
    app.add_option("--json", options.json, "write the results there");
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{"Frames of 64 bytes through veth pairs on one core; ns of processor time for each at the sink"};
    add_options(app, options);
    CLI11_PARSE(app, argc, argv);
    std::vector<E2eResult> all;
    const auto status = run(options, all);
    if (!options.json.empty()) std::ofstream(options.json) << to_json(all);
    if (status) return 0;
    fmt::print(stderr, "bench_e2e: {}\n", status.error().message);
    return status.error().code == EPERM || status.error().code == EOPNOTSUPP ? k_skipped : 1;
}
