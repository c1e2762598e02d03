// SPDX-License-Identifier: Apache-2.0
#include "core/base/subtract.hpp"

namespace rudder {

std::vector<ValueRange> without(const std::vector<ValueRange>& ranges, const std::vector<ValueRange>& taken) {
    std::vector<ValueRange> rest;
    for (const ValueRange& range : ranges) {
        std::uint64_t next = range.first;
        for (const ValueRange& gap : taken) {
            if (gap.last < next || gap.first > range.last) continue;
            if (gap.first > next) rest.push_back({static_cast<std::uint32_t>(next), gap.first - 1});
            next = std::uint64_t{gap.last} + 1;
        }
        if (next <= range.last) rest.push_back({static_cast<std::uint32_t>(next), range.last});
    }
    return rest;
}

}  // namespace rudder
