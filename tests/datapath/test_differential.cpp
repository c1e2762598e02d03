// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"
#include "policies.hpp"
#include "random_frame.hpp"
#include "random_match.hpp"

#include "rudder_abi.h"

#include <catch2/catch.hpp>

#include <cerrno>
#include <cstdlib>

using namespace rudder;
using namespace rudder::test;

namespace {

constexpr int k_refused_by_kernel = -1000 - EINVAL;
constexpr std::uint64_t k_pairs = 1000000;
constexpr int k_packets_of_a_policy = 400;

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

ModelTables tables_of(const Policy& rules, const Topology& topology, const DeadMembers& dead) {
    ModelTables tables;
    for (const Group& group : rules.groups) {
        GroupEntry entry{group_key(group).members, 0};
        for (std::size_t i = 0; i < group.members.size(); i++) {
            const Link* link = find_link(topology, group.members[i].way.via);
            const bool is_alive = link != nullptr && link->is_up && !dead.contains({group.name, entry.members[i].identity});
            entry.alive |= std::uint64_t{is_alive} << i;
        }
        tables[group.name] = group_table(entry);
    }
    return tables;
}

DeadMembers random_dead(Random& random, const Policy& rules) {
    DeadMembers dead;
    for (const Group& group : rules.groups) {
        for (const GroupMember& member : group.members) {
            if (below(random, 4) == 0) {
                dead.insert({group.name, member_identity(member)});
            }
        }
    }
    return dead;
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

Policy random_rules(Random& random) {
    std::vector<Rule> rules(1 + below(random, 12));
    for (Rule& rule : rules) {
        rule.match.interface.any = true;
        random_match(random, rule);
        if (below(random, 3) == 0) random_rare(random, rule);
        if (below(random, 6) == 0) random_exclusion(random, rule);
        rule.match.direction = below(random, 3) == 0 ? Direction::egress : Direction::ingress;
        static constexpr RuleType k_types[] = {RuleType::pass,  RuleType::drop,  RuleType::steer,
                                               RuleType::steer, RuleType::steer, RuleType::mirror};
        rule.type = k_types[below(random, 6)];
        if (rule.type == RuleType::steer) {
            rule.targets = {below(random, 3) == 0 ? random_group_target(random, rule) : random_target(random, rule)};
            rule.failure_drops = below(random, 2) == 0;
        }
        if (rule.type == RuleType::mirror) {
            rule.targets = random_mirrors(random);
        }
    }
    Policy result = policy(rules);
    result.groups = random_groups(random);
    return result;
}

LinkAddress own(const char* text, unsigned prefix_length) {
    LinkAddress result;
    result.address = address(text);
    result.prefix_length = static_cast<std::uint8_t>(prefix_length);
    return result;
}

/// Devices beside the real ones that only the next-hop table knows.
Topology wider_topology() {
    Topology result = topology();
    const auto add = [&result](std::uint32_t ifindex, const char* name, auto change) {
        Link link;
        link.ifindex = ifindex;
        link.name = name;
        link.mac = MacAddress{{2, 0, 0, 0, 1, static_cast<std::uint8_t>(ifindex)}};
        link.mtu = 1500;
        link.is_up = true;
        change(link);
        result.links.emplace(ifindex, link);
    };
    add(201, "down", [](Link& link) { link.is_up = false; });
    add(202, "small", [](Link& link) { link.mtu = 68; });
    add(203, "tunnel", [](Link& link) { link.is_layer3 = true; link.mac = {}; });
    add(204, "narrow", [](Link& link) { link.mtu = 1280; });
    result.links[link_named("out2").ifindex].mtu = 68;
    result.links[link_named("out2").ifindex].addresses = {own("10.0.0.2", 8), own("2001:db8::2", 64)};
    result.links[link_named("in0").ifindex].addresses = {own("192.0.2.254", 24), own("2001:db8::fe", 64)};
    result.links[link_named("out0").ifindex].addresses = {own("192.0.2.1", 24), own("2001:db8:7::1", 64)};
    result.links[link_named("out1").ifindex].addresses = {own("192.0.2.129", 25)};
    result.links[203].addresses = {own("2001:db8:8::1", 64)};
    return result;
}

void answer_queries(Random& random, const Policy& policy, Topology& topology) {
    for (const NextHopQuery& query : next_hop_queries(policy, topology)) {
        NextHopAnswer answer;
        answer.is_reachable = true;
        answer.gateway = query.address;
        if (below(random, 2) == 0) {
            answer.mac = MacAddress{{2, 0, 0, 0, 2, query.address.bytes[3]}};
        }
        topology.next_hops[query] = answer;
    }
}

std::string describe(const Policy& policy) {
    std::string text;
    for (const Rule& rule : policy.rules) {
        text += to_string(rule.type) + " " + to_string(rule.match.direction) + " " + match_to_string(rule.match) +
                (rule.match.family_v4 ? " v4" : "") + (rule.match.family_v6 ? " v6" : "") + ": " + action_to_string(rule) + "\n";
    }
    return text;
}

/// What the packets of one round must have counted.
struct Expected {
    std::map<CounterKey, std::uint64_t> packets;
    std::map<std::uint32_t, std::uint64_t> reasons;

    void add(const Policy& policy, const ModelResult& want) {
        if (want.rule >= 0) {
            const std::string& name = policy.rules[static_cast<std::size_t>(want.rule)].name;
            packets[{name, -1}]++;
            for (std::size_t i = 0; i < want.copies.size(); i++) {
                if (want.copies[i] == RUDDER_REASON_NONE) {
                    packets[{name, static_cast<int>(i)}]++;
                } else if (want.copies[i]) {
                    reasons[*want.copies[i]]++;
                }
            }
            if (want.member != 0 && want.verdict == 7 && !want.is_answered) {
                packets[{name, 0, want.member}]++;
            }
        }
        if (want.reason != 0) {
            reasons[want.reason]++;
        }
        if (want.is_answered) {
            reasons[RUDDER_REASON_ICMP_SENT]++;
        }
    }
};

/// Everything about one packet, for the reader of a failure: far too slow to be said of a million of them.
std::string describe(const Policy& rules, const Frame& in, const ModelResult& want, const Run& got) {
    return "rule " + std::to_string(want.rule) + " reason " + std::to_string(want.reason) + " verdict " + std::to_string(want.verdict) +
           ", got " + std::to_string(got.verdict) + "\nin   " + hex(in) + "\nwant " + hex(want.frame) + "\ngot  " + hex(got.frame) + "\n" + describe(rules);
}

std::string describe(const std::map<CounterKey, std::uint64_t>& packets, const std::map<std::uint32_t, std::uint64_t>& reasons) {
    std::string text;
    for (const auto& [key, count] : packets) {
        text += " " + key.rule + "/" + std::to_string(key.target) + "=" + std::to_string(count);
    }
    for (const auto& [reason, count] : reasons) {
        text += " reason " + std::to_string(reason) + "=" + std::to_string(count);
    }
    return text;
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
    const char* text = std::getenv(variable);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// What the test has seen.
struct Tally {
    std::uint64_t policies = 0, compared = 0, steered = 0, grouped = 0, refused = 0, answered = 0;

    void add(const ModelResult& want) {
        compared++;
        steered += want.verdict == 7;
        grouped += want.verdict == 7 && want.member != 0 && !want.is_answered;
        refused += want.reason != 0;
        answered += want.is_answered;
    }
};

/// Random packets under one published policy, each by the kernel and by the model.
Expected compare(Random& random, const Policy& rules, const Topology& world, const Link& link, const ModelTables& tables, Tally& tally) {
    Expected expected;
    for (int i = 0; i < k_packets_of_a_policy; i++) {
        const Frame frame = random_frame(random, link.mac);
        const auto direction = below(random, 3) == 0 ? Direction::egress : Direction::ingress;
        const TagPlace place = below(random, 2) == 0 ? TagPlace::beside : TagPlace::in_frame;
        const ModelResult want = model_run(rules, world, link, direction, frame, tables, place == TagPlace::beside);
        if (want.is_answered) {
            datapath().fill_buckets();
        }
        const Run got = datapath().run_tagged(frame, place, link.ifindex, direction);
        if (got.verdict == k_refused_by_kernel && frame.size() < 54) {
            continue;  // a test run wants the whole IP header of what the ethertype says
        }
        if (got.verdict != want.verdict || got.frame != want.frame) {
            FAIL("policy " << tally.policies << " packet " << i << ": " << describe(rules, frame, want, got));
        }
        expected.add(rules, want);
        tally.add(want);
    }
    return expected;
}

/// Our program at the egress hooks of the devices that take copies, where they are cut.
struct CuttingHooks {
    CuttingHooks() {
        for (const auto& [ifindex, link] : topology().links) {
            REQUIRE(datapath().attach(ifindex, Direction::egress));
        }
    }
    ~CuttingHooks() {
        for (const auto& [ifindex, link] : topology().links) {
            datapath().detach(ifindex, Direction::egress);
        }
    }
    CuttingHooks(const CuttingHooks&) = delete;
    CuttingHooks& operator=(const CuttingHooks&) = delete;
};

}  // namespace

TEST_CASE("kernel and model treat a million random packets under random policies alike") {
    const std::uint64_t wanted = number_from("RUDDER_PAIRS", k_pairs);
    Random random(static_cast<Random::result_type>(number_from("RUDDER_SEED", 7)));
    const Link& link = link_named("in0");
    const CuttingHooks hooks;
    Tally tally;
    while (tally.compared < wanted) {
        const Policy rules = random_rules(random);
        Topology world = wider_topology();
        answer_queries(random, rules, world);
        const DeadMembers dead = random_dead(random, rules);
        const ModelTables tables = tables_of(rules, world, dead);
        tally.policies++;
        if (!datapath().publish(rules, world, dead)) {
            continue;
        }
        const Expected expected = compare(random, rules, world, link, tables, tally);
        Counts counts = datapath().counts();
        counts.reasons.erase(RUDDER_REASON_OWN_COPY);  // whole copies that meet the hook of another rule
        if (counts.packets != expected.packets || counts.reasons != expected.reasons) {
            FAIL("counts of policy " << tally.policies << "\n"
                 << describe(rules) << "want" << describe(expected.packets, expected.reasons) << "\ngot "
                 << describe(counts.packets, counts.reasons));
        }
    }
    WARN(tally.compared << " packets alike under " << tally.policies << " policies, " << tally.steered << " steered, " << tally.grouped << " of them by groups, " << tally.refused
         << " refused with a reason, " << tally.answered << " answered by ICMP");
    REQUIRE(tally.steered > tally.compared / 25);
    REQUIRE(tally.grouped > tally.compared / 100);
}
