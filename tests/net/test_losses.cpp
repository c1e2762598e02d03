// SPDX-License-Identifier: Apache-2.0
#include "sandbox.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <set>
#include <string>

using namespace rudder;
using namespace rudder::test;

namespace {

const std::vector<std::string> k_veth = {"link set lo up",
                                         "link add veth0 address 02:00:00:00:00:01 type veth peer name veth1",
                                         "link set veth0 up",
                                         "link set veth1 up",
                                         "addr add 10.0.0.1/24 dev veth0"};

/// Nothing is looked at again before a test has ended.
constexpr NetlinkOptions k_slow = [] {
    NetlinkOptions options;
    options.settle = 60'000'000;
    return options;
}();

NextHopQuery gateway(const std::string& text) { return {ifindex_of("veth0"), address(text), true}; }

/// A monitor that has been told of nothing yet, and what it tells ahead.
struct Losses {
    explicit Losses(const NetlinkOptions& options = k_slow) : sandbox(k_veth) {
        // A carrier that is not there yet cannot be lost.
        REQUIRE(sandbox.eventually([&] { return sandbox.link("veth0")->is_up && sandbox.link("veth1")->is_up; }));
        sandbox.open_monitor(options);
        sandbox.forget_changes();
        sandbox.monitor().set_on_loss([this](const std::set<std::uint32_t>& devices) { told.push_back(devices); });
    }
    bool eventually_told() {
        return sandbox.eventually([&] { return !told.empty(); });
    }

    Sandbox sandbox;
    std::vector<std::set<std::uint32_t>> told;
};

/// Nobody has the address; the kernel gives up soon.
void let_neighbour_fail(NetlinkMonitor& monitor, const std::string& text) {
    std::ofstream("/proc/sys/net/ipv4/neigh/veth0/retrans_time_ms") << 20;
    REQUIRE(monitor.watch({gateway(text)}).is_ok());
}

}  // namespace

TEST_CASE("a carrier that goes is told before the settle window has passed") {
    Losses losses;
    const std::uint32_t device = ifindex_of("veth0");
    ip("link set veth1 down");
    REQUIRE(losses.eventually_told());
    CHECK(losses.told.front().contains(device));
    CHECK_FALSE(losses.sandbox.link("veth0")->is_up);
    CHECK(losses.sandbox.changes() == 0);
}

TEST_CASE("a device that goes is told before the settle window has passed") {
    Losses losses;
    const std::uint32_t device = ifindex_of("veth0");
    ip("link del veth0");
    REQUIRE(losses.eventually_told());
    CHECK(losses.told.front().contains(device));
}

TEST_CASE("a neighbour that fails is told before the settle window has passed") {
    Losses losses;
    let_neighbour_fail(losses.sandbox.monitor(), "10.0.0.2");
    REQUIRE(losses.eventually_told());
    CHECK(losses.told.front() == std::set<std::uint32_t>{ifindex_of("veth0")});
    CHECK(losses.sandbox.answer(gateway("10.0.0.2")).has_failed);
    CHECK(losses.sandbox.changes() == 0);
}

TEST_CASE("a change follows each loss, even when all is as before by then") {
    NetlinkOptions options;
    options.settle = 300'000;
    Losses losses(options);
    // Its own flags are told one by one; the carrier's coming and going the kernel may tell as one event.
    ip_batch("link set veth0 down\nlink set veth0 up\n");
    REQUIRE(losses.eventually_told());
    CHECK(losses.sandbox.eventually([&] { return losses.sandbox.changes() > 0 && losses.sandbox.link("veth0")->is_up; }));
}

TEST_CASE("a failed neighbour stays failed while the kernel tries it again, until it is usable") {
    Sandbox sandbox(k_veth);
    let_neighbour_fail(sandbox.monitor(), "10.0.0.2");
    REQUIRE(sandbox.eventually([&] { return sandbox.answer(gateway("10.0.0.2")).has_failed; }));
    bool has_lived = false;
    sandbox.on_change([&] { has_lived = has_lived || !sandbox.answer(gateway("10.0.0.2")).has_failed; });
    ip("neigh replace 10.0.0.2 dev veth0 nud probe lladdr 02:00:00:00:00:0a");
    CHECK(sandbox.eventually([&] { return sandbox.answer(gateway("10.0.0.2")).mac.has_value(); }));
    CHECK_FALSE(sandbox.answer(gateway("10.0.0.2")).has_failed);
    REQUIRE(sandbox.eventually([&] { return sandbox.answer(gateway("10.0.0.2")).has_failed; }));
    has_lived = false;
    ip("neigh replace 10.0.0.2 dev veth0 nud incomplete");
    sandbox.run_for(300'000);
    CHECK_FALSE(has_lived);
}

TEST_CASE("a neighbour on a link that is down has not failed: the link is what is told") {
    Sandbox sandbox(k_veth);
    let_neighbour_fail(sandbox.monitor(), "10.0.0.2");
    REQUIRE(sandbox.eventually([&] { return sandbox.answer(gateway("10.0.0.2")).has_failed; }));
    ip("link set veth0 down");
    CHECK(sandbox.eventually([&] { return !sandbox.answer(gateway("10.0.0.2")).has_failed; }));
}
