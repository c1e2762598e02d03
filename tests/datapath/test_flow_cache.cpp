// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

using namespace rudder;
using namespace rudder::test;

namespace {

const Link& in0() { return link_named("in0"); }

/// Two packets of one flow before the test's own: the second is of a flow that the cache has.
void keep_flow(const Frame& frame, Direction direction = Direction::ingress) {
    datapath().run(frame, in0().ifindex, direction);
    const FlowUse before = datapath().flow_use();
    datapath().run(frame, in0().ifindex, direction);
    REQUIRE(datapath().flow_use().hits == before.hits + 1);
    datapath().reset();
}

struct Outcome {
    Run run;
    bool is_hit = false;
    Counts counts;
};

Outcome send(const Frame& frame, Direction direction = Direction::ingress) {
    datapath().reset();
    const FlowUse before = datapath().flow_use();
    Outcome outcome;
    outcome.run = datapath().run(frame, in0().ifindex, direction);
    outcome.is_hit = datapath().flow_use().hits != before.hits;
    outcome.counts = datapath().counts();
    return outcome;
}

Frame udp(const std::string& src, const std::string& dst, std::uint8_t ttl = 64, std::size_t size = 20) {
    return arriving() / Ipv4{.src = src, .dst = dst, .ttl = ttl} / Udp{} / payload(size);
}

Frame steered(const std::string& src, const std::string& dst, std::uint8_t ttl = 63, std::size_t size = 20) {
    return leaving() / Ipv4{.src = src, .dst = dst, .ttl = ttl} / Udp{} / payload(size);
}

const std::string k_src = "192.0.2.1", k_dst = "10.1.2.3";

/// `frame`, of the flow of `known`, which the cache has.
Outcome send_known(const Rule& rule, const Frame& known, const Frame& frame) {
    REQUIRE(datapath().publish(policy({rule}), topology()));
    keep_flow(known);
    const Outcome outcome = send(frame);
    CHECK(outcome.is_hit);
    return outcome;
}

/// Packets of one flow all go that way, and the cache never knows it.
void check_not_kept(const Rule& rule, const Topology& world, int verdict) {
    REQUIRE(datapath().publish(policy({rule}), world));
    for (int i = 0; i < 3; i++) {
        const Outcome outcome = send(udp(k_src, k_dst));
        CHECK((outcome.run.verdict == verdict && !outcome.is_hit));
    }
}

Topology changed(void (*change)(Link&)) {
    Topology result = topology();
    change(result.links.at(link_named("out0").ifindex));
    return result;
}

}  // namespace

TEST_CASE("the second packet of a flow is known, and counted like the first") {
    const Outcome outcome = send_known(steer("10.0.0.0/8"), udp(k_src, k_dst), udp(k_src, k_dst));
    CHECK(outcome.run.verdict == k_redirect);
    CHECK((outcome.run.frame == steered(k_src, k_dst)));
    CHECK((outcome.counts.packets == std::map<CounterKey, std::uint64_t>{{{"r", -1}, 1}}));
    CHECK((outcome.counts.bytes == std::map<CounterKey, std::uint64_t>{{{"r", -1}, udp(k_src, k_dst).size()}}));
}

TEST_CASE("packets that no rule tells apart are one flow, others are not") {
    const Outcome same = send_known(steer("10.0.0.0/8"), udp(k_src, k_dst), udp("192.9.9.9", "10.250.250.250", 9));
    CHECK((same.run.frame == steered("192.9.9.9", "10.250.250.250", 8)));
    const Outcome other = send(udp(k_src, "11.1.2.3"));
    CHECK_FALSE(other.is_hit);
    CHECK(other.run.verdict == k_next);
    const Frame tcp = arriving() / Ipv4{.src = k_src, .dst = k_dst} / Tcp{} / payload(1);
    CHECK_FALSE(send(tcp).is_hit);
    const FlowUse before = datapath().flow_use();
    CHECK(send(arriving() / Ipv4{.src = k_src, .dst = k_dst} / Icmp{} / payload(1)).run.verdict == k_redirect);
    CHECK(datapath().flow_use().misses == before.misses);  // no protocol of flows: not even looked for
    CHECK(send(udp(k_src, k_dst), Direction::egress).run.verdict == k_next);
}

TEST_CASE("flows of IPv6 are known, too") {
    const Frame next = arriving() / Ipv6{.dst = "2001:db8:1:ffff::9", .hop_limit = 3} / Udp{} / payload(20);
    const Outcome outcome = send_known(steer("2001:db8:1::/48"), arriving() / Ipv6{} / Udp{} / payload(20), next);
    CHECK((outcome.run.frame == (leaving() / Ipv6{.dst = "2001:db8:1:ffff::9", .hop_limit = 2} / Udp{} / payload(20)).build()));
    CHECK(send(arriving() / Ipv6{.dst = "2001:db8:2::9"} / Udp{} / payload(20)).run.verdict == k_next);
}

