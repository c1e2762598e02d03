// SPDX-License-Identifier: Apache-2.0
#include "random_policy.hpp"

#include "policies.hpp"
#include "random_match.hpp"

namespace rudder::test {
namespace {

Target random_target(Random& random, const Rule& rule) {
    static const char* const k_devices[] = {"out0", "out1", "down", "small", "tunnel", "gone", "narrow"};
    Target result;
    result.via = k_devices[below(random, 20) < 14 ? below(random, 2) : 2 + below(random, 5)];
    const bool is_single = rule.match.family_v4 != rule.match.family_v6;
    result.rewrite = random_rewrite(random, rule.match.family_v4 ? IpFamily::v4 : IpFamily::v6);
    if (!is_single) {
        result.rewrite.dst_ip.reset();
        result.rewrite.src_ip.reset();
    } else if (below(random, 6) == 0) {
        result.rewrite.src_ip.reset();
        result.rewrite.is_src_of_interface = true;
    }
    switch (below(random, 4)) {
        case 0: break;
        case 1: result.next_hop = address("10.0.0.2"); break;
        default: result.next_hop_mac = k_next_hop_mac; break;
    }
    return result;
}

/// Those that take copies exist: the kernel cannot send what it has cloned to a device of the table alone.
std::vector<Target> random_mirrors(Random& random) {
    static const char* const k_devices[] = {"in0", "out0", "out1", "out2", "down", "gone"};
    std::vector<Target> result;
    const unsigned chosen = 1 + below(random, 63);
    for (unsigned i = 0; i < 6; i++) {
        if ((chosen >> i & 1) != 0) {
            Target copy;
            copy.via = k_devices[i];
            if (below(random, 3) == 0) {
                copy.snap = static_cast<std::uint16_t>(64 + below(random, 100));
            }
            result.push_back(copy);
        }
    }
    return result;
}

/// Members of one family of packets, or of both when nothing in them says otherwise.
std::vector<Group> random_groups(Random& random) {
    static const char* const k_devices[] = {"out0", "out1", "down", "small", "tunnel", "gone"};
    std::vector<Group> groups(4);
    for (std::size_t g = 0; g < groups.size(); g++) {
        Group& group = groups[g];
        group.name = "g" + std::to_string(g);
        group.hash = static_cast<HashFields>(1 + below(random, 31));
        group.members.resize(1 + below(random, 5));
        for (std::size_t i = 0; i < group.members.size(); i++) {
            GroupMember& member = group.members[i];
            member.way.via = k_devices[below(random, 20) < 14 ? below(random, 2) : 2 + below(random, 4)];
            member.way.next_hop_mac = MacAddress{{2, 0, 0, 0, 3, static_cast<std::uint8_t>(i)}};
            if (g >= 2 && below(random, 2) == 0) {
                member.way.rewrite.dst_ip = address((g == 2 ? "10.7.0." : "2001:db8:7::") + std::to_string(i + 1));
            }
            member.weight = below(random, 4);
            member.tier = 1 + below(random, 2);
        }
    }
    return groups;
}

Target random_group_target(Random& random, const Rule& rule) {
    const bool is_single = rule.match.family_v4 != rule.match.family_v6;
    Target result = random_target(random, rule);
    result.via.clear();
    result.next_hop.reset();
    result.next_hop_mac.reset();
    result.group = "g" + std::to_string(is_single && below(random, 2) == 0 ? (rule.match.family_v4 ? 2u : 3u) : below(random, 2));
    return result;
}

/// Copies, of which some take the place of the original.
void make_copies(Random& random, Rule& rule) {
    rule.targets.resize(1 + below(random, 4));
    for (Target& copy : rule.targets) {
        copy = below(random, 4) == 0 ? random_group_target(random, rule) : random_target(random, rule);
        if (copy.group.empty() && below(random, 4) == 0) {
            copy.via = below(random, 2) == 0 ? "in0" : "out2";
        }
    }
    rule.original_passes = below(random, 2) == 0;
}

}  // namespace

Policy random_rules(Random& random) {
    std::vector<Rule> rules(1 + below(random, below(random, 8) == 0 ? 120 : 12));  // bit vectors hold 64 of a family
    const unsigned rare_percent = below(random, 2) == 0 ? 0 : 50;  // without any, the flow cache is in use
    for (Rule& rule : rules) {
        rule.match.interface.any = true;
        random_match(random, rule);
        if (below(random, 100) < rare_percent) random_rare(random, rule);
        if (below(random, 6) == 0) random_exclusion(random, rule);
        rule.match.direction = below(random, 3) == 0 ? Direction::egress : Direction::ingress;
        static constexpr RuleType k_types[] = {RuleType::pass,  RuleType::drop,   RuleType::steer,     RuleType::steer,     RuleType::steer,
                                               RuleType::steer, RuleType::mirror, RuleType::replicate, RuleType::replicate, RuleType::replicate};
        rule.type = k_types[below(random, 10)];
        if (rule.type == RuleType::steer) {
            rule.targets = {below(random, 3) == 0 ? random_group_target(random, rule) : random_target(random, rule)};
            rule.failure_drops = below(random, 2) == 0;
        }
        if (rule.type == RuleType::mirror) {
            rule.targets = random_mirrors(random);
        }
        if (rule.type == RuleType::replicate) {
            make_copies(random, rule);
        }
    }
    Policy result = policy(rules);
    result.groups = random_groups(random);
    return result;
}

}  // namespace rudder::test
