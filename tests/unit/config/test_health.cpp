// SPDX-License-Identifier: Apache-2.0
#include "policy_of.hpp"

#include <catch2/catch.hpp>

using namespace rudder;
using namespace rudder::test;
using namespace std::chrono_literals;

namespace {

HealthProbe probe_of(const std::string& keys) {
    const Policy policy = policy_of(steer_rule("group = \"g\"") +
                                    "[[group]]\nname = \"g\"\nmembers = [{ via = \"eth1\", next_hop = \"10.0.0.1\" }]\n"
                                    "[group.health]\n" +
                                    keys + "\n");
    REQUIRE(policy.groups.at(0).probe.has_value());
    return *policy.groups.at(0).probe;
}

}  // namespace

TEST_CASE("a group without [group.health] is not probed") {
    CHECK_FALSE(policy_of("[[group]]\nname = \"g\"\nmembers = [{ via = \"eth1\" }]\n").groups.at(0).probe);
}

TEST_CASE("all but the type of a probe has a default") {
    const HealthProbe probe = probe_of("type = \"icmp\"");
    CHECK(probe == HealthProbe{});
    CHECK(probe.interval == 1s);
    CHECK(probe.timeout == 500ms);
}

TEST_CASE("without a timeout it is half the interval, at most a second") {
    CHECK(probe_of("type = \"icmp\"\ninterval = \"100ms\"").timeout == 50ms);
    CHECK(probe_of("type = \"icmp\"\ninterval = \"1h\"").timeout == 1s);
}

TEST_CASE("the keys of a probe are read, times in any unit") {
    const HealthProbe probe = probe_of(
        "type = \"udp\"\nport = 53\naddress = \"192.0.2.1\"\ninterval = \"1m\"\ntimeout = \"30000ms\"\nrise = 4\nfall "
        "= 5\n"
        "hold_down = \"1h\"\nrequest = \"a b\"\nexpect = \"hex:00 Ff61\"");
    CHECK(probe.type == HealthProbe::Type::udp);
    CHECK(probe.port == 53);
    CHECK(probe.address == parse_ip_address("192.0.2.1"));
    CHECK(probe.interval == 1min);
    CHECK(probe.timeout == 30s);
    CHECK(probe.rise == 4);
    CHECK(probe.fall == 5);
    CHECK(probe.hold_down == 1h);
    CHECK(probe.request == "a b");
    CHECK(probe.expect == std::string("\0\xff"
                                      "a",
                                      3));
    CHECK(probe_of("type = \"TCP\"\nport = 443").type == HealthProbe::Type::tcp);
}

TEST_CASE("a member with an error of its own is not judged again for its probe") {
    const PolicyResult result =
        build_policy({{"test.toml",
                       "[[group]]\nname = \"g\"\nmembers = [{ via = \"eth1\", next_hop = \"10.0.0\" }]\n"
                       "[group.health]\ntype = \"icmp\"\n"}});
    CHECK(result.diagnostics.error_count() == 1);
}

TEST_CASE("who is asked: the address of the probe, else the next hop, else the destination") {
    HealthProbe probe;
    GroupMember member;
    CHECK_FALSE(probe_destination(probe, member));
    member.way.rewrite.dst_ip = parse_ip_address("10.0.0.2");
    CHECK(probe_destination(probe, member) == member.way.rewrite.dst_ip);
    member.way.next_hop = parse_ip_address("10.0.0.1");
    CHECK(probe_destination(probe, member) == member.way.next_hop);
    probe.address = parse_ip_address("10.0.0.3");
    CHECK(probe_destination(probe, member) == probe.address);
}