TEST_CASE("a flow that no rule matches is known, and nothing is counted") {
    const Outcome outcome = send_known(steer("11.0.0.0/8"), udp(k_src, k_dst), udp(k_src, k_dst));
    CHECK(outcome.run.verdict == k_next);
    CHECK((outcome.run.frame == udp(k_src, k_dst)));
    CHECK((outcome.counts.packets.empty() && outcome.counts.reasons.empty()));
}

TEST_CASE("no verdict outlives its generation") {
    const Policy first = policy({steer("10.0.0.0/8")}), second = policy({rule(RuleType::drop, "10.0.0.0/8")});
    for (int i = 0; i < 20; i++) {
        REQUIRE(datapath().publish(first, topology()));
        keep_flow(udp(k_src, k_dst));
        REQUIRE(datapath().publish(second, topology()));
        const Outcome dropped = send(udp(k_src, k_dst));
        CHECK((dropped.run.verdict == k_drop && !dropped.is_hit));
    }
}

TEST_CASE("what may change within a generation is looked at for each packet of a known flow") {
    const Policy rules = policy({steer("10.0.0.0/8")});
    const Frame frame = udp(k_src, k_dst);
    const auto reason_after = [&](const Topology& world, const Frame& next, int verdict, bool is_hit = true) {
        REQUIRE(datapath().publish(rules, topology()));
        keep_flow(frame);
        REQUIRE(datapath().publish(rules, world));
        const Outcome outcome = send(next);
        CHECK(outcome.is_hit == is_hit);
        CHECK(outcome.run.verdict == verdict);
        CHECK((outcome.run.frame == next));
        return outcome.counts.reasons.empty() ? 0u : outcome.counts.reasons.begin()->first;
    };
    CHECK(reason_after(changed([](Link& link) { link.is_up = false; }), frame, k_next) == RUDDER_REASON_LINK_DOWN);
    CHECK(reason_after(changed([](Link& link) { link.mtu = 40; }), frame, k_next) == RUDDER_REASON_TOO_BIG);
    CHECK(reason_after(topology(), udp(k_src, k_dst, 1), k_next) == RUDDER_REASON_TTL_EXPIRED);
    Frame wrong_sum = frame;
    wrong_sum[24] ^= 1;
    CHECK(reason_after(topology(), wrong_sum, k_next) == RUDDER_REASON_MALFORMED);
    const Frame too_long = arriving() / Ipv4{.src = k_src, .dst = k_dst, .total_length = 1000} / Udp{} / payload(20);
    CHECK(reason_after(topology(), too_long, k_next, false) == RUDDER_REASON_MALFORMED);
}

TEST_CASE("a datagram with nothing in it is of its flow, a TCP header cut short is not") {
    for (const auto& [least, header] : {std::pair{8u, std::uint8_t{17}}, std::pair{20u, std::uint8_t{6}}}) {
        REQUIRE(datapath().publish(policy({steer("10.0.0.0/8")}), topology()));
        const auto with = [header = header](std::size_t bytes) {
            return arriving() / Ipv4{.src = k_src, .dst = k_dst, .protocol = header} / payload(bytes);
        };
        keep_flow(with(40));
        CHECK(send(with(least)).is_hit);
        const Outcome cut = send(with(least - 1));
        CHECK((!cut.is_hit && cut.run.verdict == k_next));
    }
}

TEST_CASE("a flow whose way is closed is not kept") {
    check_not_kept(steer("10.0.0.0/9"), changed([](Link& link) { link.is_up = false; }), k_next);
}

TEST_CASE("a packet of a known flow that the kernel does not pass on is for the classifier") {
    REQUIRE(datapath().publish(policy({steer("10.0.0.0/8")}), topology()));
    keep_flow(udp(k_src, k_dst));
    datapath().open_short_way(false);
    const Outcome outcome = send(udp(k_src, k_dst));
    datapath().open_short_way(true);
    CHECK(outcome.is_hit);
    CHECK(outcome.run.verdict == k_redirect);
    CHECK((outcome.run.frame == steered(k_src, k_dst)));
    CHECK((outcome.counts.packets == std::map<CounterKey, std::uint64_t>{{{"r", -1}, 1}}));
}

TEST_CASE("an address of the host is no part of a flow") {
    Topology world = topology();
    LinkAddress own;
    own.address = address("192.0.2.77");
    own.prefix_length = 24;
    world.links.at(in0().ifindex).addresses.push_back(own);
    REQUIRE(datapath().publish(policy({steer("10.0.0.0/8")}), world));
    keep_flow(udp(k_src, k_dst));
    CHECK(send(udp("192.0.2.1", k_dst)).run.verdict == k_redirect);
    CHECK(send(udp("192.0.2.77", k_dst)).run.verdict == k_next);
}

