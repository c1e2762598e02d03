// SPDX-License-Identifier: Apache-2.0
#include "shell/health/probe_sockets.hpp"

#include "../unit/shell/loop_runner.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cstdlib>
#include <fstream>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

using namespace rudder;
using namespace rudder::test;
using Kind = ProbeOutcome::Kind;
using Type = HealthProbe::Type;

namespace {

const GroupMemberKey k_member{"g", 1};

void prepare(const std::string& ping_group_range = "1 0") {
    REQUIRE(std::system("ip link set lo up") == 0);
    std::ofstream("/proc/sys/net/ipv4/ping_group_range") << ping_group_range;
}

ProbeOrder order_for(Type type, const char* address, std::uint16_t port = 0) {
    ProbeOrder order;
    order.type = type;
    order.ifindex = if_nametoindex("lo");
    order.destination = *parse_ip_address(address);
    order.source = order.destination;
    order.port = port;
    order.request = "are you there";
    return order;
}

/// A socket bound to a free port of the family's loopback address.
struct Peer {
    UniqueFd fd;
    std::uint16_t port = 0;

    Peer(int family, int type) : fd(::socket(family, type, 0)) {
        sockaddr_in6 address{};
        address.sin6_family = static_cast<sa_family_t>(family);
        if (family == AF_INET6) address.sin6_addr = in6addr_loopback;
        socklen_t bytes = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), bytes) == 0);
        REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &bytes) == 0);
        port = ntohs(address.sin6_port);
        if (type == SOCK_STREAM) REQUIRE(::listen(fd.get(), 5) == 0);
    }
    /// Answers the datagram that waits.
    void answer(const std::string& text) const {
        std::array<char, 100> buffer{};
        sockaddr_storage from{};
        socklen_t bytes = sizeof from;
        const ssize_t got =
            ::recvfrom(fd.get(), buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &bytes);
        REQUIRE(std::string(buffer.data(), static_cast<std::size_t>(got)) == "are you there");
        REQUIRE(::sendto(fd.get(), text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&from), bytes) > 0);
    }
};

/// Empty: nothing came.
std::optional<ProbeOutcome> outcome_of(
    const ProbeOrder& order, const std::function<void()>& peer = [] {}) {
    LoopRunner loop;
    ProbeSockets sockets(loop.get());
    std::optional<ProbeOutcome> outcome;
    sockets.set_on_outcome([&](const GroupMemberKey&, const ProbeOutcome& told) { outcome = told; });
    if (auto known = sockets.ask(k_member, order)) return known;
    peer();
    (void)loop.run_until([&] { return outcome.has_value(); }, std::chrono::milliseconds(300));
    return outcome;
}

}  // namespace

TEST_CASE("an echo is answered over a ping socket and over a raw one, IPv4 and IPv6") {
    for (const char* range : {"1 0", "0 2147483647"}) {
        prepare(range);
        for (const char* address : {"127.0.0.1", "::1"}) {
            INFO(range << " " << address);
            const auto outcome = outcome_of(order_for(Type::icmp, address));
            REQUIRE(outcome);
            INFO(outcome->error.message);
            CHECK(outcome->kind == Kind::answer);
        }
    }
}

TEST_CASE("a TCP port that listens is alive, a closed one refuses") {
    prepare();
    for (const auto& [family, address] : {std::pair{AF_INET, "127.0.0.1"}, std::pair{AF_INET6, "::1"}}) {
        std::uint16_t port = 0;
        {
            const Peer peer(family, SOCK_STREAM);
            port = peer.port;
            const auto outcome = outcome_of(order_for(Type::tcp, address, port));
            REQUIRE(outcome);
            CHECK(outcome->kind == Kind::answer);
        }
        const auto outcome = outcome_of(order_for(Type::tcp, address, port));
        REQUIRE(outcome);
        CHECK(outcome->kind == Kind::miss);
        CHECK(outcome->miss.reason == MissReason::refused);
    }
}

TEST_CASE("a UDP answer has to begin as expected; a closed port refuses; silence is no outcome") {
    prepare();
    const Peer peer(AF_INET6, SOCK_DGRAM);
    ProbeOrder order = order_for(Type::udp, "::1", peer.port);
    order.expect = "yes";
    auto outcome = outcome_of(order, [&] { peer.answer("yes, I am"); });
    REQUIRE(outcome);
    CHECK(outcome->kind == Kind::answer);
    outcome = outcome_of(order, [&] { peer.answer("no"); });
    REQUIRE(outcome);
    CHECK(outcome->miss.reason == MissReason::wrong_answer);
    CHECK_FALSE(outcome_of(order));
    outcome = outcome_of(order_for(Type::udp, "127.0.0.1", 9));
    REQUIRE(outcome);
    CHECK(outcome->miss.reason == MissReason::refused);
}

TEST_CASE("what this host lacks is not the member's fault") {
    prepare();
    ProbeOrder order = order_for(Type::tcp, "127.0.0.1", 9);
    order.source = *parse_ip_address("192.0.2.1");
    auto outcome = outcome_of(order);
    REQUIRE(outcome);
    CHECK(outcome->kind == Kind::unable);
    order = order_for(Type::icmp, "127.0.0.1");
    order.ifindex = 4711;
    outcome = outcome_of(order);
    REQUIRE(outcome);
    CHECK(outcome->kind == Kind::unable);
}

TEST_CASE("an answer that waits is found by a look, without the loop") {
    prepare();
    LoopRunner loop;
    ProbeSockets sockets(loop.get());
    REQUIRE_FALSE(sockets.ask(k_member, order_for(Type::icmp, "127.0.0.1")));
    const auto outcome = sockets.look(k_member);
    REQUIRE(outcome);
    CHECK(outcome->kind == Kind::answer);
}
