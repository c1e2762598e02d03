// SPDX-License-Identifier: Apache-2.0
#include "core/compile/stacking.hpp"

#include <set>

namespace rudder {

Stacking::Stacking(const Topology& topology) {
    for (const auto& [ifindex, link] : topology.links) {
        if (link.master != 0) {
            above_[ifindex].push_back(link.master);
        }
        if (link.lower != 0) {
            above_[link.lower].push_back(ifindex);
        }
    }
}

bool Stacking::leads_to(std::uint32_t ifindex, const std::function<bool(std::uint32_t)>& wanted) const {
    std::set<std::uint32_t> seen{ifindex};
    std::vector<std::uint32_t> open{ifindex};
    while (!open.empty()) {
        const auto found = above_.find(open.back());
        open.pop_back();
        if (found == above_.end()) {
            continue;
        }
        for (const std::uint32_t above : found->second) {
            if (wanted(above)) {
                return true;
            }
            if (seen.insert(above).second) {
                open.push_back(above);
            }
        }
    }
    return false;
}

}  // namespace rudder
