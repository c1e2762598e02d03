// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "builders.hpp"
#include "core/compile/next_hops.hpp"
#include "random_policy.hpp"

#include "rudder_abi.h"

using namespace rudder;
using namespace rudder::test;

namespace {

const MacAddress k_mac{{2, 0, 0, 0, 0, 9}};

struct Fixture {
    Topology topology = make_topology(2);
    Target target{"eth1", {}, {}, {}};

    const Link& link() const { return topology.links.at(5); }
    NextHopKey key() const { return next_hop_key(target, link()); }
    NextHopEntry entry() const {
        Slots slots;
        slots.next_hops[key()] = 0;
        return next_hop_entries(slots, topology).at(0);
    }
    std::vector<NextHopQuery> queries() const {
        Rule rule = steer("s", "eth0", "eth1");
        rule.targets[0] = target;
        return next_hop_queries(policy({rule}), topology);
    }
};

}  // namespace

TEST_CASE("a static MAC needs no question") {
    Fixture f;
    f.target.next_hop_mac = k_mac;
    CHECK(f.queries().empty());
    CHECK(f.entry().dst_mac == k_mac);
    CHECK(f.entry().flags == (RUDDER_NH_LINK_UP | RUDDER_NH_MAC_VALID));
    CHECK(f.entry().mtu == 1500);
    CHECK(f.entry().src_mac == f.link().mac);
}

TEST_CASE("a gateway is asked for on the link and stays known while unresolved") {
    Fixture f;
    f.target.next_hop = address("10.0.0.1");
    REQUIRE(f.queries() == std::vector<NextHopQuery>{{5, address("10.0.0.1"), true}});
    CHECK(f.entry().flags == (RUDDER_NH_LINK_UP | RUDDER_NH_GATEWAY4));
    CHECK(f.entry().gateway == address("10.0.0.1"));
    f.topology.next_hops[f.queries()[0]] = {true, address("10.0.0.1"), k_mac};
    CHECK(f.entry().flags == (RUDDER_NH_LINK_UP | RUDDER_NH_GATEWAY4 | RUDDER_NH_MAC_VALID));
}

TEST_CASE("an IPv6 gateway is marked as such") {
    Fixture f;
    f.target.next_hop = address("fe80::1");
    CHECK((f.entry().flags & RUDDER_NH_GATEWAY6) != 0);
}

TEST_CASE("a fixed destination is routed by packet until its MAC is known") {
    Fixture f;
    f.target.rewrite.dst_ip = address("192.0.2.1");
    REQUIRE(f.queries() == std::vector<NextHopQuery>{{5, address("192.0.2.1"), false}});
    CHECK(f.entry().flags == (RUDDER_NH_LINK_UP | RUDDER_NH_BY_PACKET));
    f.topology.next_hops[f.queries()[0]] = {false, {}, {}};
    CHECK((f.entry().flags & RUDDER_NH_UNREACHABLE) != 0);
    f.topology.next_hops[f.queries()[0]] = {true, address("10.0.0.1"), k_mac};
    CHECK(f.entry().flags == (RUDDER_NH_LINK_UP | RUDDER_NH_MAC_VALID));
    CHECK(f.entry().dst_mac == k_mac);
    CHECK_FALSE(f.entry().gateway.has_value());  // constant for the slot's life
}

TEST_CASE("a multicast destination has its group MAC") {
    Fixture f;
    f.target.rewrite.dst_ip = address("239.129.2.3");
    CHECK(f.queries().empty());
    CHECK(f.entry().dst_mac == MacAddress{{0x01, 0x00, 0x5e, 0x01, 2, 3}});
    f.target.rewrite.dst_ip = address("ff0e::1:2");
    CHECK(f.entry().dst_mac == MacAddress{{0x33, 0x33, 0, 1, 0, 2}});
}

TEST_CASE("without next hop and destination the packet decides") {
    Fixture f;
    CHECK(f.queries().empty());
    CHECK(f.entry().flags == (RUDDER_NH_LINK_UP | RUDDER_NH_BY_PACKET));
}

TEST_CASE("a layer-3 device has no link-layer addresses to ask for") {
    Fixture f;
    f.topology.links[5].is_layer3 = true;
    f.target.next_hop = address("10.0.0.1");
    CHECK(f.queries().empty());
    CHECK((f.entry().flags & RUDDER_NH_LAYER3) != 0);
}

TEST_CASE("a link that is down or gone is not up") {
    Fixture f;
    const NextHopKey key = f.key();
    f.topology.links[5].is_up = false;
    CHECK((f.entry().flags & RUDDER_NH_LINK_UP) == 0);
    Slots slots;
    slots.next_hops[key] = 3;
    f.topology.links.erase(5);
    const auto entries = next_hop_entries(slots, f.topology);
    CHECK(entries.at(3).ifindex == 5);
    CHECK((entries.at(3).flags & RUDDER_NH_LINK_UP) == 0);
}
