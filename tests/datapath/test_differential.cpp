// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"
#include "policies.hpp"
#include "random_frame.hpp"
#include "random_match.hpp"
#include "random_policy.hpp"
#include "receiver.hpp"

#include "rudder_abi.h"
#include "rudder_leaf.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <set>

using namespace rudder;
using namespace rudder::test;

namespace {

constexpr int k_refused_by_kernel = -1000 - EINVAL;
constexpr std::uint64_t k_pairs = 1000000;
constexpr int k_packets_of_a_policy = 400;

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
                if (want.copies[i].reason == RUDDER_REASON_NONE) {
                    packets[{name, static_cast<int>(i), want.copies[i].member}]++;
                } else if (want.copies[i].reason) {
                    reasons[*want.copies[i].reason]++;
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
    std::uint64_t marked = 0, replicated = 0, replicated_by_groups = 0, copies_compared = 0;
    std::uint64_t by_few[2] = {}, by_many[2] = {}, by_trees[2] = {};  ///< policies by how they are looked up, IPv4 and IPv6

    void add(const Policy& policy, const ModelResult& want, std::uint32_t mark) {
        compared++;
        steered += want.verdict == 7;
        grouped += want.verdict == 7 && want.member != 0 && !want.is_answered;
        refused += want.reason != 0;
        answered += want.is_answered;
        const Rule* rule = want.rule < 0 ? nullptr : &policy.rules[static_cast<std::size_t>(want.rule)];
        marked += mark != 0 && rule != nullptr && rule->match.rare && names_bits(rule->match.rare->fwmarks);
        for (const ModelCopy& copy : want.copies) {
            const bool is_sent = rule->type == RuleType::replicate && copy.reason == RUDDER_REASON_NONE;
            replicated += is_sent;
            replicated_by_groups += is_sent && copy.member != 0;
        }
    }

    /// What holds one family: vectors of at most half of the boxes that they can hold, of more, or trees.
    template <class Entry>
    void add(const std::vector<std::uint8_t>& blob, const rudder_vectors& vectors, const rudder_tree& tree, std::size_t family) {
        const auto* entries = reinterpret_cast<const Entry*>(blob.data() + vectors.entry_offset);
        const auto boxes = vectors.column_count == 0 ? 0 : std::count_if(entries, entries + RUDDER_VECTOR_BOXES, [](const Entry& one) {
            return one.tail.last != 0;  // the guards of its lanes are set
        });
        by_few[family] += boxes > 0 && boxes <= RUDDER_VECTOR_BOXES / 2;
        by_many[family] += boxes > RUDDER_VECTOR_BOXES / 2;
        by_trees[family] += tree.root != 0;
    }
    void add(const std::vector<std::uint8_t>& blob) {
        const auto& header = *reinterpret_cast<const rudder_blob_header*>(blob.data());
        add<rudder_leaf_v4>(blob, header.vectors_v4, header.tree_v4[0], 0);
        add<rudder_leaf_v6>(blob, header.vectors_v6, header.tree_v6[0], 1);
    }

    static bool names_bits(const std::vector<MarkPattern>& patterns) {
        return !patterns.empty() && std::all_of(patterns.begin(), patterns.end(), [](const MarkPattern& one) { return one.value != 0; });
    }
};

/// What a stack sends of its own accord: the devices have no addresses but those of IPv6 for the link.
bool is_chatter(const Frame& frame) {
    const bool is_link_local = frame.size() >= 54 && frame[22] == 0xfe && (frame[23] & 0xc0) == 0x80;
    const bool is_nobody = frame.size() >= 54 && std::all_of(frame.begin() + 22, frame.begin() + 38, [](std::uint8_t byte) { return byte == 0; });
    return be16(frame, 12) == 0x86dd && (is_link_local || is_nobody);
}

/// The other ends of all devices, where copies come out.
class Receivers {
public:
    Receivers() {
        for (const auto& [ifindex, link] : topology().links) {
            ends_.emplace(ifindex, std::make_unique<Receiver>("p-" + link.name, [](const Frame& frame) { return !is_chatter(frame); }));
        }
    }

