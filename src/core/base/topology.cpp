// SPDX-License-Identifier: Apache-2.0
#include "core/base/topology.hpp"

#include <algorithm>
#include <string_view>

namespace rudder {
namespace {

/// glob(7) with `*` and `?` only. Work is at most the product of the lengths: on a mismatch only the last star grows.
bool is_glob_match(std::string_view pattern, std::string_view text) {
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos;
    std::size_t star_text = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            star_text = t;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++star_text;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool matches_a_name(const std::vector<std::string>& patterns, const Link& link) {
    return std::any_of(patterns.begin(), patterns.end(), [&link](const std::string& pattern) {
        return is_glob_match(pattern, link.name) ||
               std::any_of(link.altnames.begin(), link.altnames.end(),
                           [&pattern](const std::string& altname) { return is_glob_match(pattern, altname); });
    });
}

}  // namespace

const Link* find_link(const Topology& topology, const std::string& name) {
    for (const auto& [ifindex, link] : topology.links) {
        if (link.name == name) return &link;
    }
    for (const auto& [ifindex, link] : topology.links) {
        if (std::find(link.altnames.begin(), link.altnames.end(), name) != link.altnames.end()) return &link;
    }
    return nullptr;
}

bool selects(const InterfaceSelector& selector, const Link& link) {
    const bool is_included = (selector.any && !link.is_loopback) || matches_a_name(selector.include, link);
    return is_included && !matches_a_name(selector.exclude, link);
}

}  // namespace rudder
