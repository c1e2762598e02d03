// SPDX-License-Identifier: Apache-2.0
#include "measure.hpp"

#include "../statistics.hpp"

#include <algorithm>
#include <cmath>

namespace rudder::bench {
namespace {

constexpr std::size_t k_checked = 150;  ///< headers of each trace and contender
constexpr double k_least_ns = 0.5;      ///< a baseline below this says nothing

/// One contender's rounds: whole runs, and what they are above the empty runs around them.
struct Series {
    std::vector<double> whole;
    std::vector<double> above;

    [[nodiscard]] Cost cost(double empty_ns) const { return {smallest(whole) - empty_ns, median(above)}; }
};

double median_ratio(const std::vector<double>& values, const std::vector<double>& units) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (units[i] >= k_least_ns) {
            ratios.push_back(values[i] / units[i]);
        }
    }
    return median(ratios);
}

double ratio_or_zero(double value, double unit) {
    return unit >= k_least_ns ? value / unit : 0;
}

/// Contenders take turns, so that what slows the machine down for a while slows all of them.
Result<Comparison> compare(KernelBench& bench, Traffic traffic, const Effort& effort) {
    std::map<Contender, Series> series;
    for (std::uint32_t round = 0; round < effort.rounds; ++round) {
        auto before = bench.run(Contender::empty, traffic, effort.packets);
        std::map<Contender, double> whole;
        for (const Contender contender : {Contender::linear, Contender::walk, Contender::linear_5_tuple}) {
            const auto run = bench.run(contender, traffic, effort.packets);
            if (!run) {
                return run.error();
            }
            whole[contender] = *run;
        }
        const auto after = bench.run(Contender::empty, traffic, effort.packets);
        if (!before || !after) {
            return before ? after.error() : before.error();
        }
        const double empty = (*before + *after) / 2;
        series[Contender::empty].whole.insert(series[Contender::empty].whole.end(), {*before, *after});
        for (const auto& [contender, ns] : whole) {
            series[contender].whole.push_back(ns);
            series[contender].above.push_back(ns - empty);
        }
    }
    const Series& linear = series[Contender::linear];
    const Series& walk = series[Contender::walk];
    Comparison result;
    result.rounds = effort.rounds;
    result.empty_ns = smallest(series[Contender::empty].whole);
    result.linear = linear.cost(result.empty_ns);
    result.linear_5_tuple = series[Contender::linear_5_tuple].cost(result.empty_ns);
    result.walk = walk.cost(result.empty_ns);
    result.ratio = median_ratio(walk.above, linear.above);
    result.ratio_5_tuple = median_ratio(walk.above, series[Contender::linear_5_tuple].above);
    result.ratio_of_best = ratio_or_zero(result.walk.best_ns, result.linear.best_ns);
    result.run_ratio = median_ratio(walk.whole, linear.whole);
    return result;
}

Status check(KernelBench& bench, Contender contender, const Policy& policy, const Trace& trace, Measurement& m) {
    const auto ranks = bench.ranks(contender, std::min(k_checked, trace.size()));
    if (!ranks) {
        return ranks.error();
    }
    for (std::size_t i = 0; i < ranks->size(); ++i) {
        m.mismatches += (*ranks)[i] != first_match(policy, trace[i]) ? 1 : 0;
    }
    m.checked += ranks->size();
    return {};
}

/// The linear scans are right about their 64 rules, the walk about all of its own.
Status check_all(KernelBench& bench, const Scenario& scenario, const Trace& trace, const Policy& linear,
                 const Trace& linear_trace, Measurement& m) {
    for (const Contender contender : {Contender::linear, Contender::linear_5_tuple}) {
        if (auto status = check(bench, contender, linear, linear_trace, m); !status) {
            return status;
        }
    }
    return check(bench, Contender::walk, scenario.policy, trace, m);
}

std::vector<Traffic> traffic_to_try(const Efforts& efforts) {
    std::vector<Traffic> result = {Traffic::warm};
    if (efforts.count(Traffic::cold) > 0) {
        result.push_back(Traffic::cold);
    }
    return result;
}

}  // namespace

Efforts efforts(double scale) {
    const auto rounds = [scale](double count) {
        return static_cast<std::uint32_t>(std::max(1.0, std::round(count * scale)));
    };
    return {
        {Traffic::warm, {rounds(60), 8192}}, {Traffic::wide, {rounds(15), 65536}}, {Traffic::cold, {rounds(5), 256}}};
}

Result<Measurement> measure(KernelBench& bench, const Scenario& scenario, const Scenario& linear,
                            const Efforts& efforts) {
    Measurement m;
    m.family = scenario.family == IpFamily::v4 ? 4 : 6;
    m.rules = scenario.policy.rules.size();
    m.build_ms = scenario.build_ms;
    m.image_bytes = scenario.image.blob.size();
    m.verified = bench.verified_instructions();
    if (auto status = bench.set_policies(scenario, linear); !status) {
        return status.error();
    }
    for (const auto& [traffic, effort] : efforts) {
        m.traffic.push_back({traffic, {}, {}});
    }
    bench.set_traces(scenario.hits, linear.hits);
    if (auto status = bench.choose_copies(traffic_to_try(efforts)); !status) {
        return status.error();
    }
    for (const bool is_hit : {true, false}) {
        const Trace& trace = is_hit ? scenario.hits : scenario.misses;
        const Trace& linear_trace = is_hit ? linear.hits : linear.misses;
        if (trace.empty() || linear_trace.empty()) {
            continue;
        }
        bench.set_traces(trace, linear_trace);
        if (auto status = check_all(bench, scenario, trace, linear.policy, linear_trace, m); !status) {
            return status.error();
        }
        for (TrafficResult& result : m.traffic) {
            auto comparison = compare(bench, result.traffic, efforts.at(result.traffic));
            if (!comparison) {
                return comparison.error();
            }
            (is_hit ? result.hit : result.miss.emplace()) = *comparison;
        }
    }
    return m;
}

}  // namespace rudder::bench
