// SPDX-License-Identifier: Apache-2.0
#include "sandbox.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <string>

using namespace rudder;
using namespace rudder::test;

namespace {

const char* const k_mac_a = "02:00:00:00:00:0a";
const char* const k_mac_b = "02:00:00:00:00:0b";

const std::vector<std::string> k_veth = {"link set lo up",
                                         "link add veth0 address 02:00:00:00:00:01 type veth peer name veth1",
                                         "link set veth0 up",
                                         "link set veth1 up",
                                         "addr add 10.0.0.1/24 dev veth0",
                                         "addr add 2001:db8::1/64 dev veth0 nodad"};

NextHopQuery gateway(const std::string& text) { return {ifindex_of("veth0"), address(text), true}; }
NextHopQuery destination(const std::string& text) { return {ifindex_of("veth0"), address(text), false}; }

void static_neighbour(const std::string& text, const std::string& lladdr) {
    ip("neigh replace " + text + " dev veth0 lladdr " + lladdr + " nud permanent");
}

bool is_managed(const std::string& text) {
    return ip_output("neigh show " + text + " dev veth0").find("managed") != std::string::npos;
}

}  // namespace

TEST_CASE("watch answers a known gateway before it returns") {
    Sandbox sandbox(k_veth);
    static_neighbour("10.0.0.2", k_mac_a);
    static_neighbour("2001:db8::2", k_mac_b);
    REQUIRE(sandbox.monitor().watch({gateway("10.0.0.2"), gateway("2001:db8::2")}).is_ok());
    CHECK(sandbox.answer(gateway("10.0.0.2")) == NextHopAnswer{true, address("10.0.0.2"), mac(k_mac_a)});
    CHECK(sandbox.answer(gateway("2001:db8::2")) == NextHopAnswer{true, address("2001:db8::2"), mac(k_mac_b)});
    CHECK(sandbox.changes() == 0);
}

TEST_CASE("watch answers what the kernel knows now, not what it knew before") {
    Sandbox sandbox(k_veth);
    static_neighbour("10.0.0.2", k_mac_a);
    REQUIRE(sandbox.monitor().watch({gateway("10.0.0.2")}).is_ok());
    static_neighbour("10.0.0.2", k_mac_b);
    REQUIRE(sandbox.monitor().watch({gateway("10.0.0.2")}).is_ok());
    CHECK(sandbox.answer(gateway("10.0.0.2")).mac == mac(k_mac_b));
}

TEST_CASE("the answers are exactly those of the last questions") {
    Sandbox sandbox(k_veth);
    REQUIRE(sandbox.monitor().watch({gateway("10.0.0.2"), gateway("10.0.0.3")}).is_ok());
    CHECK(sandbox.topology().next_hops.size() == 2);
    REQUIRE(sandbox.monitor().watch({gateway("10.0.0.3")}).is_ok());
    CHECK(sandbox.topology().next_hops.size() == 1);
    REQUIRE(sandbox.monitor().watch({}).is_ok());
    CHECK(sandbox.topology().next_hops.empty());
}

TEST_CASE("a neighbour that appears, changes and vanishes is followed") {
    Sandbox sandbox(k_veth);
    for (const std::string text : {"10.0.0.2", "2001:db8::2"}) {
        REQUIRE(sandbox.monitor().watch({gateway(text)}).is_ok());
        CHECK_FALSE(sandbox.answer(gateway(text)).mac.has_value());
        static_neighbour(text, k_mac_a);
        CHECK(sandbox.eventually([&] { return sandbox.answer(gateway(text)).mac == mac(k_mac_a); }));
        static_neighbour(text, k_mac_b);
        CHECK(sandbox.eventually([&] { return sandbox.answer(gateway(text)).mac == mac(k_mac_b); }));
        ip("neigh del " + text + " dev veth0");
        CHECK(sandbox.eventually([&] { return !sandbox.answer(gateway(text)).mac; }));
    }
}

