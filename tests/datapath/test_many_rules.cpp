// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include "core/compile/image.hpp"

#include <fmt/format.h>

#include <algorithm>

using namespace rudder;
using namespace rudder::test;

namespace {

/// Ports that differ in both octets.
std::uint16_t port_of(std::uint32_t number) { return static_cast<std::uint16_t>(number * 259 + 1); }

std::uint16_t second_port_of(std::uint32_t number) { return static_cast<std::uint16_t>(60'000 + number); }

/// Drop rules by destination port; each third takes one more port, each fifth only packets of one ECN.
Policy by_port(std::uint32_t count) {
    std::vector<Rule> rules;
    for (std::uint32_t i = 0; i < count; ++i) {
        Rule one = rule(RuleType::drop, "");
        one.match.dst_ports = {{port_of(i), port_of(i)}};
        if (i % 3 == 0) one.match.dst_ports.push_back({second_port_of(i), second_port_of(i)});
        RareMatch rare;
        rare.ecn = 1 << 2;
        if (i % 5 == 0) one.match.rare = rare;
        rules.push_back(std::move(one));
    }
    return policy(std::move(rules));
}

Frame udp_to(bool is_v4, std::uint16_t port, std::uint8_t tos) {
    const Udp udp{.dst_port = port};
    return is_v4 ? arriving() / Ipv4{.tos = tos} / udp / payload(20) : arriving() / Ipv6{.traffic_class = tos} / udp / payload(20);
}

bool is_dropped(const Frame& frame) {
    return datapath().run(frame, link_named("in0").ifindex, Direction::ingress).verdict == k_drop;
}

/// How many families the compiler gave trees.
int families_with_trees(const Policy& rules) {
    const auto image = compile(rules, topology(), {});
    REQUIRE(image);
    const auto& header = *reinterpret_cast<const rudder_blob_header*>(image->blob.data());
    return (header.tree_v4[0].root != 0) + (header.tree_v6[0].root != 0);
}

}  // namespace

TEST_CASE("each of many rules takes its packets and counts them, by bit vectors and by trees") {
    for (const std::uint32_t count : {1u, 2u, 64u, 65u, 230u}) {
        INFO(count << " rules");
        const Policy rules = by_port(count);
        CHECK(families_with_trees(rules) == (count == 1 || count > 64 ? 2 : 0));
        REQUIRE(datapath().publish(rules, topology()));
        std::map<CounterKey, std::uint64_t> want;
        for (std::uint32_t i = 0; i < count; ++i) {
            for (const bool is_v4 : {true, false}) {
                CHECK(is_dropped(udp_to(is_v4, port_of(i), 2)));
                CHECK(is_dropped(udp_to(is_v4, port_of(i), 1)) == (i % 5 != 0));
                CHECK(is_dropped(udp_to(is_v4, second_port_of(i), 2)) == (i % 3 == 0));
                want[{rules.rules[i].name, -1}] += 1u + (i % 5 != 0 ? 1 : 0) + (i % 3 == 0 ? 1 : 0);
            }
        }
        CHECK_FALSE(is_dropped(udp_to(true, 2, 2)));
        CHECK_FALSE(is_dropped(udp_to(false, 2, 2)));
        CHECK((datapath().counts().packets == want));
    }
}
