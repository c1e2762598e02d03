// SPDX-License-Identifier: Apache-2.0
#include "sandbox.hpp"

#include <catch2/catch.hpp>

#include <ctime>
#include <string>

using namespace rudder;
using namespace rudder::test;

namespace {

double cpu_seconds() {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

std::string link_flaps(int rounds) {
    std::string lines;
    for (int i = 0; i < rounds; ++i) {
        const std::string mtu = std::to_string(1300 + i % 200);
        lines += "link set veth0 mtu " + mtu + "\nlink set veth1 mtu " + mtu + "\n";
        if (i % 10 == 0) lines += "link add x" + std::to_string(i) + " type veth peer name y" + std::to_string(i) + "\n";
        if (i % 20 == 10) lines += "link del x" + std::to_string(i - 10) + "\n";
    }
    return lines;
}

}  // namespace

TEST_CASE("a tiny receive buffer loses events but not the truth") {
    NetlinkOptions options;
    options.event_buffer_bytes = 1;  // the kernel rounds up to its least
    Sandbox sandbox({"link add veth0 type veth peer name veth1", "link set veth0 up", "link set veth1 up"}, options);
    ip_batch(link_flaps(500));
    const auto start = monotonic_now();
    CHECK(sandbox.eventually([&] { return sandbox.monitor().resyncs() > 0 && sandbox.topology().links == links_by_ip(); }));
    CHECK(monotonic_now() - start < 2'000'000);
    CHECK_FALSE(sandbox.monitor().last_error().has_value());
}

TEST_CASE("lost events also renew the next hops") {
    NetlinkOptions options;
    options.event_buffer_bytes = 1;
    Sandbox sandbox({"link add veth0 type veth peer name veth1", "link set veth0 up", "link set veth1 up",
                     "addr add 10.0.0.1/24 dev veth0"},
                    options);
    const NextHopQuery query{ifindex_of("veth0"), address("10.0.0.9"), true};
    REQUIRE(sandbox.monitor().watch({query}).is_ok());
    ip_batch(link_flaps(200));
    ip("neigh replace 10.0.0.9 dev veth0 lladdr 02:00:00:00:00:09 nud permanent");
    CHECK(sandbox.eventually([&] { return sandbox.answer(query).mac == mac("02:00:00:00:00:09"); }));
    CHECK(sandbox.eventually([&] { return sandbox.monitor().resyncs() > 0; }));
}

TEST_CASE("a storm of routes costs little more than reading it") {
    Sandbox sandbox({"link add veth0 type veth peer name veth1", "link set veth0 up", "link set veth1 up",
                     "addr add 10.0.0.1/24 dev veth0", "route add 10.9.0.0/16 via 10.0.0.2"});
    const NextHopQuery query{ifindex_of("veth0"), address("10.9.0.1"), false};
    REQUIRE(sandbox.monitor().watch({query}).is_ok());
    REQUIRE(sandbox.answer(query).gateway == address("10.0.0.2"));
    constexpr int k_routes = 20'000;
    std::string lines;
    for (int i = 0; i < k_routes; ++i) {
        lines += "route add 172." + std::to_string(16 + i / 65536) + "." + std::to_string(i / 256 % 256) + "." +
                 std::to_string(i % 256) + "/32 via 10.0.0.2\n";
    }
    lines += "route replace 10.9.0.0/16 via 10.0.0.3\n";
    ip_batch(lines);
    const double before = cpu_seconds();
    CHECK(sandbox.eventually([&] { return sandbox.answer(query).gateway == address("10.0.0.3"); }));
    const double used = cpu_seconds() - before;
    WARN(k_routes << " route events took " << used * 1000 << " ms of CPU, " << sandbox.monitor().resyncs() << " resyncs");
    CHECK(used < 1.0);
}