TEST_CASE("a neighbour is resolved by asking, without traffic") {
    // The peer owns the address in a namespace of its own, so that it is asked over the wire.
    Sandbox sandbox({"link set lo up", "link add veth0 type veth peer name veth1", "addr add 10.0.0.1/24 dev veth0",
                     "addr add 2001:db8::1/64 dev veth0 nodad", "link set veth0 up",
                     "link add br0 type bridge", "link set veth1 master br0", "link set veth1 up",
                     "link add peer0 address 02:00:00:00:00:0a type veth peer name peer1", "link set peer1 master br0",
                     "link set peer1 up", "link set br0 up"});
    const std::string other = "e1-" + std::to_string(monotonic_now());
    ip("netns add " + other);
    ip("link set peer0 netns " + other);
    ip("-n " + other + " addr add 10.0.0.2/24 dev peer0");
    ip("-n " + other + " addr add 2001:db8::2/64 dev peer0 nodad");
    ip("-n " + other + " link set peer0 up");
    REQUIRE(sandbox.monitor().watch({gateway("10.0.0.2"), destination("2001:db8::2")}).is_ok());
    const bool is_resolved = sandbox.eventually([&] {
        return sandbox.answer(gateway("10.0.0.2")).mac == mac(k_mac_a) &&
               sandbox.answer(destination("2001:db8::2")).mac == mac(k_mac_a);
    });
    ip("netns del " + other);
    CHECK(is_resolved);
}

TEST_CASE("a watched neighbour is managed by the kernel until nobody asks for it") {
    Sandbox sandbox(k_veth);
    for (const std::string text : {"10.0.0.2", "2001:db8::2"}) {
        REQUIRE(sandbox.monitor().watch({gateway(text)}).is_ok());
        CHECK(is_managed(text));
        REQUIRE(sandbox.monitor().watch({}).is_ok());
        CHECK_FALSE(is_managed(text));
    }
}

TEST_CASE("closing the monitor ends its management, and only its own") {
    Sandbox sandbox(k_veth);
    ip("neigh replace 10.0.0.3 dev veth0 managed");
    REQUIRE(sandbox.monitor().watch({gateway("10.0.0.2"), gateway("10.0.0.3")}).is_ok());
    CHECK(is_managed("10.0.0.2"));
    sandbox.close_monitor();
    CHECK_FALSE(is_managed("10.0.0.2"));
    CHECK(is_managed("10.0.0.3"));
}

TEST_CASE("what a killed predecessor left managed is released") {
    Sandbox sandbox(k_veth);
    ip("neigh replace 10.0.0.2 dev veth0 managed protocol 82");
    ip("neigh replace 10.0.0.3 dev veth0 managed protocol 82");
    REQUIRE(sandbox.monitor().watch({gateway("10.0.0.3")}).is_ok());
    CHECK_FALSE(is_managed("10.0.0.2"));
    CHECK(is_managed("10.0.0.3"));
}

TEST_CASE("static and externally learned neighbours keep their marks") {
    Sandbox sandbox(k_veth);
    static_neighbour("10.0.0.2", k_mac_a);
    ip(std::string("neigh replace 10.0.0.3 dev veth0 lladdr ") + k_mac_b + " nud reachable extern_learn");
    REQUIRE(sandbox.monitor().watch({gateway("10.0.0.2"), gateway("10.0.0.3")}).is_ok());
    REQUIRE(sandbox.monitor().watch({}).is_ok());
    CHECK(ip_output("neigh show 10.0.0.2").find("PERMANENT") != std::string::npos);
    CHECK(ip_output("neigh show 10.0.0.3").find("extern_learn") != std::string::npos);
}

TEST_CASE("a neighbour flushed with its link is asked for again when the link is back") {
    Sandbox sandbox(k_veth);
    REQUIRE(sandbox.monitor().watch({gateway("10.0.0.2")}).is_ok());
    REQUIRE(is_managed("10.0.0.2"));
    ip("link set veth0 down");
    CHECK(sandbox.eventually([&] { return !sandbox.link("veth0")->is_up; }));
    CHECK_FALSE(is_managed("10.0.0.2"));
    ip("link set veth0 up");
    CHECK(sandbox.eventually([&] { return is_managed("10.0.0.2"); }));
}

