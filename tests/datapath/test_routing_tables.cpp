// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include <fstream>

using namespace rudder;
using namespace rudder::test;

/// Routing tables of the kernel as the way out: the namespace of these tests has real routes and neighbours.
namespace {

const MacAddress k_gateway{{2, 0, 0, 0, 8, 1}};
const MacAddress k_other_gateway{{2, 0, 0, 0, 8, 2}};

void set_forwarding(const std::string& device, bool is_on) {
    for (const std::string family : {"ipv4", "ipv6"}) {
        std::ofstream("/proc/sys/net/" + family + "/conf/" + device + "/forwarding") << (is_on ? 1 : 0);
    }
}

/// Table 100 leads to k_gateway through out0, table 200 to k_other_gateway through out1; both know 10.1.0.0/16.
void make_routes() {
    static bool is_made = false;
    if (is_made) {
        return;
    }
    is_made = true;
    set_forwarding("in0", true);
    for (const char* command : {
             "address add 10.10.1.254/24 dev out0", "address add 10.10.2.254/24 dev out1",
             "address add 2001:db8:a::fe/64 dev out0 nodad", "neigh replace 10.10.1.1 lladdr 02:00:00:00:08:01 dev out0",
             "neigh replace 10.10.2.1 lladdr 02:00:00:00:08:02 dev out1",
             "neigh replace 2001:db8:a::1 lladdr 02:00:00:00:08:01 dev out0",
             "route add 10.1.0.0/16 via 10.10.1.1 dev out0 table 100", "route add 10.1.0.0/16 via 10.10.2.1 dev out1 table 200",
             "route add 10.2.0.0/16 via 10.10.1.77 dev out0 table 100", "route add blackhole 10.3.0.0/16 table 100",
             "route add 10.4.0.0/16 via 10.10.1.1 dev out0 mtu lock 600 table 100",
             "route add 10.5.0.0/16 via inet6 2001:db8:a::1 dev out0 table 100",
             "-6 route add 2001:db8:1::/48 via 2001:db8:a::1 dev out0 table 100",
             "route add 10.6.0.0/16 via 10.10.1.1 dev out0 tos 0x40 table 100"}) {
        INFO(command);
        REQUIRE(ip_command(command));
    }
}

Rule by_table(const std::string& dst, std::uint32_t table, Rewrite rewrite = {}, Direction direction = Direction::ingress) {
    Rule result = steer(dst, std::move(rewrite), direction);
    result.targets.front().via.clear();
    result.targets.front().next_hop_mac.reset();
    result.targets.front().table = table;
    return result;
}

bool is_ready() {
    if (!datapath().has_tables()) {
        WARN("this kernel does not look into routing tables by number (6.5): nothing tested");
        return false;
    }
    make_routes();
    return true;
}

Ethernet to_gateway(const MacAddress& gateway = k_gateway, const std::string& via = "out0") {
    return {gateway, link_named(via).mac, {}};
}

}  // namespace

TEST_CASE("the table that the rule names says where the packet goes") {
    if (!is_ready()) return;
    const Frame in = arriving() / Ipv4{.dst = "10.1.2.3"} / Udp{} / payload(30);
    check({"table 100", policy({by_table("10.0.0.0/8", 100)}), in, k_redirect,
           to_gateway() / Ipv4{.dst = "10.1.2.3", .ttl = 63} / Udp{} / payload(30)});
    check({"table 200", policy({by_table("10.0.0.0/8", 200)}), in, k_redirect,
           to_gateway(k_other_gateway, "out1") / Ipv4{.dst = "10.1.2.3", .ttl = 63} / Udp{} / payload(30)});
    check({"IPv6", policy({by_table("2001:db8::/32", 100)}), arriving() / Ipv6{.dst = "2001:db8:1::3"} / Udp{} / payload(30), k_redirect,
           to_gateway() / Ipv6{.dst = "2001:db8:1::3", .hop_limit = 63} / Udp{} / payload(30)});
    check({"IPv4 by an IPv6 gateway", policy({by_table("10.0.0.0/8", 100)}), arriving() / Ipv4{.dst = "10.5.0.1"} / Udp{} / payload(30),
           k_redirect, to_gateway() / Ipv4{.dst = "10.5.0.1", .ttl = 63} / Udp{} / payload(30)});
}

