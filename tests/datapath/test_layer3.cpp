// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include <algorithm>

using namespace rudder;
using namespace rudder::test;

/// Devices without Ethernet headers. A test run takes in0 for one when the policy says so: its frames are bare IP. They
/// run at egress, since the kernel reads a receiver from the first six bytes and takes them for somebody else's.
namespace {

Topology with_layer3(const char* name) {
    Topology result = topology();
    Link& link = result.links[link_named(name).ifindex];
    link.is_layer3 = true;
    link.mac = {};
    return result;
}

Rule away(RuleType type, std::vector<Target> targets) {
    Rule result = rule(type, "10.0.0.0/8", Direction::egress);
    result.targets = std::move(targets);
    return result;
}

Rewrite to(const std::string& dst) {
    Rewrite rewrite;
    rewrite.dst_ip = address(dst);
    return rewrite;
}

Run run_out(const Frame& frame) { return datapath().run(frame, link_named("in0").ifindex, Direction::egress); }

}  // namespace

TEST_CASE("from a layer-3 device to an Ethernet device the header is added") {
    const Frame in = Ipv4{} / Udp{} / payload(40);
    REQUIRE(datapath().publish(policy({away(RuleType::steer, {target("out0", to("10.9.9.9"))})}), with_layer3("in0")));
    const Run run = run_out(in);
    const Frame want = leaving() / Ipv4{.dst = "10.9.9.9"} / Udp{} / payload(40);
    INFO("want " << hex(want) << "\ngot  " << hex(run.frame));
    CHECK(run.verdict == k_redirect);
    CHECK((run.frame == want));
}

TEST_CASE("to a layer-3 device only the IP packet is rewritten: the kernel takes the header off") {
    const Frame in = arriving() / Ipv4{} / Udp{} / payload(40);
    REQUIRE(datapath().publish(policy({away(RuleType::steer, {target("out0", to("10.9.9.9"))})}), with_layer3("out0")));
    const Run run = run_out(in);
    CHECK(run.verdict == k_redirect);
    CHECK((run.frame == Frame(arriving() / Ipv4{.dst = "10.9.9.9"} / Udp{} / payload(40))));
}

TEST_CASE("the header added for the first copy does not count for the MTU of the second") {
    const Frame in = Ipv4{} / Udp{} / payload(1472);
    REQUIRE(datapath().publish(policy({away(RuleType::replicate, {target("out0", to("10.9.9.1")), target("out1", to("10.9.9.2"))})}), with_layer3("in0")));
    CHECK(run_out(in).verdict == k_drop);
    CHECK((datapath().counts().packets[{"r", 1}] == 1));
}

TEST_CASE("copies from a layer-3 device are made when the original is consumed, refused when it must go on") {
    const Frame in = Ipv4{} / Udp{} / payload(40);
    for (const bool passes : {false, true}) {
        Rule copies = away(RuleType::replicate, {target("out0", to("10.9.9.1")), target("out1", to("10.9.9.2"))});
        copies.original_passes = passes;
        REQUIRE(datapath().publish(policy({copies}), with_layer3("in0")));
        const Run run = run_out(in);
        Counts counts = datapath().counts();
        CHECK(run.verdict == (passes ? k_next : k_drop));
        CHECK((counts.packets[{"r", 0}] == (passes ? 0u : 1u)));
        CHECK((counts.packets[{"r", 1}] == (passes ? 0u : 1u)));
        if (passes) {
            CHECK((run.frame == in));
            CHECK(counts.reasons[RUDDER_REASON_NOT_WRITABLE] == 2);
        }
    }
}
