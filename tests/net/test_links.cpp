// SPDX-License-Identifier: Apache-2.0
#include "sandbox.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <string>

using namespace rudder;
using namespace rudder::test;

namespace {

const std::vector<std::string> k_veth = {"link set lo up", "link add veth0 type veth peer name veth1",
                                         "link set veth0 up", "link set veth1 up"};

/// Carrier comes a while after `ip link set up` has returned.
void await_carrier(Sandbox& sandbox) {
    REQUIRE(sandbox.eventually([&] { return sandbox.link("veth0")->is_up && sandbox.link("veth1")->is_up; }));
    sandbox.run_for(100'000);
    sandbox.forget_changes();
}

}  // namespace

TEST_CASE("the links that exist are known as soon as the monitor is open") {
    Sandbox sandbox(k_veth);
    await_carrier(sandbox);
    sandbox.close_monitor();
    sandbox.open_monitor();
    CHECK(sandbox.eventually([&] { return sandbox.topology().links == links_by_ip(); }));
    REQUIRE(sandbox.link("veth0") != nullptr);
    CHECK(sandbox.link("veth0")->kind == "veth");
    CHECK(sandbox.link("veth0")->is_up);
    CHECK(sandbox.link("veth0")->mtu == 1500);
    CHECK_FALSE(sandbox.link("veth0")->mac.is_zero());
    CHECK(sandbox.link("lo")->is_loopback);
    CHECK(sandbox.changes() == 0);
}

TEST_CASE("a link that comes and goes is reported") {
    Sandbox sandbox;
    ip("link add veth0 type veth peer name veth1");
    CHECK(sandbox.eventually([&] { return sandbox.link("veth0") && sandbox.link("veth1"); }));
    CHECK(sandbox.changes() >= 1);
    ip("link del veth0");
    CHECK(sandbox.eventually([&] { return !sandbox.link("veth0") && !sandbox.link("veth1"); }));
    CHECK(sandbox.monitor().take_removed_links().size() == 2);
    CHECK(sandbox.monitor().take_removed_links().empty());
}

TEST_CASE("many events within a settle window are one change") {
    Sandbox sandbox(k_veth);
    await_carrier(sandbox);
    std::string lines;
    for (int mtu = 1400; mtu < 1420; ++mtu) lines += "link set veth0 mtu " + std::to_string(mtu) + "\n";
    ip_batch(lines);
    CHECK(sandbox.eventually([&] { return sandbox.link("veth0")->mtu == 1419; }));
    sandbox.run_for(100'000);
    CHECK(sandbox.changes() == 1);
}

TEST_CASE("an event that changes nothing calls nobody") {
    Sandbox sandbox(k_veth);
    await_carrier(sandbox);
    ip_batch("link set veth0 mtu 1400\nlink set veth0 mtu 1500\n");
    sandbox.run_for(150'000);
    CHECK(sandbox.changes() == 0);
}

TEST_CASE("a renamed link keeps its index and loses its old name") {
    Sandbox sandbox(k_veth);
    const auto index = sandbox.link("veth0")->ifindex;
    ip("link set veth0 down");
    ip("link set veth0 name wan");
    CHECK(sandbox.eventually([&] { return sandbox.link("wan") != nullptr; }));
    CHECK(sandbox.link("wan")->ifindex == index);
    CHECK(sandbox.link("veth0") == nullptr);
    CHECK(sandbox.monitor().take_removed_links().empty());
}

TEST_CASE("alternative names come and go") {
    Sandbox sandbox(k_veth);
    await_carrier(sandbox);
    ip("link property add dev veth0 altname uplink-with-a-name-longer-than-fifteen altname b");
    CHECK(sandbox.eventually([&] { return sandbox.link("b") != nullptr; }));
    CHECK(sandbox.link("uplink-with-a-name-longer-than-fifteen") == sandbox.link("veth0"));
    CHECK(sandbox.eventually([&] { return sandbox.topology().links == links_by_ip(); }));
    ip("link property del dev veth0 altname b");
    CHECK(sandbox.eventually([&] { return sandbox.link("b") == nullptr; }));
}

TEST_CASE("a link replaced by an equal one of the same index is a change, and named as removed") {
    Sandbox sandbox({"link add veth0 index 77 address 02:00:00:00:00:01 type veth peer name veth1 index 78 address 02:00:00:00:00:02"});
    const auto before = sandbox.topology().links;
    ip_batch(
        "link del veth0\n"
        "link add veth0 index 77 address 02:00:00:00:00:01 type veth peer name veth1 index 78 address 02:00:00:00:00:02\n");
    CHECK(sandbox.eventually([&] { return sandbox.changes() > 0; }));
    CHECK(sandbox.topology().links == before);
    CHECK(sandbox.monitor().take_removed_links() == std::set<std::uint32_t>{77, 78});
}

TEST_CASE("MTU, MAC, carrier and administrative state follow the kernel") {
    Sandbox sandbox(k_veth);
    await_carrier(sandbox);
    ip("link set veth0 mtu 9000");
    CHECK(sandbox.eventually([&] { return sandbox.link("veth0")->mtu == 9000; }));
    ip("link set veth1 down");
    CHECK(sandbox.eventually([&] { return !sandbox.link("veth0")->is_up && !sandbox.link("veth1")->is_up; }));
    ip("link set veth1 up");
    CHECK(sandbox.eventually([&] { return sandbox.link("veth0")->is_up && sandbox.link("veth1")->is_up; }));
    ip("link set veth0 address 02:00:00:00:00:99");
    CHECK(sandbox.eventually([&] { return sandbox.link("veth0")->mac == mac("02:00:00:00:00:99"); }));
}

TEST_CASE("what a device is a port of and what it is stacked on follow the kernel") {
    Sandbox sandbox({"link add br0 type bridge", "link add veth0 type veth peer name veth1", "link add mv0 link veth1 type macvlan",
                     "link set veth0 master br0"});
    const auto ifindex = [&](const char* name) { return sandbox.link(name)->ifindex; };
    CHECK(sandbox.link("veth0")->master == ifindex("br0"));
    CHECK(sandbox.link("veth0")->slave_kind == "bridge");
    CHECK(sandbox.link("veth0")->lower == 0);
    CHECK(sandbox.link("mv0")->lower == ifindex("veth1"));
    CHECK(sandbox.link("br0")->master == 0);
    ip("link set veth0 nomaster");
    CHECK(sandbox.eventually([&] { return sandbox.link("veth0")->master == 0 && sandbox.link("veth0")->slave_kind.empty(); }));
    ip("link set veth0 master br0");
    CHECK(sandbox.eventually([&] { return sandbox.link("veth0")->master == ifindex("br0"); }));
}

TEST_CASE("a port that leaves its bridge is still there") {
    Sandbox sandbox({"link add br0 type bridge", "link add veth0 type veth peer name veth1", "link set veth0 master br0"});
    CHECK(sandbox.link("br0")->kind == "bridge");
    ip("link set veth0 nomaster");
    sandbox.run_for(150'000);
    CHECK(sandbox.link("veth0") != nullptr);
    CHECK(sandbox.monitor().take_removed_links().empty());
}

TEST_CASE("a link moved to another namespace is gone") {
    const std::string other = "e1-" + std::to_string(::getpid());
    Sandbox sandbox(k_veth);
    ip("netns add " + other);
    ip("link set veth1 netns " + other);
    const bool is_gone = sandbox.eventually([&] { return sandbox.link("veth1") == nullptr; });
    ip("netns del " + other);
    CHECK(is_gone);
    CHECK(sandbox.eventually([&] { return sandbox.link("veth0") == nullptr; }));
}

TEST_CASE("a tun device is a layer-3 device without a MAC") {
    Sandbox sandbox;
    ip("tuntap add dev tun0 mode tun");
    REQUIRE(sandbox.eventually([&] { return sandbox.link("tun0") != nullptr; }));
    CHECK(sandbox.link("tun0")->is_layer3);
    CHECK(sandbox.link("tun0")->mac.is_zero());
    ip("tuntap add dev tap0 mode tap");
    REQUIRE(sandbox.eventually([&] { return sandbox.link("tap0") != nullptr; }));
    CHECK_FALSE(sandbox.link("tap0")->is_layer3);
}
