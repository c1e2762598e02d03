// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"
#include "policies.hpp"
#include "random_frame.hpp"
#include "receiver.hpp"

#include "rudder_abi.h"

#include <catch2/catch.hpp>

using namespace rudder;
using namespace rudder::test;

namespace {

Rule copies_of(const std::string& dst, std::vector<Target> targets, bool original_passes) {
    Rule result = rule(RuleType::replicate, dst);
    result.targets = std::move(targets);
    result.original_passes = original_passes;
    return result;
}

Rewrite to(const std::string& dst, std::optional<std::uint16_t> port = {}) {
    Rewrite rewrite;
    rewrite.dst_ip = address(dst);
    rewrite.dst_port = port;
    return rewrite;
}

Run run_in(const Frame& frame) { return datapath().run(frame, link_named("in0").ifindex, Direction::ingress); }

}  // namespace

TEST_CASE("twelve targets get twelve exact copies, in any order of rewrites") {
    std::vector<Target> targets;
    std::vector<Frame> want;
    const Frame in = Ethernet{.dst = {{1, 0, 0x5e, 1, 1, 1}}} / Ipv4{.dst = "239.1.1.1", .ttl = 5} / Udp{} / payload(33);
    for (int i = 0; i < 12; i++) {
        const std::string dst = "10.10.0." + std::to_string(i);
        const bool has_port = i % 3 == 1;
        const auto port = static_cast<std::uint16_t>(6000 + i);
        const bool has_address = i % 4 != 2;
        Rewrite rewrite;
        rewrite.dst_ip = has_address ? std::optional(address(dst)) : std::nullopt;
        rewrite.dst_port = has_port ? std::optional(port) : std::nullopt;
        targets.push_back(target("out0", rewrite));
        want.push_back(leaving() / Ipv4{.dst = has_address ? dst : "239.1.1.1", .ttl = static_cast<std::uint8_t>(has_address ? 64 : 4)} /
                       Udp{4000, has_port ? port : std::uint16_t{5000}} / payload(33));
    }
    for (const bool passes : {false, true}) {
        Receiver receiver("p-out0");
        REQUIRE(datapath().publish(policy({copies_of("239.1.1.1/32", targets, passes)}), topology()));
        const Run run = run_in(in);
        CHECK(run.verdict == (passes ? -1 : 2));
        if (passes) {
            CHECK((run.frame == in));
        }
        const auto got = receiver.take(want.size());
        REQUIRE(got.size() == want.size());
        for (std::size_t i = 0; i < want.size(); i++) {
            INFO("copy " << i << "\nwant " << hex(want[i]) << "\ngot  " << hex(got[i]));
            CHECK((got[i] == want[i]));
            CHECK((datapath().counts().packets[{"r", static_cast<int>(i)}] == 1));
        }
    }
}

TEST_CASE("64 targets are served") {
    std::vector<Target> targets(64, target("out1", to("10.1.1.1")));
    Receiver receiver("p-out1");
    REQUIRE(datapath().publish(policy({copies_of("239.1.1.1/32", targets, false)}), topology()));
    CHECK(run_in(arriving() / Ipv4{.dst = "239.1.1.1"} / Udp{} / payload(9)).verdict == 2);
    CHECK(receiver.take(64).size() == 64);
}

TEST_CASE("a copy that cannot be sent is counted and harms no other") {
    Topology world = topology();
    Link down = link_named("out1");
    down.is_up = false;
    world.links[down.ifindex] = down;
    world.links[link_named("out2").ifindex].mtu = 40;
    Target missing = target("gone", to("10.1.1.2"));
    Target no_port = target("out0", to("10.1.1.3"));
    std::vector<Target> targets = {target("out0", to("10.1.1.0")), target("out1", to("10.1.1.1")), missing,
                                   target("out2", to("10.1.1.2")), target("out0", to("10.1.1.4", std::uint16_t{1})), no_port};
    Receiver receiver("p-out0");
    REQUIRE(datapath().publish(policy({copies_of("239.1.1.1/32", targets, true)}), world));
    const Frame in = arriving() / Ipv4{.dst = "239.1.1.1", .protocol = 253} / payload(60);
    const Run run = run_in(in);
    CHECK(run.verdict == -1);
    CHECK((run.frame == in));
    CHECK(receiver.take(2).size() == 2);
    const Counts counts = datapath().counts();
    const auto failed = [&](int index, std::uint32_t reason) {
        const auto found = counts.failures.find({{"r", index}, reason});
        return found == counts.failures.end() ? 0 : found->second;
    };
    CHECK(failed(1, RUDDER_REASON_LINK_DOWN) == 1);
    CHECK(failed(2, RUDDER_REASON_NO_DEVICE) == 1);
    CHECK(failed(3, RUDDER_REASON_TOO_BIG) == 1);
    CHECK(failed(4, RUDDER_REASON_NO_PORTS) == 1);
    CHECK(counts.failures.size() == 4);
}

