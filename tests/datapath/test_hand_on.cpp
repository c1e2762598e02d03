// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include <memory>
#include <string>
#include <vector>

using namespace rudder;
using namespace rudder::test;

/// What becomes of packets in a tier that has no active generation: none yet, or that of another tier came after it.
namespace {

struct Entrance {
    Direction direction = Direction::ingress;
    Metadata metadata{};
};

/// By the two programs that hooks run, and by the one that comes behind them; others' words in skb->cb do not matter.
std::vector<Entrance> entrances() {
    return {{Direction::ingress, {}},
            {Direction::egress, {}},
            {Direction::ingress, {.left_over = 0xffffffff}},
            {Direction::egress, {.left_over = 0xffffffff}},
            {Direction::ingress, {.enters_late = true}},
            {Direction::egress, {.enters_late = true}}};
}

Run run(Datapath& tier, const Entrance& entrance, const Frame& frame) {
    return tier.run(frame, link_named("in0").ifindex, entrance.direction, 1, entrance.metadata);
}

Frame udp() { return arriving() / Ipv4{.dst = "10.1.2.3"} / Udp{} / payload(20); }
Frame udp6() { return arriving() / Ipv6{} / Udp{} / payload(20); }
Frame in_vlan() { return arriving() / Vlan{5, 0x8100} / Ipv4{.dst = "10.1.2.3"} / Udp{} / payload(20); }
/// What only a generation counts reasons for.
Frame cut() { return arriving() / Ipv4{.protocol = 17} / payload(4); }
Frame malformed() { return arriving() / Ipv4{.checksum = std::uint16_t{0x1234}} / Udp{} / payload(20); }

}  // namespace

TEST_CASE("without an active generation packets go on untouched and uncounted, known flows too") {
    for (const Entrance& entrance : entrances()) {
        REQUIRE(datapath().publish(policy({steer("10.0.0.0/8", {}, entrance.direction)}), topology()));
        for (int i = 0; i < 3; i++) {
            CHECK(run(datapath(), entrance, udp()).verdict == k_redirect);
        }
        datapath().unpublish();
        datapath().reset();
        const FlowUse before = datapath().flow_use();
        for (const Frame& frame : {udp(), udp6(), in_vlan(), cut(), malformed()}) {
            const Run result = run(datapath(), entrance, frame);
            INFO(hex(frame));
            CHECK(result.verdict == k_next);
            CHECK((result.frame == frame));
        }
        const Counts counts = datapath().counts();
        CHECK(counts.packets.empty());
        CHECK(counts.failures.empty());
        CHECK(counts.reasons.empty());
        CHECK(datapath().flow_use().hits == before.hits);
        CHECK(datapath().flow_use().misses == before.misses);
    }
}

TEST_CASE("packets that find no active generation are treated by the tier that came after, with their direction") {
    std::string why;
    const std::unique_ptr<Datapath> next = Datapath::load(why, 1);
    INFO(why);
    REQUIRE(next != nullptr);
    for (const Entrance& entrance : entrances()) {
        REQUIRE(datapath().publish(policy({rule(RuleType::drop, "10.0.0.0/8", entrance.direction)}), topology()));
        REQUIRE(next->publish(policy({steer("10.0.0.0/8", {}, entrance.direction)}), topology()));
        datapath().hand_on_to(next.get());
        CHECK(run(datapath(), entrance, udp()).verdict == k_drop);  // nothing is handed on before the commit
        CHECK(next->counts().packets.empty());
        datapath().unpublish();
        const Direction other = entrance.direction == Direction::ingress ? Direction::egress : Direction::ingress;
        for (std::uint64_t i = 1; i <= 3; i++) {  // the flow cache has it from the second on
            const Run result = run(datapath(), entrance, udp());
            CHECK(result.verdict == k_redirect);
            const std::uint8_t ttl = entrance.direction == Direction::ingress ? 63 : 64;
            const Frame sent = leaving() / Ipv4{.dst = "10.1.2.3", .ttl = ttl} / Udp{} / payload(20);
            CHECK((result.frame == sent));
            CHECK(next->counts().packets[{"r", -1}] == i);
            CHECK(run(datapath(), {other, entrance.metadata}, udp()).verdict == k_next);
        }
        next->unpublish();
        CHECK(run(datapath(), entrance, udp()).verdict == k_next);
        datapath().hand_on_to(nullptr);
        REQUIRE(next->publish(policy({steer("10.0.0.0/8", {}, entrance.direction)}), topology()));
        CHECK(run(datapath(), entrance, udp()).verdict == k_next);
    }
}
