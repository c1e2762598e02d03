// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/multicast/membership.hpp"

#include <initializer_list>
#include <string>
#include <vector>

/// Rules that join, the devices they select, and their memberships, in few words.
namespace rudder::test {

inline IpAddress ip(const char* text) { return parse_ip_address(text).value(); }

inline Rule joining_rule(const char* name, std::vector<std::string> interfaces, std::initializer_list<const char*> groups,
                         std::initializer_list<const char*> sources = {}) {
    Rule rule;
    rule.name = name;
    rule.type = RuleType::replicate;
    rule.match.interface.include = std::move(interfaces);
    for (const char* group : groups) rule.match.dst.push_back({ip(group), static_cast<std::uint8_t>(ip(group).bits())});
    rule.join.emplace();
    for (const char* source : sources) rule.join->sources.push_back(ip(source));
    return rule;
}

inline void add_link(Links& links, std::uint32_t ifindex, const char* name, bool is_up = true) {
    Link link;
    link.ifindex = ifindex;
    link.name = name;
    link.mtu = 1500;
    link.is_up = is_up;
    links[ifindex] = link;
}

inline Links two_links() {
    Links links;
    add_link(links, 2, "eth0");
    add_link(links, 3, "eth1");
    return links;
}

inline Membership any_source(std::uint32_t ifindex, const char* group) { return {ifindex, ip(group), std::nullopt}; }
inline Membership from(std::uint32_t ifindex, const char* group, const char* source) {
    return {ifindex, ip(group), ip(source)};
}

}  // namespace rudder::test
