// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "core/compile/image.hpp"
#include "lookup.hpp"
#include "random_policy.hpp"
#include "reference.hpp"

#include <algorithm>

using namespace rudder;
using namespace rudder::test;

namespace {

Rule rule(std::size_t number) {
    Rule result;
    result.name = "r" + std::to_string(number);
    result.priority = static_cast<std::uint32_t>(number + 1);
    result.type = RuleType::drop;
    result.match.interface.any = true;
    return result;
}

IpPrefix host(std::uint32_t number) {
    IpPrefix prefix;
    prefix.address.bytes = {10, static_cast<std::uint8_t>(number >> 16), static_cast<std::uint8_t>(number >> 8),
                            static_cast<std::uint8_t>(number)};
    prefix.length = 32;
    return prefix;
}

/// The image gives the verdicts of the reference for `packets` packets from the hosts 0 to `hosts`.
void check(const Policy& policy, std::uint32_t hosts, std::uint32_t packets) {
    const Topology topology = make_topology(2);
    const auto image = compile(policy, topology, {});
    INFO((image ? "" : image.error().message));
    REQUIRE(image);
    const Reference reference(policy, topology);
    Random random(hosts);
    for (std::uint32_t i = 0; i < packets; ++i) {
        Probe probe = make_probe(random, policy, topology);
        const IpPrefix sender = host(pick(random, hosts + 1));
        std::copy_n(sender.address.bytes.data(), 4, reinterpret_cast<std::uint8_t*>(probe.packet.src_be));
        REQUIRE(look_up(image->blob, probe) == reference.first_match(probe));
    }
}

}  // namespace

TEST_CASE("rules that match everything but one address each are compiled and told apart") {
    for (const std::uint32_t count : {40u, 400u, 4000u}) {
        Policy policy;
        for (std::uint32_t i = 0; i < count; ++i) {
            policy.rules.push_back(rule(i));
            policy.rules.back().match.family_v6 = false;
            Exclusion excluded;
            excluded.src = {host(i / 3)};
            policy.rules.back().match.excluded = excluded;
        }
        check(policy, count / 3 + 1, 3000);
    }
}

TEST_CASE("a long list of addresses is excluded by many rules at the price of one") {
    Exclusion excluded;
    for (std::uint32_t i = 0; i < 5000; ++i) excluded.src.push_back(host(2 * i));
    Policy policy;
    for (std::uint32_t i = 0; i < 2000; ++i) {
        policy.rules.push_back(rule(i));
        policy.rules.back().match.family_v6 = false;
        policy.rules.back().match.dst_ports = {{static_cast<std::uint16_t>(i % 1500), 1500}};
        policy.rules.back().match.excluded = excluded;
    }
    check(policy, 10000, 200);
    const auto image = compile(policy, make_topology(2), {});
    REQUIRE(image);
    CHECK(image->blob.size() < 2u << 20);
}