    /// Takes what came of one packet: the copies that the model says, frame by frame in the order of the targets. Returns
    /// how many they were, or none and what is wrong.
    std::optional<std::uint64_t> take(const ModelResult& want, std::string& why) {
        std::map<std::uint32_t, std::vector<Frame>> expected;
        std::uint64_t count = 0;
        for (const ModelCopy& copy : want.copies) {
            if (copy.reason == RUDDER_REASON_NONE && !is_chatter(copy.frame)) {
                expected[copy.ifindex].push_back(copy.frame);
                count++;
            }
        }
        for (const auto& [ifindex, frames] : expected) {
            if (const auto got = ends_.at(ifindex)->take_next(frames.size()); got != frames) {
                why = "copies at device " + std::to_string(ifindex) + describe("want", frames) + describe("got ", got);
                return std::nullopt;
            }
        }
        return count;
    }
    /// Whether something came that was not taken.
    [[nodiscard]] bool have_more() {
        return std::any_of(ends_.begin(), ends_.end(), [](const auto& end) { return end.second->has_more(); });
    }

private:
    static std::string describe(const std::string& what, const std::vector<Frame>& frames) {
        std::string text;
        for (const Frame& frame : frames) {
            text += "\n" + what + " " + hex(frame);
        }
        return text;
    }

