// SPDX-License-Identifier: Apache-2.0
#include "policies.hpp"
#include "receiver.hpp"

#include "rudder_abi.h"

#include <catch2/catch.hpp>

using namespace rudder;
using namespace rudder::test;

namespace {

Rule mirror(const std::vector<std::string>& devices, Direction direction = Direction::ingress) {
    Rule result = rule(RuleType::mirror, "", direction);
    for (const std::string& name : devices) {
        Target copy;
        copy.via = name;
        result.targets.push_back(copy);
    }
    return result;
}

std::uint64_t failed(const Counts& counts, int index, std::uint32_t reason) {
    const auto found = counts.failures.find({{"r", index}, reason});
    return found == counts.failures.end() ? 0 : found->second;
}

Ethernet to_group() {
    Ethernet result = arriving();
    result.dst = MacAddress{{1, 0, 0x5e, 1, 1, 1}};
    return result;
}

}  // namespace

TEST_CASE("a mirrored frame is the frame, and the original goes on as it is") {
    const std::vector<Frame> frames = {
        arriving() / Ipv4{.dst = "10.1.2.3", .ttl = 1} / Udp{} / payload(33),
        arriving() / Ipv4{.dst = "10.1.2.3", .ttl = 7} / Tcp{} / payload(1),
        to_group() / Ipv4{.dst = "239.1.1.1", .ttl = 1} / Udp{} / payload(9),
        arriving() / Ipv4{.dst = "10.1.2.3", .protocol = 253} / payload(60),
    };
    for (const Direction direction : {Direction::ingress, Direction::egress}) {
        for (const Frame& in : frames) {
            Receiver first("p-out0", is_from_sender), second("p-out1", is_from_sender);
            REQUIRE(datapath().publish(policy({mirror({"out0", "out1"}, direction)}), topology()));
            const Run run = datapath().run(in, link_named("in0").ifindex, direction);
            INFO("in " << hex(in));
            CHECK(run.verdict == -1);
            CHECK((run.frame == in));
            for (Receiver* listener : {&first, &second}) {
                const auto got = listener->take(1);
                REQUIRE(got.size() == 1);
                CHECK((got[0] == in));
            }
            const Counts counts = datapath().counts();
            CHECK((counts.packets == std::map<CounterKey, std::uint64_t>{{{"r", -1}, 1}, {{"r", 0}, 1}, {{"r", 1}, 1}}));
            CHECK(counts.failures.empty());
        }
    }
}

TEST_CASE("a device gets no copy of a packet that is on it") {
    Rule everywhere = mirror({"in0", "out0"});
    everywhere.match.interface = {true, {}, {}};
    Receiver receiver("p-out0", is_from_sender);
    REQUIRE(datapath().publish(policy({everywhere}), topology()));
    const Frame in = arriving() / Ipv4{.dst = "10.1.2.3"} / Udp{} / payload(9);
    CHECK(datapath().run(in, link_named("in0").ifindex, Direction::ingress).verdict == -1);
    CHECK(receiver.take(1).size() == 1);
    const Counts counts = datapath().counts();
    CHECK((counts.packets == std::map<CounterKey, std::uint64_t>{{{"r", -1}, 1}, {{"r", 1}, 1}}));
    CHECK(counts.reasons.empty());
}

TEST_CASE("a mirrored copy that cannot be sent is counted and harms no other") {
    Topology world = topology();
    world.links[link_named("out1").ifindex].is_up = false;
    world.links[link_named("out2").ifindex].mtu = 40;
    Receiver receiver("p-out0", is_from_sender);
    REQUIRE(datapath().publish(policy({mirror({"out1", "out2", "gone", "out0"})}), world));
    const Frame in = arriving() / Ipv4{.dst = "10.1.2.3"} / Udp{} / payload(60);
    const Run run = datapath().run(in, link_named("in0").ifindex, Direction::ingress);
    CHECK(run.verdict == -1);
    CHECK((run.frame == in));
    const auto got = receiver.take(1);
    REQUIRE(got.size() == 1);
    CHECK((got[0] == in));
    const Counts counts = datapath().counts();
    CHECK(failed(counts, 0, RUDDER_REASON_LINK_DOWN) == 1);
    CHECK(failed(counts, 1, RUDDER_REASON_TOO_BIG) == 1);
    CHECK(failed(counts, 2, RUDDER_REASON_NO_DEVICE) == 1);
    CHECK(counts.failures.size() == 3);
}

TEST_CASE("what came without a link-layer header is not copied to a device that needs one") {
    Topology world = topology();
    world.links[link_named("in0").ifindex].is_layer3 = true;
    REQUIRE(datapath().publish(policy({mirror({"out0"})}), world));
    const Frame whole = arriving() / Ipv4{.dst = "10.1.2.3"} / Udp{} / payload(60);
    const Run run = datapath().run(Frame(whole.begin() + 14, whole.end()), link_named("in0").ifindex, Direction::ingress);
    CHECK(run.verdict == -1);
    CHECK(failed(datapath().counts(), 0, RUDDER_REASON_NOT_WRITABLE) == 1);
}