TEST_CASE("the rewritten destination is looked up") {
    if (!is_ready()) return;
    Rewrite rewrite;
    rewrite.dst_ip = address("10.1.9.9");
    check({"rewritten", policy({by_table("192.168.0.0/16", 200, rewrite)}), arriving() / Ipv4{.dst = "192.168.1.1"} / Udp{} / payload(30),
           k_redirect, to_gateway(k_other_gateway, "out1") / Ipv4{.dst = "10.1.9.9", .ttl = 63} / Udp{} / payload(30)});
}

TEST_CASE("without a route the packet goes on, and is counted") {
    if (!is_ready()) return;
    const auto to = [](const std::string& dst) { return arriving() / Ipv4{.dst = dst} / Udp{} / payload(30); };
    check({"no such route", policy({by_table("10.0.0.0/8", 100)}), to("10.99.0.1"), k_next, {}, RUDDER_REASON_NO_ROUTE});
    check({"no such table", policy({by_table("10.0.0.0/8", 4000000000u)}), to("10.1.0.1"), k_next, {}, RUDDER_REASON_NO_ROUTE});
    check({"blackhole", policy({by_table("10.0.0.0/8", 100)}), to("10.3.0.1"), k_next, {}, RUDDER_REASON_NO_ROUTE});
    Rule drops = by_table("10.0.0.0/8", 100);
    drops.failure_drops = true;
    check({"blackhole, on_failure drop", policy({drops}), to("10.3.0.1"), k_drop, {}, RUDDER_REASON_NO_ROUTE});
}

TEST_CASE("a gateway nobody has asked for is left to the kernel, which asks and keeps the packet") {
    if (!is_ready()) return;
    check({"unknown gateway", policy({by_table("10.0.0.0/8", 100)}), arriving() / Ipv4{.dst = "10.2.0.1"} / Udp{} / payload(30), k_redirect,
           arriving() / Ipv4{.dst = "10.2.0.1", .ttl = 63} / Udp{} / payload(30)});
    Rule in_place = by_table("10.0.0.0/8", 100, {}, Direction::egress);
    REQUIRE(datapath().publish(policy({in_place}), topology()));
    REQUIRE(ip_command("route replace 10.2.0.0/16 via 10.10.9.9 dev in0 onlink table 100"));
    const Run run = datapath().run(arriving() / Ipv4{.dst = "10.2.0.1"} / Udp{} / payload(30), link_named("in0").ifindex, Direction::egress);
    CHECK(run.verdict == k_redirect);
    REQUIRE(ip_command("route replace 10.2.0.0/16 via 10.10.1.77 dev out0 table 100"));
}

TEST_CASE("a route out of the hook's own device changes MACs in place") {
    if (!is_ready()) return;
    REQUIRE(ip_command("route replace 10.8.0.0/16 via 10.10.9.9 dev in0 onlink table 100"));
    REQUIRE(ip_command("neigh replace 10.10.9.9 lladdr 02:00:00:00:08:09 dev in0"));
    REQUIRE(datapath().publish(policy({by_table("10.0.0.0/8", 100, {}, Direction::egress)}), topology()));
    const Run run = datapath().run(arriving() / Ipv4{.dst = "10.8.0.1"} / Udp{} / payload(30), link_named("in0").ifindex, Direction::egress);
    CHECK(run.verdict == k_next);
    const Frame want = to_gateway({{2, 0, 0, 0, 8, 9}}, "in0") / Ipv4{.dst = "10.8.0.1"} / Udp{} / payload(30);
    INFO("want " << hex(want) << "\ngot  " << hex(run.frame));
    CHECK((run.frame == want));
}

