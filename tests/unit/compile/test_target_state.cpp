// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "builders.hpp"
#include "core/compile/target_state.hpp"
#include "random_policy.hpp"

#include "rudder_abi.h"

using namespace rudder;
using namespace rudder::test;

namespace {

LinkAddress own(const char* text, std::uint8_t length) {
    LinkAddress result;
    result.address = address(text);
    result.prefix_length = length;
    return result;
}

/// A rule for one family that sends with the address of eth1.
Rule masked(IpFamily family) {
    Rule rule = steer("s", "eth0", "eth1");
    rule.match.family_v4 = family == IpFamily::v4;
    rule.match.family_v6 = family == IpFamily::v6;
    rule.targets[0].rewrite.is_src_of_interface = true;
    return rule;
}

Topology with_addresses(std::vector<LinkAddress> addresses) {
    Topology topology = make_topology(2);
    topology.links.at(find_link(topology, "eth1")->ifindex).addresses = std::move(addresses);
    return topology;
}

Image compiled(const Rule& rule, const Topology& topology) { return compile(policy({rule}), topology, {}).value(); }

IpAddress source_of(const Image& image, IpFamily family = IpFamily::v4) {
    const rudder_target record = target_of(image, 0);
    IpAddress source;
    source.family = family;
    std::memcpy(source.bytes.data(), record.src_be, source.bits() / 8);
    return source;
}

}  // namespace

TEST_CASE("the source of a target is its device's address of the rule's family") {
    const Topology topology = with_addresses({own("192.0.2.1", 24), own("2001:db8::1", 64)});
    const Image v4 = compiled(masked(IpFamily::v4), topology);
    CHECK((target_of(v4, 0).flags & RUDDER_REWRITE_SRC_IP) != 0);
    CHECK((target_of(v4, 0).flags & RUDDER_TARGET_DEFERRED) == 0);
    CHECK(source_of(v4) == address("192.0.2.1"));
    CHECK(source_of(compiled(masked(IpFamily::v6), topology), IpFamily::v6) == address("2001:db8::1"));
}

TEST_CASE("of several addresses the one whose network holds the next hop or the new destination is the source") {
    const Topology topology = with_addresses({own("192.0.2.1", 24), own("198.51.100.1", 24)});
    Rule rule = masked(IpFamily::v4);
    CHECK(source_of(compiled(rule, topology)) == address("192.0.2.1"));
    rule.targets[0].rewrite.dst_ip = address("198.51.100.9");
    CHECK(source_of(compiled(rule, topology)) == address("198.51.100.1"));
    rule.targets[0].next_hop = address("192.0.2.9");
    CHECK(source_of(compiled(rule, topology)) == address("192.0.2.1"));
}

TEST_CASE("a changed address is another image, an equal one is not") {
    const Topology before = with_addresses({own("192.0.2.1", 24)});
    CHECK(compiled(masked(IpFamily::v4), before).blob == compiled(masked(IpFamily::v4), with_addresses({own("192.0.2.1", 25)})).blob);
    CHECK(compiled(masked(IpFamily::v4), before).blob != compiled(masked(IpFamily::v4), with_addresses({own("192.0.2.2", 24)})).blob);
}

TEST_CASE("a target without an address waits, and says for what") {
    const Image image = compiled(masked(IpFamily::v6), with_addresses({own("192.0.2.1", 24)}));
    CHECK(image.rules[0].is_deferred);
    CHECK(image.rules[0].reason == "no IPv6 address on eth1");
    CHECK(image.hooks.empty());
    CHECK((target_of(image, 0).flags & RUDDER_TARGET_DEFERRED) != 0);
    CHECK(target_of(image, 0).next_hop == RUDDER_REASON_NO_ADDRESS);
}

TEST_CASE("one target without an address or device leaves the rule in force") {
    Rule rule = masked(IpFamily::v4);
    rule.type = RuleType::replicate;
    rule.targets.push_back({"eth0", {}, {}, {}});
    rule.targets.push_back({"eth9", {}, {}, {}});
    const Image image = compiled(rule, with_addresses({}));
    CHECK_FALSE(image.rules[0].is_deferred);
    CHECK(image.rules[0].reason == "no IPv4 address on eth1");
    CHECK(target_of(image, 0, 0).next_hop == RUDDER_REASON_NO_ADDRESS);
    CHECK((target_of(image, 0, 1).flags & RUDDER_TARGET_DEFERRED) == 0);
    CHECK(target_of(image, 0, 2).next_hop == RUDDER_REASON_NO_DEVICE);
}
