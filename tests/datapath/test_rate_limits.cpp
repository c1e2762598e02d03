// SPDX-License-Identifier: Apache-2.0
#include "receiver.hpp"

#include "rudder_abi.h"

#include <chrono>
#include <cstdlib>

using namespace rudder;
using namespace rudder::test;

namespace {

constexpr int k_pass = -1, k_drop = 2, k_redirect = 7;

/// One token in a minute or more: what a test does not wait for.
RateLimit packets(std::uint64_t burst) { return {RateLimit::Unit::packets, 1, burst}; }

Frame plain(std::size_t bytes = 60) { return arriving() / Ipv4{.dst = "10.1.2.3"} / Udp{} / payload(bytes); }

/// The verdicts of that many packets, and that those that went on did so untouched.
std::vector<int> verdicts(int count, const Frame& frame = plain()) {
    std::vector<int> result;
    for (int i = 0; i < count; i++) {
        const Run run = datapath().run(frame, link_named("in0").ifindex, Direction::ingress);
        CHECK((run.verdict != k_pass || run.frame == frame));
        result.push_back(run.verdict);
    }
    return result;
}

std::uint64_t limited(const Counts& counts, int index = -1) {
    const auto found = counts.failures.find({{"r", index}, RUDDER_REASON_RATE_LIMITED});
    return found == counts.failures.end() ? 0 : found->second;
}

Rule copies(RuleType type, std::vector<Target> targets) {
    Rule result = rule(type, "10.0.0.0/8");
    result.targets = std::move(targets);
    return result;
}

}  // namespace

TEST_CASE("a steer rule sends the burst and then drops or passes what is beyond its limit") {
    for (const bool drops : {true, false}) {
        Rule limited_steer = steer("10.0.0.0/8");
        limited_steer.limit = packets(drops ? 3 : 4);
        limited_steer.excess_drops = drops;
        REQUIRE(datapath().publish(policy({limited_steer}), topology()));
        const int excess = drops ? k_drop : k_pass;
        CHECK((verdicts(6) == std::vector{k_redirect, k_redirect, k_redirect, drops ? excess : k_redirect, excess, excess}));
        const Counts counts = datapath().counts();
        CHECK(counts.packets.at({"r", -1}) == 6);
        CHECK(limited(counts) == (drops ? 3 : 2));
        CHECK((counts.reasons == std::map<std::uint32_t, std::uint64_t>{{RUDDER_REASON_RATE_LIMITED, drops ? 3 : 2}}));
    }
}

TEST_CASE("what does not match takes nothing from a limit") {
    Rule limited_steer = steer("10.0.0.0/8");
    limited_steer.limit = packets(2);
    limited_steer.excess_drops = true;
    REQUIRE(datapath().publish(policy({limited_steer}), topology()));
    const Frame other = arriving() / Ipv4{.dst = "11.1.2.3"} / Udp{} / payload(60);
    CHECK((verdicts(5, other) == std::vector(5, k_pass)));
    CHECK((verdicts(3) == std::vector{k_redirect, k_redirect, k_drop}));
}

TEST_CASE("a pass rule with a limit polices") {
    Rule police = rule(RuleType::pass, "10.0.0.0/8");
    police.limit = packets(5);
    police.excess_drops = true;
    REQUIRE(datapath().publish(policy({police}), topology()));
    CHECK((verdicts(7) == std::vector{k_pass, k_pass, k_pass, k_pass, k_pass, k_drop, k_drop}));
    CHECK(limited(datapath().counts()) == 2);
}

TEST_CASE("a limit in bits counts the bytes of the frame") {
    Rule limited_steer = steer("10.0.0.0/8");
    const Frame frame = plain();
    limited_steer.limit = RateLimit{RateLimit::Unit::bits, 1000, 3 * frame.size() + 20};
    limited_steer.excess_drops = true;
    REQUIRE(datapath().publish(policy({limited_steer}), topology()));
    CHECK((verdicts(5, frame) == std::vector{k_redirect, k_redirect, k_redirect, k_drop, k_drop}));
}

TEST_CASE("a target beyond its limit gets no copy and harms no other") {
    std::vector<Target> targets = {target("out0"), target("out1"), target("out2")};
    targets[0].limit = packets(2);
    targets[2].limit = packets(4);
    Receiver first("p-out0"), second("p-out1"), third("p-out2");
    REQUIRE(datapath().publish(policy({copies(RuleType::replicate, targets)}), topology()));
    CHECK((verdicts(6) == std::vector(6, k_drop)));
    CHECK(first.take(2).size() == 2);
    CHECK(second.take(6).size() == 6);
    CHECK(third.take(4).size() == 4);
    const Counts counts = datapath().counts();
    CHECK((counts.packets == std::map<CounterKey, std::uint64_t>{{{"r", -1}, 6}, {{"r", 0}, 2}, {{"r", 1}, 6}, {{"r", 2}, 4}}));
    CHECK(limited(counts, 0) == 4);
    CHECK(limited(counts, 2) == 2);
}

TEST_CASE("beyond its limit a replicate rule copies nothing, and the original is dropped or goes on") {
    for (const bool drops : {true, false}) {
        Rule fan = copies(RuleType::replicate, {target("out0"), target("out1")});
        fan.limit = packets(drops ? 6 : 7);
        fan.original_passes = !drops;
        fan.excess_drops = drops;
        Receiver receiver("p-out1");
        REQUIRE(datapath().publish(policy({fan}), topology()));
        CHECK((verdicts(10) == std::vector(10, drops ? k_drop : k_pass)));
        CHECK(receiver.take(7).size() == (drops ? 6 : 7));
        CHECK(limited(datapath().counts()) == (drops ? 4 : 3));
    }
}

