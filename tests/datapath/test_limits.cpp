// SPDX-License-Identifier: Apache-2.0
#include "policies.hpp"

#include <catch2/catch.hpp>

using namespace rudder;
using namespace rudder::test;

namespace {

constexpr std::uint32_t k_verifier_limit = 1000000;
constexpr std::uint32_t k_repeat = 200000;

/// Mean of many runs on one frame. The frame is rewritten in place from run to run, so its TTL is kept.
std::uint32_t cost(const Policy& rules, std::uint32_t repeat = k_repeat) {
    REQUIRE(datapath().publish(rules, topology()));
    const Frame frame = arriving() / Ipv4{} / Udp{} / payload(22);
    return datapath().run(frame, link_named("in0").ifindex, Direction::ingress, repeat).nanoseconds;
}

Rewrite kept(bool to_other_host) {
    Rewrite rewrite;
    rewrite.ttl.mode = TtlAction::Mode::keep;
    if (to_other_host) {
        rewrite.dst_ip = address("10.9.9.9");
    }
    return rewrite;
}

}  // namespace

TEST_CASE("the verifier has half of its limit left") {
    for (const auto& [program, verified] : datapath().verified_instructions()) {
        WARN(program << ": verified instructions: " << verified);
        CHECK(verified < k_verifier_limit / 2);
    }
}

TEST_CASE("the cost of a packet is reported") {
    Rule copies = rule(RuleType::replicate, "10.0.0.0/8");
    for (int i = 0; i < 12; i++) {
        copies.targets.push_back(target("out0", kept(true)));
    }
    copies.original_passes = true;
    WARN("ns per packet: no hook " << cost(policy({}))
         << ", no match " << cost(policy({rule(RuleType::drop, "11.0.0.0/8")}))
         << ", steer without rewrite " << cost(policy({steer("10.0.0.0/8", kept(false))}))
         << ", steer with rewrite " << cost(policy({steer("10.0.0.0/8", kept(true))}))
         << ", replicate to 12 over veth " << cost(policy({copies}), 2000));
    SUCCEED();
}