    std::map<std::uint32_t, std::unique_ptr<Receiver>> ends_;
};

/// A published policy and where its packets come in.
struct Round {
    const Policy& rules;
    const Topology& world;
    const Link& link;
    Receivers& receivers;
    ModelContext context;
    std::vector<Frame> frames{};  ///< some of those that were sent
};

/// TCP or UDP right behind an IP header without options.
bool is_plain(const Frame& frame) {
    if (frame.size() < 58) {
        return false;
    }
    const unsigned protocol = be16(frame, 12) == 0x0800 && frame[14] == 0x45 ? frame[23] : be16(frame, 12) == 0x86dd ? frame[20] : 0;
    return protocol == 6 || protocol == 17;
}

/// Mostly a variant of one before it, and those are mostly plain: the flow cache is to know some.
Frame next_frame(Random& random, Round& round) {
    if (!round.frames.empty() && below(random, 4) != 0) {
        return variant_of(random, round.frames[below(random, static_cast<unsigned>(round.frames.size()))]);
    }
    const Frame frame = random_frame(random, round.link.mac);
    if (is_plain(frame) || round.frames.empty() || below(random, 3) == 0) {
        round.frames.insert(round.frames.begin() + below(random, static_cast<unsigned>(round.frames.size()) + 1), frame);
        round.frames.resize(std::min<std::size_t>(round.frames.size(), 8));
    }
    return frame;
}

/// One random packet by the kernel and by the model.
void compare_one(Random& random, Round& round, Expected& expected, Tally& tally) {
    const Frame frame = next_frame(random, round);
    const auto direction = below(random, 3) == 0 ? Direction::egress : Direction::ingress;
    const TagPlace place = below(random, 2) == 0 ? TagPlace::beside : TagPlace::in_frame;
    round.context.tag_place = place;
    round.context.mark = random_mark(random);
    const ModelResult want = model_run(round.rules, round.world, round.link, direction, frame, round.context);
    if (want.is_answered) {
        datapath().fill_buckets();
    }
    const Run got = datapath().run_tagged(frame, place, round.link.ifindex, direction, {.mark = round.context.mark, .enters_late = tally.compared % 4 == 3});
    if (got.verdict == k_refused_by_kernel && frame.size() < 54) {
        return;  // a test run wants the whole IP header of what the ethertype says
    }
    if (got.verdict != want.verdict || got.metadata.mark != round.context.mark || (got.frame != want.frame && !want.is_consumed)) {
        FAIL("policy " << tally.policies << " packet " << tally.compared << ": " << describe(round.rules, frame, want, got));
    }
    std::string why;
    const auto copies = round.receivers.take(want, why);
    if (copies && round.receivers.have_more()) {
        why = "more copies than the model's";
    }
    if (!why.empty()) {
        FAIL("policy " << tally.policies << " packet " << tally.compared << ": " << why << "\n" << describe(round.rules, frame, want, got));
    }
    expected.add(round.rules, want);
    tally.add(round.rules, want, round.context.mark);
    tally.copies_compared += *copies;
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

/// Random packets under one published policy, and what was counted of them.
void compare_round(Random& random, Round round, Tally& tally) {
    Expected expected;
    for (int i = 0; i < k_packets_of_a_policy; i++) {
        compare_one(random, round, expected, tally);
    }
    Counts counts = datapath().counts();
    counts.reasons.erase(RUDDER_REASON_OWN_COPY);  // whole copies that meet the hook of another rule
    if (counts.packets != expected.packets || counts.reasons != expected.reasons) {
        FAIL("counts of policy " << tally.policies << "\n"
             << describe(round.rules) << "want" << describe(expected.packets, expected.reasons) << "\ngot "
             << describe(counts.packets, counts.reasons));
    }
}

/// The devices that only the topology knows.
std::set<std::uint32_t> absent_devices(const Topology& world) {
    std::set<std::uint32_t> result;
    for (const auto& [ifindex, link] : world.links) {
        if (!topology().links.contains(ifindex)) {
            result.insert(ifindex);
        }
    }
    return result;
}

}  // namespace

TEST_CASE("kernel and model treat a million random packets under random policies alike") {
    const std::uint64_t wanted = number_from("RUDDER_PAIRS", k_pairs);
    Random random(static_cast<Random::result_type>(number_from("RUDDER_SEED", 7)));
    const CuttingHooks hooks;
    Receivers receivers;
    Tally tally;
    const FlowUse before = datapath().flow_use();
    while (tally.compared < wanted) {
        const Policy rules = random_rules(random);
        Topology world = wider_topology();
        answer_queries(random, rules, world);
        const DeadMembers dead = random_dead(random, rules);
        tally.policies++;
        if (!datapath().publish(rules, world, dead)) {
            continue;
        }
        tally.add(compile(rules, world, {})->blob);
        const ModelContext context{tables_of(rules, world, dead), absent_devices(world)};
        compare_round(random, {rules, world, link_named("in0"), receivers, context}, tally);
    }
    WARN(tally.compared << " packets alike under " << tally.policies << " policies, " << tally.steered << " steered, "
         << tally.grouped << " of them by groups, " << tally.refused << " refused with a reason, " << tally.answered
         << " answered by ICMP, " << tally.marked << " matched by their mark; " << tally.replicated << " copies by replicate, "
         << tally.replicated_by_groups << " of them by groups; bytes of " << tally.copies_compared << " copies compared; "
         << datapath().flow_use().hits - before.hits << " packets of flows in the cache");
    for (const std::size_t family : {0u, 1u}) {
        WARN("IPv" << (family == 0 ? 4 : 6) << ": " << tally.by_few[family] << " policies by bit vectors of up to 32 boxes, "
             << tally.by_many[family] << " of up to 64, " << tally.by_trees[family] << " by trees");
        REQUIRE(tally.by_few[family] > tally.compared / 1000);
        REQUIRE((tally.compared < 30000 || std::min(tally.by_many[family], tally.by_trees[family]) > tally.compared / 30000));
    }
    REQUIRE(tally.steered > tally.compared / 30);
    REQUIRE(tally.grouped > tally.compared / 200);
    REQUIRE(tally.marked > tally.compared / 2000);
    REQUIRE(tally.replicated > tally.compared / 60);
    REQUIRE(tally.replicated_by_groups > tally.compared / 200);
    REQUIRE(tally.copies_compared > tally.compared / 50);
    REQUIRE(datapath().flow_use().hits - before.hits > tally.compared / 100);
}