TEST_CASE("the MTU of the route counts") {
    if (!is_ready()) return;
    const auto of = [](std::size_t bytes) { return arriving() / Ipv4{.dst = "10.4.0.1"} / Udp{} / payload(bytes - 28); };
    check({"600 bytes", policy({by_table("10.0.0.0/8", 100)}), of(600), k_redirect,
           to_gateway() / Ipv4{.dst = "10.4.0.1", .ttl = 63} / Udp{} / payload(572)});
    check({"601 bytes", policy({by_table("10.0.0.0/8", 100)}), of(601), k_next, {}, RUDDER_REASON_TOO_BIG});
}

TEST_CASE("copies take the routing table too; one whose gateway is not known is skipped") {
    if (!is_ready()) return;
    Rule copies = rule(RuleType::replicate, "10.0.0.0/8");
    for (const char* dst : {"10.1.0.1", "10.2.0.1", "10.1.0.2"}) {
        Target by_route = target("");
        by_route.next_hop_mac.reset();
        by_route.table = 100;
        by_route.rewrite.dst_ip = address(dst);
        copies.targets.push_back(by_route);
    }
    REQUIRE(datapath().publish(policy({copies}), topology()));
    CHECK(datapath().run(arriving() / Ipv4{} / Udp{} / payload(30), link_named("in0").ifindex, Direction::ingress).verdict == k_drop);
    Counts counts = datapath().counts();
    CHECK((counts.packets[{"r", 0}] == 1));
    CHECK((counts.packets[{"r", 2}] == 1));
    CHECK((counts.failures[{{"r", 1}, RUDDER_REASON_NO_NEIGHBOUR}] == 1));
}

TEST_CASE("where the kernel forwards nothing it does not answer, and that is counted as such") {
    if (!is_ready()) return;
    set_forwarding("in0", false);
    check({"forwarding off", policy({by_table("10.0.0.0/8", 100)}), arriving() / Ipv4{.dst = "10.1.2.3"} / Udp{} / payload(30), k_next, {},
           RUDDER_REASON_FORWARDING_OFF});
    set_forwarding("in0", true);
}

TEST_CASE("at egress the forwarding of the loopback is enough") {
    if (!is_ready()) return;
    const Frame in = arriving() / Ipv4{.dst = "10.1.2.3"} / Udp{} / payload(30);
    REQUIRE(datapath().publish(policy({by_table("10.0.0.0/8", 100, {}, Direction::egress)}), topology()));
    const auto verdict = [&] { return datapath().run(in, link_named("in0").ifindex, Direction::egress).verdict; };
    set_forwarding("in0", false);
    set_forwarding("lo", false);
    CHECK(verdict() == k_next);
    CHECK((datapath().counts().failures[{{"r", -1}, RUDDER_REASON_FORWARDING_OFF}] == 1));
    set_forwarding("lo", true);
    CHECK(verdict() == k_redirect);
    set_forwarding("in0", true);
}

TEST_CASE("a member of a group may be a routing table") {
    if (!is_ready()) return;
    Group group;
    group.name = "g";
    group.hash = RUDDER_HASH_5_TUPLE;
    group.members.resize(2);
    group.members[0].way.table = 100;
    group.members[1].way.table = 200;
    Rule grouped = steer("10.0.0.0/8");
    grouped.targets.front() = Target{};
    grouped.targets.front().group = "g";
    Policy rules = policy({grouped});
    rules.groups = {group};
    REQUIRE(datapath().publish(rules, topology()));
    std::map<std::uint8_t, int> seen;
    for (std::uint16_t port = 1; port < 100; port++) {
        const Run run = datapath().run(arriving() / Ipv4{.dst = "10.1.2.3"} / Udp{port, 9} / payload(30), link_named("in0").ifindex, Direction::ingress);
        REQUIRE(run.verdict == k_redirect);
        seen[run.frame.at(5)]++;
    }
    CHECK(seen.size() == 2);
    CHECK(seen[1] > 30);
    CHECK(seen[2] > 30);
}
