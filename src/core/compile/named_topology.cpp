// SPDX-License-Identifier: Apache-2.0
#include "core/compile/named_topology.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

namespace rudder {
namespace {

constexpr std::string_view k_digits = "0123456789";

/// A name for which the pattern stands, its wildcards replaced by a digit.
std::string name_like(std::string pattern, char digit) {
    std::replace_if(
        pattern.begin(), pattern.end(), [](char c) { return c == '*' || c == '?'; }, digit);
    return pattern;
}

/// The selector's name for the pattern; one that its exclusions leave in, where the pattern has a choice.
std::string selected_name(const InterfaceSelector& selector, const std::string& pattern) {
    Link link;
    for (const char digit : k_digits) {
        link.name = name_like(pattern, digit);
        if (selects(selector, link)) break;
    }
    return link.name;
}

void add_names(const InterfaceSelector& selector, std::set<std::string>& names) {
    for (const std::string& pattern : selector.include) names.insert(selected_name(selector, pattern));
    if (selector.any) names.insert(selected_name(selector, "net?"));
}

Link link_named(const std::string& name, std::uint32_t ifindex) {
    Link link;
    link.ifindex = ifindex;
    link.name = name;
    link.mac = {{2, 0, static_cast<std::uint8_t>(ifindex >> 24), static_cast<std::uint8_t>(ifindex >> 16),
                 static_cast<std::uint8_t>(ifindex >> 8), static_cast<std::uint8_t>(ifindex)}};
    link.mtu = 1500;
    link.is_up = true;
    for (const char* own : {"192.0.2.1", "2001:db8::1"}) {
        LinkAddress address;
        address.address = *parse_ip_address(own);
        address.prefix_length = static_cast<std::uint8_t>(address.address.bits());
        link.addresses.push_back(address);
    }
    return link;
}

}  // namespace

Topology named_topology(const Policy& policy) {
    std::set<std::string> names;
    for (const Rule& rule : policy.rules) {
        add_names(rule.match.interface, names);
        for (const Target& target : rule.targets) names.insert(target.via);
    }
    for (const Group& group : policy.groups) {
        for (const GroupMember& member : group.members) names.insert(member.way.via);
    }
    names.erase("");
    Topology topology;
    for (const std::string& name : names) {
        const auto ifindex = static_cast<std::uint32_t>(topology.links.size() + 1);
        topology.links.emplace(ifindex, link_named(name, ifindex));
    }
    return topology;
}

}  // namespace rudder