TEST_CASE("tags, group frames and frames for others are no part of a flow") {
    REQUIRE(datapath().publish(policy({steer("10.0.0.0/8")}), topology()));
    keep_flow(udp(k_src, k_dst));
    for (const TagPlace place : {TagPlace::beside, TagPlace::in_frame}) {
        const Frame tagged = arriving() / Vlan{7} / Ipv4{.src = k_src, .dst = k_dst} / Udp{} / payload(20);
        CHECK(datapath().run_tagged(tagged, place, in0().ifindex, Direction::ingress).verdict == k_next);
    }
    Frame group = udp(k_src, k_dst);
    std::fill_n(group.begin(), 6, std::uint8_t{0xff});
    CHECK(send(group).run.verdict == k_next);
    Frame other = udp(k_src, k_dst);
    other[5] ^= 0x55;
    const Outcome outcome = send(other);
    CHECK(outcome.run.verdict == k_next);
    CHECK((outcome.counts.reasons == std::map<std::uint32_t, std::uint64_t>{{RUDDER_REASON_NOT_FOR_US, 1}}));
}

TEST_CASE("limited rules, groups and rewrites are never kept") {
    Rule limited = steer("10.0.0.0/8");
    limited.limit = RateLimit{RateLimit::Unit::packets, 1, 1000};
    Rewrite port;
    port.dst_port = 7;
    check_not_kept(limited, topology(), k_redirect);
    check_not_kept(steer("10.0.0.0/8", port), topology(), k_redirect);
}

namespace {

Rule steer_one_flow() {
    Rule narrow = steer("10.0.0.0/8");
    narrow.match.src = {prefix("192.0.2.1/32")};
    narrow.match.dst = {prefix("10.1.2.3/32")};
    return narrow;
}

/// A packet of a flow of its own under that rule.
Frame stray(std::uint32_t number) {
    return udp("192.1." + std::to_string(number / 250) + "." + std::to_string(1 + number % 250), k_dst);
}

std::uint64_t looked_for(const FlowUse& use) { return use.hits + use.misses; }

}  // namespace

TEST_CASE("a cache of no use rests, each time for longer, and the verdicts stay what they are") {
    REQUIRE(datapath().publish(policy({steer_one_flow()}), topology()));
    std::uint32_t host = 0;
    const auto misses_of_300 = [&host] {
        const FlowUse before = datapath().flow_use();
        for (int i = 0; i < 300; i++) {
            datapath().run(stray(host++), in0().ifindex, Direction::ingress);
        }
        return datapath().flow_use().misses - before.misses;
    };
    const auto rounds_while = [&](bool is_resting) {
        int rounds = 0;
        while ((misses_of_300() == 0) == is_resting && rounds < 60) {
            rounds++;
        }
        return rounds;
    };
    CHECK(misses_of_300() == 300);
    CHECK(rounds_while(false) < 60);
    for (int i = 0; i < 3; i++) {
        CHECK(datapath().run(udp(k_src, k_dst), in0().ifindex, Direction::ingress).verdict == k_redirect);
    }
    const int first = rounds_while(true);
    CHECK(rounds_while(false) < 60);
    const int second = rounds_while(true);
    CHECK(first >= 10);
    CHECK(second > first * 3 / 2);
    CHECK(second < 60);
}

TEST_CASE("three hits for each miss keep the cache awake, two do not") {
    for (const std::uint32_t hits : {4U, 2U}) {
        REQUIRE(datapath().publish(policy({steer_one_flow()}), topology()));
        const FlowUse before = datapath().flow_use();
        for (std::uint32_t i = 0; i < 1000; i++) {
            datapath().run(stray(i), in0().ifindex, Direction::ingress);
            for (std::uint32_t hit = 0; hit < hits; hit++) {
                datapath().run(udp(k_src, k_dst), in0().ifindex, Direction::ingress);
            }
        }
        const std::uint64_t packets = 1000 * (hits + 1);
        const std::uint64_t looks = looked_for(datapath().flow_use()) - looked_for(before);
        CHECK((looks == packets) == (hits == 4));
        CHECK(looks > 512);  // two windows
    }
}

TEST_CASE("a new generation wakes the cache") {
    REQUIRE(datapath().publish(policy({steer_one_flow()}), topology()));
    for (std::uint32_t i = 0; i < 600; i++) {
        datapath().run(stray(i), in0().ifindex, Direction::ingress);
    }
    const FlowUse resting = datapath().flow_use();
    datapath().run(stray(600), in0().ifindex, Direction::ingress);
    CHECK(looked_for(datapath().flow_use()) == looked_for(resting));
    REQUIRE(datapath().replace(policy({steer("10.0.0.0/8")}), topology()));
    for (std::uint32_t i = 0; i < 100; i++) {
        datapath().run(stray(i), in0().ifindex, Direction::ingress);
    }
    CHECK(looked_for(datapath().flow_use()) == looked_for(resting) + 100);
}
