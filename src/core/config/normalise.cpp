// SPDX-License-Identifier: Apache-2.0
#include "core/config/normalise.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace rudder {
namespace {

template <class Range>
void merge(std::vector<Range>& ranges) {
    if (ranges.size() < 2) return;
    std::sort(ranges.begin(), ranges.end());
    std::size_t kept = 0;
    for (std::size_t i = 1; i < ranges.size(); ++i) {
        if (ranges[i].first <= std::uint64_t{ranges[kept].last} + 1)
            ranges[kept].last = std::max(ranges[kept].last, ranges[i].last);
        else
            ranges[++kept] = ranges[i];
    }
    ranges.resize(kept + 1);
}

}  // namespace

void normalise(std::vector<IpPrefix>& prefixes) {
    if (prefixes.size() < 2) return;
    std::sort(prefixes.begin(), prefixes.end());
    std::size_t kept = 0;
    for (std::size_t i = 1; i < prefixes.size(); ++i)  // a container sorts just before all it contains
        if (!prefixes[kept].contains(prefixes[i])) prefixes[++kept] = prefixes[i];
    prefixes.resize(kept + 1);
}

void normalise(std::vector<PortRange>& ranges) {
    merge(ranges);
}

void normalise(std::vector<ValueRange>& ranges) {
    merge(ranges);
}

}  // namespace rudder
