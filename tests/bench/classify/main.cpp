// SPDX-License-Identifier: Apache-2.0
#include "classify_bench.h"
#include "kernel_bench.hpp"
#include "measure.hpp"
#include "report.hpp"
#include "ruleset_file.hpp"
#include "../ruleset_generator.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

/// `bench_classify`: what a classification costs beside linear scans in the same run, as a table and JSON.
namespace {

using namespace rudder;
using namespace rudder::bench;

constexpr int k_skipped = 77;
/// Half of what the kernel allows a program.
constexpr std::uint32_t k_most_verified = 500'000;
constexpr std::size_t k_linear_rules = 64;
constexpr std::uint64_t k_linear_seed = 7;

struct Options {
    std::vector<std::size_t> sizes = {1, 64, 1000, 10000, 100000};
    std::vector<std::string> kinds = {"acl", "fw", "ipc"};
    std::vector<int> families = {4, 6};
    std::vector<std::string> traffic = {"warm", "wide", "cold"};
    std::vector<std::string> files;
    std::vector<std::string> traces;
    std::string json;
    double effort = 1;
    std::size_t copies = 12;
};

/// The scenarios one after the other, on programs that are loaded once for each tier.
class Session {
public:
    explicit Session(const Options& options) : json_(options.json), copies_(options.copies) {
        for (const auto& [traffic, effort] : efforts(options.effort)) {
            const bool is_wanted = std::count(options.traffic.begin(), options.traffic.end(), to_string(traffic)) > 0;
            if (is_wanted && (traffic != Traffic::cold || has_cold())) {
                efforts_[traffic] = effort;
            }
        }
    }

    /// Measures, prints the lines and keeps the result.
    Status add(const std::string& set, const Scenario& scenario, const Scenario& linear) {
        auto bench = benches_.find(scenario.image.tier);
        if (bench == benches_.end()) {
            auto loaded = KernelBench::load(scenario.image.tier, copies_);
            if (!loaded) {
                return loaded.error();
            }
            bench = benches_.emplace(scenario.image.tier, std::move(loaded).value()).first;
        }
        auto measured = measure(bench->second, scenario, linear, efforts_);
        if (!measured) {
            return measured.error();
        }
        measured->set = set;
        std::cout << table_lines(*measured) << std::flush;
        all_.push_back(std::move(measured).value());
        return {};
    }

    /// True if every rank was right and the verifier's work stayed below the limit. Writes the JSON.
    [[nodiscard]] bool finish() const {
        if (!json_.empty()) {
            std::ofstream(json_) << to_json(all_);
        }
        return std::all_of(all_.begin(), all_.end(),
                           [](const Measurement& m) { return m.mismatches == 0 && m.verified < k_most_verified; });
    }

private:
    std::string json_;
    std::size_t copies_;
    Efforts efforts_;
    std::map<std::size_t, KernelBench> benches_;
    std::vector<Measurement> all_;
};

Status add_generated(Session& session, Kind kind, IpFamily family, const std::vector<std::size_t>& sizes) {
    const auto linear =
        make_scenario(generate_policy({kind, family, k_linear_rules, k_linear_seed}), family, BENCH_TRACE);
    if (!linear) {
        return linear.error();
    }
    for (const std::size_t rules : sizes) {
        const auto scenario = make_scenario(generate_policy({kind, family, rules, 1}), family, BENCH_TRACE);
        if (!scenario) {
            return scenario.error();
        }
        if (auto status = session.add(to_string(kind), *scenario, *linear); !status) {
            return status;
        }
    }
    return {};
}

Status run_generated(const Options& options, Session& session) {
    for (const int family : options.families) {
        for (const Kind kind : {Kind::acl, Kind::fw, Kind::ipc}) {
            if (std::count(options.kinds.begin(), options.kinds.end(), to_string(kind)) == 0) {
                continue;
            }
            const IpFamily ip = family == 4 ? IpFamily::v4 : IpFamily::v6;
            if (auto status = add_generated(session, kind, ip, options.sizes); !status) {
                return status;
            }
        }
    }
    return {};
}

/// The linear scans take the first rules of the file, with headers that hit these.
Status add_file(Session& session, const std::string& path, const std::string& trace_path) {
    auto policy = read_ruleset(path);
    if (!policy) {
        return policy.error();
    }
    auto trace = trace_path.empty() ? Result<Trace>(Trace{}) : read_trace(trace_path, *policy);
    if (!trace) {
        return trace.error();
    }
    const IpFamily family = policy->rules[0].match.family_v4 ? IpFamily::v4 : IpFamily::v6;
    Policy first = *policy;
    first.rules.resize(std::min(k_linear_rules, first.rules.size()));
    const auto linear = make_scenario(std::move(first), family, BENCH_TRACE);
    const auto scenario = make_scenario(std::move(policy).value(), family, BENCH_TRACE, std::move(trace).value());
    if (!linear || !scenario) {
        return linear ? scenario.error() : linear.error();
    }
    const std::string name = path.substr(path.rfind('/') + 1);
    return session.add(name.substr(0, name.find('.')), *scenario, *linear);
}

Status run_files(const Options& options, Session& session) {
    for (std::size_t i = 0; i < options.files.size(); ++i) {
        const std::string trace = i < options.traces.size() ? options.traces[i] : "";
        if (auto status = add_file(session, options.files[i], trace); !status) {
            return status;
        }
    }
    return {};
}

void add_options(CLI::App& app, Options& options) {
    app.add_option("--sizes", options.sizes, "numbers of rules to generate");
    app.add_option("--kinds", options.kinds, "of rule sets to generate")->check(CLI::IsMember({"acl", "fw", "ipc"}));
    app.add_option("--families", options.families, "of rule sets to generate")->check(CLI::IsMember({4, 6}));
    app.add_option("--traffic", options.traffic, "kinds of traffic")->check(CLI::IsMember({"warm", "wide", "cold"}));
    app.add_option("--file", options.files,
                   "ClassBench sets instead (CSV: priority,src,sport lo,hi,dst,dport lo,hi,proto,mask)");
    app.add_option("--trace", options.traces, "their traces, in the same order; drawn from the rules without");
    app.add_option("--json", options.json, "write the results there");
    app.add_option("--effort", options.effort, "times the usual number of rounds")->check(CLI::PositiveNumber);
    app.add_option("--copies", options.copies, "of each program, of which the fastest counts")
        ->check(CLI::PositiveNumber);
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{"What a classification costs in the kernel, beside a linear scan of 64 rules in the same run"};
    add_options(app, options);
    CLI11_PARSE(app, argc, argv);
    const auto first = KernelBench::load(0, 1);
    if (!first) {
        std::cerr << "skipped: " << first.error().message << "\n";
        return k_skipped;
    }
    Session session(options);
    std::cout << table_header();
    const Status status = options.files.empty() ? run_generated(options, session) : run_files(options, session);
    if (!status) {
        std::cerr << "bench_classify: " << status.error().message << "\n";
    }
    return session.finish() && status ? 0 : 1;
}
