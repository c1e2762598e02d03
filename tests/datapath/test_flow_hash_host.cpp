// SPDX-License-Identifier: Apache-2.0
#include "host_shim.h"
#include "model.hpp"
#include "random_frame.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <string>

using namespace rudder;
using namespace rudder::test;

namespace {

const MacAddress k_mac{{2, 0, 0, 0, 0, 1}};

rudder_packet parse(const Frame& frame) {
    rudder_packet packet{};
    const auto bytes = static_cast<__u32>(frame.size());
    REQUIRE(host_parse(untagged(frame.data(), bytes, bytes), &packet) == 0);
    return packet;
}

std::uint32_t hash_of(const Frame& frame, HashFields fields = RUDDER_HASH_5_TUPLE) {
    const rudder_packet packet = parse(frame);
    return host_flow_hash(&packet, fields);
}

/// Flows of a kind that real ones are of, one frame for each number.
template <class Make>
void expect_spread(const std::string& what, Make make, HashFields fields = RUDDER_HASH_5_TUPLE) {
    constexpr std::size_t k_members = 16;
    constexpr unsigned k_flows = 16384;
    std::array<double, k_members> counts{};
    for (unsigned i = 0; i < k_flows; i++) {
        counts[host_group_place(hash_of(make(i), fields)) * k_members / RUDDER_GROUP_ENTRIES]++;
    }
    const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
    INFO(what << ": least " << *least << " most " << *most << " of " << k_flows / k_members);
    CHECK(*least > k_flows / k_members * 0.88);
    CHECK(*most < k_flows / k_members * 1.12);
}

std::string v4(unsigned number) {
    return "10." + std::to_string(number >> 16 & 255) + "." + std::to_string(number >> 8 & 255) + "." + std::to_string(number & 255);
}

}  // namespace

TEST_CASE("the flow hash of random packets is that of the reference") {
    Random random(11);
    int compared = 0;
    for (int i = 0; i < 60000; i++) {
        const Frame frame = random_frame(random, k_mac);
        const ModelPacket model = model_parse(frame, false);
        if (model.parse != Parse::ok) {
            continue;
        }
        const rudder_packet packet = parse(frame);
        const auto fields = static_cast<HashFields>(1 + below(random, 31));
        const std::uint32_t hash = host_flow_hash(&packet, fields);
        INFO(hex(frame) << " fields " << unsigned{fields});
        REQUIRE(hash == model_flow_hash(model, fields));
        REQUIRE(host_group_place(hash) == model_group_place(hash));
        compared++;
    }
    REQUIRE(compared > 20000);
}

TEST_CASE("places cover the whole table") {
    CHECK(host_group_place(0) == 0);
    CHECK(host_group_place(0xffffffff) == RUDDER_GROUP_ENTRIES - 1);
}

TEST_CASE("all fragments of a datagram hash alike, whatever the fields") {
    const std::uint16_t more = 0x2000;
    for (unsigned fields = 1; fields <= RUDDER_HASH_5_TUPLE; fields++) {
        const auto f = static_cast<HashFields>(fields);
        const auto first4 = Ethernet{} / Ipv4{.fragment = more} / Udp{} / payload(24);
        const auto later4 = Ethernet{} / Ipv4{.fragment = 4, .protocol = 17} / payload(24);
        CHECK(hash_of(first4, f) == hash_of(later4, f));
        const auto first6 = Ethernet{} / Ipv6{} / Extension{.type = 44, .fragment = 1} / Extension{.type = 60} / Udp{} / payload(24);
        const auto later6 = Ethernet{} / Ipv6{} / Extension{.type = 44, .fragment = 32} / payload(24);
        CHECK(hash_of(first6, f) == hash_of(later6, f));
    }
}

TEST_CASE("only the fields that are named count") {
    const auto base = Ethernet{} / Ipv4{} / Udp{} / payload(4);
    const std::array<std::pair<HashFields, Frame>, 4> others = {{
        {RUDDER_HASH_SRC_IP, Ethernet{} / Ipv4{.src = "192.0.2.77"} / Udp{} / payload(4)},
        {RUDDER_HASH_DST_IP, Ethernet{} / Ipv4{.dst = "10.1.2.77"} / Udp{} / payload(4)},
        {RUDDER_HASH_SRC_PORT, Ethernet{} / Ipv4{} / Udp{4077, 5000} / payload(4)},
        {RUDDER_HASH_DST_PORT, Ethernet{} / Ipv4{} / Udp{4000, 5077} / payload(4)},
    }};
    for (const auto& [field, other] : others) {
        CHECK(hash_of(base, field) != hash_of(other, field));
        CHECK(hash_of(base, static_cast<HashFields>(RUDDER_HASH_5_TUPLE & ~field)) ==
              hash_of(other, static_cast<HashFields>(RUDDER_HASH_5_TUPLE & ~field)));
    }
    const auto tcp = Ethernet{} / Ipv4{} / Tcp{4000, 5000} / payload(4);
    CHECK(hash_of(base) != hash_of(tcp));
    CHECK(hash_of(base, 0x0f) == hash_of(tcp, 0x0f));
}

TEST_CASE("a packet without ports goes by its addresses, even where only ports are named") {
    const auto ping = [](const std::string& to) { return Ethernet{} / Ipv4{.dst = to} / Icmp{} / payload(4); };
    CHECK(hash_of(ping("10.0.0.1"), RUDDER_HASH_SRC_PORT) != hash_of(ping("10.0.0.2"), RUDDER_HASH_SRC_PORT));
    CHECK(hash_of(ping("10.0.0.1"), RUDDER_HASH_SRC_IP) == hash_of(ping("10.0.0.2"), RUDDER_HASH_SRC_IP));
}

TEST_CASE("flows that differ in one field only are spread evenly") {
    expect_spread("source ports", [](unsigned i) { return Ethernet{} / Ipv4{} / Udp{static_cast<std::uint16_t>(i + 1024), 53} / payload(4); });
    expect_spread("destination ports", [](unsigned i) { return Ethernet{} / Ipv4{} / Udp{5000, static_cast<std::uint16_t>(i)} / payload(4); });
    expect_spread("source addresses", [](unsigned i) { return Ethernet{} / Ipv4{.src = v4(i)} / Udp{} / payload(4); });
    expect_spread("destination addresses", [](unsigned i) { return Ethernet{} / Ipv4{.dst = v4(i)} / Icmp{} / payload(4); });
    expect_spread("every 256th address", [](unsigned i) { return Ethernet{} / Ipv4{.src = v4(i * 256)} / Udp{} / payload(4); },
                  RUDDER_HASH_SRC_IP);
    expect_spread("address and port together", [](unsigned i) {
        return Ethernet{} / Ipv4{.src = v4(i / 64)} / Tcp{static_cast<std::uint16_t>(1024 + i % 64), 443} / payload(4);
    });
    expect_spread("IPv6 hosts", [](unsigned i) {
        return Ethernet{} / Ipv6{.src = "2001:db8::" + std::to_string(i / 5000 + 1) + ":" + std::to_string(i % 5000)} / Udp{} / payload(4);
    });
}
