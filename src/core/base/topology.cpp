// SPDX-License-Identifier: Apache-2.0
#include "core/base/topology.hpp"

#include <algorithm>
#include <array>
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

IpAddress last_address(const IpPrefix& network) {
    IpAddress last = network.address;
    for (unsigned bit = network.length; bit < 32; ++bit)
        last.bytes[bit / 8] |= static_cast<std::uint8_t>(0x80U >> bit % 8);
    return last;
}

/// What a port receives or sends passes its bridge or bond too, and would be matched twice. A VRF has no hook of its own on the way.
bool is_port(const Link& link) { return !link.slave_kind.empty() && link.slave_kind != "vrf"; }

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

namespace {

bool is_in_network_of(const LinkAddress& own, const std::optional<IpAddress>& next) {
    return next && prefix_around(own.peer.value_or(own.address), own.prefix_length).contains(*next);
}

/// How well `own` serves as a source towards `next`: the greater the better; empty if it must not be one.
std::optional<std::array<unsigned, 4>> source_merit(const LinkAddress& own, const std::optional<IpAddress>& next) {
    const bool is_wide_enough = own.scope == AddressScope::global || own.scope == AddressScope::site;
    if (own.is_tentative || !is_wide_enough) return std::nullopt;
    const unsigned network_merit = is_in_network_of(own, next) ? 1U + own.prefix_length : 0U;
    return std::array<unsigned, 4>{own.is_deprecated ? 0U : 1U, network_merit,
                                   own.scope == AddressScope::global ? 1U : 0U, own.is_secondary ? 0U : 1U};
}

}  // namespace

const LinkAddress* source_address(const Link& link, IpFamily family, const std::optional<IpAddress>& next) {
    const LinkAddress* best = nullptr;
    std::optional<std::array<unsigned, 4>> best_merit;
    for (const LinkAddress& own : link.addresses) {
        if (own.address.family != family) continue;
        const auto merit = source_merit(own, next);
        if (!merit || (best_merit && *merit <= *best_merit)) continue;
        best = &own;
        best_merit = merit;
    }
    return best;
}

std::set<IpAddress> broadcast_addresses(const Topology& topology) {
    std::set<IpAddress> found = {last_address({{}, 0})};
    for (const auto& [ifindex, link] : topology.links) {
        for (const LinkAddress& own : link.addresses) {
            if (own.address.family != IpFamily::v4 || own.prefix_length > 30) continue;
            found.insert(last_address(prefix_around(own.peer.value_or(own.address), own.prefix_length)));
            if (own.broadcast) found.insert(*own.broadcast);
        }
    }
    return found;
}

bool selects(const InterfaceSelector& selector, const Link& link) {
    const bool is_included = (selector.any && !link.is_loopback && !is_port(link)) || matches_a_name(selector.include, link);
    return is_included && !matches_a_name(selector.exclude, link);
}

}  // namespace rudder
