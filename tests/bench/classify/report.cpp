// SPDX-License-Identifier: Apache-2.0
#include "report.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace rudder::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* k_meaning =
    "ns above the empty program, median over the rounds:\n"
    "  lin64  linear scan of 64 rules of the same kind, all fields, with headers of its own;  lin5: their 5-tuples "
    "alone\n"
    "  walk   this set as it is compiled: bit vectors or decision trees\n"
    "empty    the empty program's own run: fetch a header, note a result\n"
    "x        walk to lin64, median of the rounds' own ratios;  best: of the best rounds;  run: of whole runs, empty "
    "included\n"
    "warm     1,024 headers over and over;  wide: 65,536 headers in random order\n"
    "cold     those, and before every packet twice the L2 cache is read through; the program times itself from then "
    "on\n"
    "         (empty: two clock readings)\n\n";

std::string columns(const Comparison& c) {
    return fmt::format("{:>7.1f}{:>7.1f}{:>7.1f}{:>7.1f}{:>7.2f}{:>6.2f}{:>6.2f}", c.empty_ns, c.linear.median_ns,
                       c.linear_5_tuple.median_ns, c.walk.median_ns, c.ratio, c.ratio_of_best, c.run_ratio);
}

Json to_json(const Cost& cost) {
    return {{"best_ns", cost.best_ns}, {"median_ns", cost.median_ns}};
}

Json to_json(const Comparison& c) {
    return {{"empty_ns", c.empty_ns},
            {"linear_64", to_json(c.linear)},
            {"linear_64_5_tuple", to_json(c.linear_5_tuple)},
            {"walk", to_json(c.walk)},
            {"ratio", c.ratio},
            {"ratio_5_tuple", c.ratio_5_tuple},
            {"ratio_of_best", c.ratio_of_best},
            {"run_ratio", c.run_ratio},
            {"rounds", c.rounds}};
}

}  // namespace

std::string table_header() {
    const std::string half =
        fmt::format("{:>7}{:>7}{:>7}{:>7}{:>7}{:>6}{:>6}", "empty", "lin64", "lin5", "walk", "x", "best", "run");
    const std::string groups = fmt::format("{:<29} |{:^47} |{:^47} |\n", "", "hits", "misses");
    return k_meaning + groups +
           fmt::format("{:<13}{:>3}{:>7}{:>6} |{} |{} |{:>9}{:>10}{:>9}{:>6}\n", "set", "ip", "rules", "", half, half,
                       "build ms", "bytes", "verified", "wrong");
}

std::string table_lines(const Measurement& m) {
    std::string lines;
    for (const TrafficResult& result : m.traffic) {
        lines += fmt::format("{:<13}{:>3}{:>7}{:>6} |{} |{:^47} |", m.set, m.family, m.rules, to_string(result.traffic),
                             columns(result.hit), result.miss ? columns(*result.miss) : "nearly every header hits");
        lines += &result == &m.traffic.front()
                     ? fmt::format("{:>9.1f}{:>10}{:>9}{:>6}\n", m.build_ms, m.image_bytes, m.verified, m.mismatches)
                     : "\n";
    }
    return lines;
}

std::string to_json(const std::vector<Measurement>& measurements) {
    Json all = Json::array();
    for (const Measurement& m : measurements) {
        Json traffic = Json::object();
        for (const TrafficResult& result : m.traffic) {
            traffic[to_string(result.traffic)] = {{"hit", to_json(result.hit)},
                                                  {"miss", result.miss ? to_json(*result.miss) : Json(nullptr)}};
        }
        all.push_back({{"set", m.set},
                       {"family", m.family},
                       {"rules", m.rules},
                       {"build_ms", m.build_ms},
                       {"image_bytes", m.image_bytes},
                       {"verified_instructions", m.verified},
                       {"checked", m.checked},
                       {"mismatches", m.mismatches},
                       {"traffic", traffic}});
    }
    return all.dump(1) + "\n";
}

}  // namespace rudder::bench
