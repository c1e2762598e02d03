// SPDX-License-Identifier: Apache-2.0
#include "report.hpp"

#include "../statistics.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace rudder::bench {
namespace {

double largest(const std::vector<double>& values) {
    return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

}  // namespace

std::string to_table(const E2eResult& result) {
    std::string text =
        fmt::format("\n{:<50}{:>7}{:>9}{:>8}{:>12}{:>8}\n", result.title, "ns", "best ns", "ratio", "from-to", "lost");
    for (const Standing& s : result.standings) {
        text += fmt::format("{:<50}{:>7.0f}{:>9.0f}{:>8.3f}{:>12}{:>7.2f}%\n", s.name, median(s.ns_per_frame),
                            smallest(s.ns_per_frame), median(s.ratios),
                            fmt::format("{:.2f}-{:.2f}", smallest(s.ratios), largest(s.ratios)),
                            std::max(0.0, s.worst_loss) * 100);
    }
    return text;
}

std::string to_json(const std::vector<E2eResult>& results) {
    using Json = nlohmann::ordered_json;
    Json all = Json::array();
    for (const E2eResult& result : results) {
        Json standings = Json::array();
        for (const Standing& s : result.standings) {
            standings.push_back({{"kind", s.kind},
                                 {"name", s.name},
                                 {"set", s.set},
                                 {"rules", s.rules},
                                 {"headers", s.headers},
                                 {"copies", s.copies},
                                 {"ns_per_frame", median(s.ns_per_frame)},
                                 {"best_ns_per_frame", smallest(s.ns_per_frame)},
                                 {"ratio", median(s.ratios)},
                                 {"lowest_ratio", smallest(s.ratios)},
                                 {"highest_ratio", largest(s.ratios)},
                                 {"worst_loss", std::max(0.0, s.worst_loss)},
                                 {"rounds", s.ns_per_frame.size()}});
        }
        all.push_back({{"title", result.title}, {"contenders", standings}});
    }
    return all.dump(1) + "\n";
}

}  // namespace rudder::bench
