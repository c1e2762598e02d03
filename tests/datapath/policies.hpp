// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "datapath.hpp"

#include <utility>

/// Short ways to say a policy.
namespace rudder::test {

inline const MacAddress k_next_hop_mac{{2, 0, 0, 0, 0, 0x77}};

inline IpPrefix prefix(const std::string& text) { return *parse_ip_prefix(text).prefix; }

inline Rule rule(RuleType type, const std::string& dst, Direction direction = Direction::ingress) {
    Rule result;
    result.name = "r";
    result.type = type;
    result.match.interface.include = {"in0"};
    result.match.direction = direction;
    if (!dst.empty()) {
        result.match.dst = {prefix(dst)};
        result.match.family_v4 = result.match.dst[0].address.family == IpFamily::v4;
        result.match.family_v6 = !result.match.family_v4;
    }
    return result;
}

inline Target target(const std::string& via, Rewrite rewrite = {}) {
    Target result;
    result.via = via;
    result.next_hop_mac = k_next_hop_mac;
    result.rewrite = std::move(rewrite);
    return result;
}

/// Steers `dst` out of out0 to k_next_hop_mac.
inline Rule steer(const std::string& dst, Rewrite rewrite = {}, Direction direction = Direction::ingress) {
    Rule result = rule(RuleType::steer, dst, direction);
    result.targets = {target("out0", std::move(rewrite))};
    return result;
}

inline Policy policy(std::vector<Rule> rules) {
    Policy result;
    for (std::size_t i = 0; i < rules.size(); i++) {
        rules[i].priority = static_cast<std::uint32_t>(10 * (i + 1));
        if (rules.size() > 1) {
            rules[i].name = "r" + std::to_string(i);
        }
    }
    result.rules = std::move(rules);
    return result;
}

/// The same, without the flow cache: a rule that takes none of the tests' packets looks at the TTL.
inline Policy uncached(Policy policy) {
    Rule stranger = rule(RuleType::pass, "203.0.113.0/24");
    stranger.name = "stranger";
    stranger.priority = policy.rules.back().priority + 1;
    RareMatch rare;
    rare.ttls = {{1, 1}};
    stranger.match.rare = rare;
    policy.rules.push_back(stranger);
    return policy;
}

inline const Link& link_named(const std::string& name) { return *find_link(topology(), name); }

/// From the outside to in0.
inline Ethernet arriving() { return {link_named("in0").mac, MacAddress{{2, 0, 0, 0, 0, 9}}, {}}; }
/// From out0 to the static next hop.
inline Ethernet leaving(const std::string& via = "out0") { return {k_next_hop_mac, link_named(via).mac, {}}; }

}  // namespace rudder::test