TEST_CASE("a mirror rule with a limit lets every original go on") {
    Target copy;
    copy.via = "out0";
    Rule tapped = copies(RuleType::mirror, {copy});
    tapped.limit = packets(8);
    REQUIRE(datapath().publish(policy({tapped}), topology()));
    CHECK((verdicts(12) == std::vector(12, k_pass)));
    const Counts counts = datapath().counts();
    CHECK(counts.packets.at({"r", 0}) == 8);
    CHECK(limited(counts) == 4);
}

TEST_CASE("the limit of a mirror rule counts what its sample has left, for each target") {
    std::vector<Target> targets = {target("out0"), target("out1")};
    for (Target& each : targets) {
        each.sample = 10;
    }
    Rule tapped = copies(RuleType::mirror, targets);
    tapped.limit = packets(150);
    REQUIRE(datapath().publish(policy({tapped}), topology()));
    CHECK((verdicts(500) == std::vector(500, k_pass)));
    Counts counts = datapath().counts();
    const std::uint64_t few = counts.packets.at({"r", 0});
    CHECK(few >= 20);
    CHECK(few <= 100);
    CHECK(limited(counts) + limited(counts, 0) + limited(counts, 1) == 0);
    CHECK((verdicts(3000) == std::vector(3000, k_pass)));
    counts = datapath().counts();
    CHECK((counts.packets == std::map<CounterKey, std::uint64_t>{{{"r", -1}, 3500}, {{"r", 0}, 150}, {{"r", 1}, 150}}));
    CHECK(limited(counts, 0) >= 100);
    CHECK(limited(counts, 0) == limited(counts, 1));
}

TEST_CASE("a new generation takes over what a limit has left, other terms begin anew") {
    Rule limited_steer = steer("10.0.0.0/8");
    limited_steer.name = "kept";
    limited_steer.limit = packets(9);
    limited_steer.excess_drops = true;
    REQUIRE(datapath().publish({{limited_steer}, ""}, topology()));
    CHECK((verdicts(7) == std::vector(7, k_redirect)));
    Rule more = rule(RuleType::drop, "12.0.0.0/8");
    more.priority = 20;
    REQUIRE(datapath().publish({{limited_steer, more}, ""}, topology()));
    CHECK((verdicts(3) == std::vector{k_redirect, k_redirect, k_drop}));
    limited_steer.limit = packets(1);
    REQUIRE(datapath().publish({{limited_steer, more}, ""}, topology()));
    CHECK((verdicts(2) == std::vector{k_redirect, k_drop}));
}

TEST_CASE("over time as many packets are sent as the limit says") {
    using Clock = std::chrono::steady_clock;
    Rule limited_steer = steer("10.0.0.0/8");
    limited_steer.limit = RateLimit{RateLimit::Unit::packets, 1000, 500};
    limited_steer.excess_drops = true;
    REQUIRE(datapath().publish(policy({limited_steer}), topology()));
    const Frame frame = plain();
    const auto begin = Clock::now();
    const auto elapsed = [begin] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
    while (elapsed() < 1.5) {
        (void)datapath().run(frame, link_named("in0").ifindex, Direction::ingress);
    }
    const double allowed = elapsed() * 1000 + 500;
    const Counts counts = datapath().counts();
    const double sent = static_cast<double>(counts.packets.at({"r", -1}) - limited(counts));
    WARN("sent " << sent << " of " << allowed << " allowed");
    CHECK(limited(counts) > 1000);
    CHECK(sent <= allowed + 1);
    CHECK(sent > allowed * 0.9);
}

TEST_CASE("a sample is one packet out of so many, the same for all targets with that sample") {
    std::vector<Target> targets = {target("out0"), target("out1"), target("out2"), target("out0")};
    targets[0].sample = 4;
    targets[1].sample = 4;
    targets[2].sample = 40;
    Rule fan = copies(RuleType::replicate, targets);
    fan.original_passes = true;
    REQUIRE(datapath().publish(policy({fan}), topology()));
    (void)datapath().run(plain(), link_named("in0").ifindex, Direction::ingress, 20000);
    const Counts counts = datapath().counts();
    const auto sent = [&](int index) { return static_cast<int>(counts.packets.at({"r", index})); };
    CHECK(sent(-1) == 20000);
    CHECK(std::abs(sent(0) - 5000) < 6 * 62);
    CHECK(sent(1) == sent(0));
    CHECK(std::abs(sent(2) - 500) < 6 * 23);
    CHECK(sent(3) == 20000);
    CHECK(counts.failures.empty());
}

TEST_CASE("copies of a sample arrive, of a mirror rule too") {
    Target copy;
    copy.via = "out1";
    copy.sample = 8;
    Frame frame = plain();
    std::copy(k_next_hop_mac.bytes.begin(), k_next_hop_mac.bytes.end(), frame.begin());
    Receiver receiver("p-out1");
    Rule tapped = copies(RuleType::mirror, {copy});
    tapped.match.direction = Direction::egress;
    REQUIRE(datapath().publish(policy({tapped}), topology()));
    for (int i = 0; i < 400; i++) {
        CHECK(datapath().run(frame, link_named("in0").ifindex, Direction::egress).verdict == k_pass);
    }
    const std::uint64_t sent = datapath().counts().packets.at({"r", 0});
    CHECK(sent > 10);
    CHECK(sent < 120);
    CHECK(receiver.take(sent).size() == sent);
}