TEST_CASE("a copy that is to have its device's address waits for one and harms no other") {
    Topology world = topology();
    LinkAddress own;
    own.address = address("192.0.2.77");
    own.prefix_length = 24;
    world.links[link_named("out0").ifindex].addresses = {own};
    Rewrite masked = to("10.1.1.1");
    masked.is_src_of_interface = true;
    Receiver receiver("p-out0");
    REQUIRE(datapath().publish(policy({copies_of("239.1.1.1/32", {target("out1", masked), target("out0", masked)}, false)}), world));
    CHECK(run_in(arriving() / Ipv4{.dst = "239.1.1.1"} / Udp{} / payload(9)).verdict == 2);
    const auto got = receiver.take(1);
    REQUIRE(got.size() == 1);
    const Frame want = leaving() / Ipv4{.src = "192.0.2.77", .dst = "10.1.1.1"} / Udp{} / payload(9);
    CHECK((got[0] == want));
    CHECK((datapath().counts().failures[{{"r", 0}, RUDDER_REASON_NO_ADDRESS}] == 1));
}

TEST_CASE("an original whose copies have all expired goes to the stack, consumed or not") {
    const Frame in = arriving() / Ipv4{.dst = "10.7.7.7", .ttl = 1} / Udp{} / payload(9);
    Rewrite fresh = to("10.1.1.2");
    fresh.ttl = {TtlAction::Mode::set, 9};
    REQUIRE(datapath().publish(policy({copies_of("10.7.7.7/32", {target("out0", to("10.1.1.1")), target("out1")}, false)}), topology()));
    const Run expired = run_in(in);
    CHECK(expired.verdict == -1);
    CHECK((expired.frame == in));
    CHECK((datapath().counts().failures[{{"r", 0}, RUDDER_REASON_TTL_EXPIRED}] == 1));
    REQUIRE(datapath().publish(policy({copies_of("10.7.7.7/32", {target("out0", to("10.1.1.1")), target("out1", fresh)}, false)}), topology()));
    CHECK(run_in(in).verdict == 2);
}

TEST_CASE("copies of random packets equal the model's, and the original is restored to the byte") {
    Random random(11);
    Receiver receiver("p-out0");
    std::uint64_t copies = 0;
    for (int round = 0; round < 60; round++) {
        const auto family = below(random, 3) == 0 ? IpFamily::v6 : IpFamily::v4;
        std::vector<Target> targets(1 + below(random, 8));
        for (Target& t : targets) {
            t = target("out0", random_rewrite(random, family));
        }
        Rule wide = copies_of("", targets, true);
        wide.match.family_v4 = family == IpFamily::v4;
        wide.match.family_v6 = family == IpFamily::v6;
        const Policy rules = policy({wide});
        REQUIRE(datapath().publish(rules, topology()));
        for (int i = 0; i < 60; i++) {
            Frame frame = random_frame(random, link_named("in0").mac);
            frame.resize(std::max<std::size_t>(frame.size(), 54));
            const TagPlace place = below(random, 2) == 0 ? TagPlace::beside : TagPlace::in_frame;
            const ModelContext context{.tag_place = place};
            std::vector<Frame> want;
            for (const ModelCopy& copy : model_run(rules, topology(), link_named("in0"), Direction::ingress, frame, context).copies) {
                if (copy.reason == RUDDER_REASON_NONE) {
                    want.push_back(copy.frame);
                }
            }
            const Run run = datapath().run_tagged(frame, place, link_named("in0").ifindex, Direction::ingress);
            INFO("round " << round << " packet " << i << " " << hex(frame));
            REQUIRE(run.verdict == -1);
            REQUIRE((run.frame == frame));
            const auto got = want.empty() ? std::vector<Frame>{} : receiver.take(want.size());
            REQUIRE((got == want));
            copies += want.size();
        }
    }
    WARN(copies << " copies compared");
    REQUIRE(receiver.take(0).empty());
    REQUIRE(copies > 500);
}