TEST_CASE("a neighbour that the kernel would not take is asked for again in time") {
    NetlinkOptions options;
    options.retry = {50'000, 200'000};
    Sandbox sandbox({"link add veth0 type veth peer name veth1", "link set veth0 addrgenmode none", "link set veth0 up",
                     "link set veth1 up"},
                    options);
    const auto disable_ipv6 = [](int value) {
        std::ofstream("/proc/sys/net/ipv6/conf/veth0/disable_ipv6") << value;
    };
    disable_ipv6(1);
    REQUIRE(sandbox.monitor().watch({gateway("2001:db8::2")}).is_ok());
    sandbox.run_for(300'000);
    REQUIRE_FALSE(is_managed("2001:db8::2"));
    disable_ipv6(0);
    CHECK(sandbox.eventually([&] { return is_managed("2001:db8::2"); }));
}

TEST_CASE("the gateway of a destination is the route's, out of the asked device") {
    Sandbox sandbox(k_veth);
    ip("route add 10.9.0.0/16 via 10.0.0.2");
    ip("route add 2001:db8:9::/48 via 2001:db8::2");
    static_neighbour("10.0.0.2", k_mac_a);
    static_neighbour("2001:db8::2", k_mac_b);
    REQUIRE(sandbox.monitor().watch({destination("10.9.0.1"), destination("2001:db8:9::1"), destination("10.0.0.77")}).is_ok());
    CHECK(sandbox.answer(destination("10.9.0.1")) == NextHopAnswer{true, address("10.0.0.2"), mac(k_mac_a)});
    CHECK(sandbox.answer(destination("2001:db8:9::1")) == NextHopAnswer{true, address("2001:db8::2"), mac(k_mac_b)});
    CHECK(sandbox.answer(destination("10.0.0.77")) == NextHopAnswer{true, address("10.0.0.77"), std::nullopt});

    static_neighbour("10.0.0.3", k_mac_b);
    ip("route replace 10.9.0.0/16 via 10.0.0.3");
    CHECK(sandbox.eventually([&] { return sandbox.answer(destination("10.9.0.1")).mac == mac(k_mac_b); }));
    ip("route del 10.9.0.0/16");
    CHECK(sandbox.eventually([&] { return !sandbox.answer(destination("10.9.0.1")).is_reachable; }));
    ip("-6 route replace 2001:db8:9::/48 dev veth0");
    CHECK(sandbox.eventually([&] { return sandbox.answer(destination("2001:db8:9::1")).gateway == address("2001:db8:9::1"); }));
}

TEST_CASE("a destination without a route out of the device is not reachable") {
    Sandbox sandbox(k_veth);
    ip("addr add 10.1.0.1/24 dev veth1");
    ip("route add 10.9.0.0/16 via 10.1.0.2 dev veth1");
    ip("route add blackhole 10.8.0.0/16");
    ip("route add unreachable 10.7.0.0/16");
    for (const std::string text : {"10.9.0.1", "10.8.0.1", "10.7.0.1", "192.0.2.1", "2001:db8:ffff::1", "10.0.0.1"}) {
        INFO(text);
        REQUIRE(sandbox.monitor().watch({destination(text)}).is_ok());
        CHECK(sandbox.answer(destination(text)) == NextHopAnswer{});
    }
    REQUIRE(sandbox.monitor().watch({{ifindex_of("veth1"), address("10.9.0.1"), false}}).is_ok());
    CHECK(sandbox.answer({ifindex_of("veth1"), address("10.9.0.1"), false}).gateway == address("10.1.0.2"));
}

TEST_CASE("of a multipath route the next hop on the asked device counts") {
    Sandbox sandbox(k_veth);
    ip("addr add 10.1.0.1/24 dev veth1");
    ip("route add 10.9.0.0/16 nexthop via 10.0.0.2 dev veth0 nexthop via 10.1.0.2 dev veth1");
    const NextHopQuery other{ifindex_of("veth1"), address("10.9.0.1"), false};
    REQUIRE(sandbox.monitor().watch({destination("10.9.0.1"), other}).is_ok());
    CHECK(sandbox.answer(destination("10.9.0.1")).gateway == address("10.0.0.2"));
    CHECK(sandbox.answer(other).gateway == address("10.1.0.2"));
}

TEST_CASE("an IPv4 route may have an IPv6 next hop") {
    Sandbox sandbox(k_veth);
    ip("route add 10.9.0.0/16 via inet6 2001:db8::2 dev veth0");
    static_neighbour("2001:db8::2", k_mac_b);
    REQUIRE(sandbox.monitor().watch({destination("10.9.0.1")}).is_ok());
    CHECK(sandbox.answer(destination("10.9.0.1")) == NextHopAnswer{true, address("2001:db8::2"), mac(k_mac_b)});
}

TEST_CASE("a changed next-hop object and a changed rule are noticed") {
    Sandbox sandbox(k_veth);
    ip("nexthop add id 7 via 10.0.0.2 dev veth0");
    ip("route add 10.9.0.0/16 nhid 7");
    REQUIRE(sandbox.monitor().watch({destination("10.9.0.1")}).is_ok());
    CHECK(sandbox.answer(destination("10.9.0.1")).gateway == address("10.0.0.2"));
    ip("nexthop replace id 7 via 10.0.0.3 dev veth0");
    CHECK(sandbox.eventually([&] { return sandbox.answer(destination("10.9.0.1")).gateway == address("10.0.0.3"); }));
    ip("route add 10.9.0.0/16 via 10.0.0.4 table 99");
    ip("rule add to 10.9.0.0/16 lookup 99");
    CHECK(sandbox.eventually([&] { return sandbox.answer(destination("10.9.0.1")).gateway == address("10.0.0.4"); }));
}

TEST_CASE("group destinations have their group MAC without a neighbour") {
    Sandbox sandbox(k_veth);
    const auto v4 = destination("239.129.1.2"), v6 = destination("ff0e::1:2"), broadcast = destination("10.0.0.255");
    REQUIRE(sandbox.monitor().watch({v4, v6, broadcast}).is_ok());
    CHECK(sandbox.answer(v4) == NextHopAnswer{true, v4.address, mac("01:00:5e:01:01:02")});
    CHECK(sandbox.answer(v6) == NextHopAnswer{true, v6.address, mac("33:33:00:01:00:02")});
    CHECK(sandbox.answer(broadcast) == NextHopAnswer{true, broadcast.address, mac("ff:ff:ff:ff:ff:ff")});
}

TEST_CASE("layer-3 and loopback devices need no neighbour") {
    Sandbox sandbox({"link set lo up", "tuntap add dev tun0 mode tun", "link set tun0 up"});
    for (const std::string device : {"tun0", "lo"}) {
        const NextHopQuery query{ifindex_of(device), address("192.0.2.1"), false};
        REQUIRE(sandbox.monitor().watch({query}).is_ok());
        CHECK(sandbox.answer(query) == NextHopAnswer{true, query.address, std::nullopt});
    }
}

TEST_CASE("a question about a missing device is answered, not an error") {
    Sandbox sandbox(k_veth);
    const NextHopQuery query{4242, address("10.0.0.2"), true};
    REQUIRE(sandbox.monitor().watch({query}).is_ok());
    CHECK(sandbox.answer(query) == NextHopAnswer{});
}

TEST_CASE("on_change may watch anew") {
    Sandbox sandbox(k_veth);
    sandbox.on_change([&] { REQUIRE(sandbox.monitor().watch({gateway("10.0.0.3")}).is_ok()); });
    REQUIRE(sandbox.monitor().watch({gateway("10.0.0.2")}).is_ok());
    static_neighbour("10.0.0.2", k_mac_a);
    CHECK(sandbox.eventually([&] { return sandbox.topology().next_hops.contains(gateway("10.0.0.3")); }));
    CHECK(is_managed("10.0.0.3"));
}
