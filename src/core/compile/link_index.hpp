// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/topology.hpp"

#include <string>
#include <string_view>
#include <unordered_map>

namespace rudder {

/// find_link() for many questions to one topology, which must outlive it: names come before altnames, the lower ifindex
/// before the higher.
class LinkIndex {
public:
    explicit LinkIndex(const Topology& topology) {
        for (const auto& entry : topology.links) {
            links_.try_emplace(entry.second.name, &entry.second);
        }
        for (const auto& entry : topology.links) {
            for (const std::string& altname : entry.second.altnames) {
                links_.try_emplace(altname, &entry.second);
            }
        }
    }

    [[nodiscard]] const Link* find(std::string_view name) const {
        const auto found = links_.find(name);
        return found == links_.end() ? nullptr : found->second;
    }

private:
    std::unordered_map<std::string_view, const Link*> links_;
};

}  // namespace rudder
