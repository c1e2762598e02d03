// SPDX-License-Identifier: Apache-2.0
#include "host_shim.h"
#include "model.hpp"
#include "random_frame.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>

using namespace rudder;
using namespace rudder::test;

namespace {

const MacAddress k_mac{{2, 0, 0, 0, 0, 1}};

rudder_blob_header whole_masks() {
    rudder_blob_header header{};
    header.flow_v4 = {~__u64{0}, ~__u64{0}};
    std::fill_n(header.flow_v6.address, 4, ~__u64{0});
    header.flow_v6.fields = ~__u64{0};
    return header;
}

rudder_flow random_flow(Random& random, std::uint32_t generation) {
    rudder_flow flow{};
    for (auto& word : flow.address) {
        word = std::uint64_t{random()} << 32 | random();
    }
    flow.fields = std::uint64_t{random()} << 32 | random();
    flow.ifindex = static_cast<std::uint32_t>(random());
    flow.generation = generation;
    return flow;
}

/// The key that the model's packet has, all bits in it.
rudder_flow expected(const ModelPacket& packet, const Frame& frame, std::uint8_t direction) {
    rudder_flow flow{};
    const bool is_v4 = packet.family == IpFamily::v4;
    std::memcpy(flow.address, frame.data() + packet.ip + (is_v4 ? 12 : 8), is_v4 ? 8 : 32);
    std::uint32_t ports_be = 0;
    std::memcpy(&ports_be, frame.data() + packet.transport, sizeof(ports_be));
    flow.fields = rudder_flow_fields(ports_be, packet.tos, packet.protocol,
                                     direction, is_v4 ? 4 : 6);
    return flow;
}

}  // namespace

TEST_CASE("what lasts has the key that the model's packet has") {
    Random random(11);
    const rudder_blob_header header = whole_masks();
    int lasting = 0;
    for (int i = 0; i < 200000; i++) {
        const Frame frame = random_frame(random, k_mac);
        const auto size = static_cast<__u32>(frame.size());
        const host_frame host = untagged(frame.data(), size, size);
        rudder_packet packet{};
        if (host_parse(host, &packet) != 0 || !host_is_flow_lasting(&packet)) {
            continue;
        }
        rudder_flow flow{};
        INFO(hex(frame));
        REQUIRE(host_flow_key(host, &header, 1, &flow));
        const rudder_flow want = expected(model_parse(frame, false), frame, 1);
        REQUIRE(std::equal(flow.address, flow.address + 4, want.address));
        REQUIRE(flow.fields == want.fields);
        REQUIRE(host_is_flow_whole(host));
        lasting++;
    }
    REQUIRE(lasting > 10000);
}

TEST_CASE("a frame of a lasting flow is what the parser says it is, or its lengths give it away") {
    Random random(12);
    const rudder_blob_header header = whole_masks();
    int changed = 0, refused = 0;
    for (int i = 0; i < 200000; i++) {
        const Frame first = random_frame(random, k_mac);
        const auto size = static_cast<__u32>(first.size());
        rudder_packet packet{};
        rudder_flow flow{}, again{};
        if (host_parse(untagged(first.data(), size, size), &packet) != 0 || !host_is_flow_lasting(&packet) ||
            !host_flow_key(untagged(first.data(), size, size), &header, 0, &flow)) {
            continue;
        }
        Frame second = variant_of(random, first);
        second.resize(below(random, 4) == 0 ? below(random, size + 1) : second.size());
        const auto bytes = static_cast<__u32>(second.size());
        const host_frame host = untagged(second.data(), bytes, bytes);
        if (bytes < 14 || (second[0] & 1) != 0 || !host_flow_key(host, &header, 0, &again) ||
            !std::equal(flow.address, flow.address + 4, again.address) || flow.fields != again.fields) {
            continue;
        }
        const ModelPacket want = model_parse(second, false);
        INFO(hex(first) << "\n" << hex(second));
        if (host_is_flow_whole(host)) {
            REQUIRE(want.parse == Parse::ok);
            REQUIRE((want.src_port == packet.src_port && want.dst_port == packet.dst_port && want.protocol == packet.protocol));
            REQUIRE(want.transport == packet.l4_offset);
            REQUIRE_FALSE((want.is_fragment || want.is_special || want.is_group || want.vlan != 0));
        } else {
            REQUIRE(want.parse != Parse::ok);
            refused++;
        }
        changed += second != first;
    }
    REQUIRE(changed > 2000);
    REQUIRE(refused > 500);
}

TEST_CASE("extension headers, fragments, tags and other protocols never last") {
    const auto lasts = [](const Frame& frame, bool is_layer3 = false) {
        rudder_packet packet{};
        const auto size = static_cast<__u32>(frame.size());
        REQUIRE(host_parse({frame.data(), size, size, is_layer3, 0, 0}, &packet) == 0);
        return host_is_flow_lasting(&packet);
    };
    CHECK(lasts(Ethernet{} / Ipv4{} / Udp{} / payload(10)));
    CHECK(lasts(Ethernet{} / Ipv6{} / Tcp{} / payload(10)));
    CHECK_FALSE(lasts(Ethernet{} / Ipv6{} / Extension{} / Udp{} / payload(10)));
    CHECK_FALSE(lasts(Ethernet{} / Ipv6{} / Extension{44} / Udp{} / payload(10)));
    CHECK_FALSE(lasts(Ethernet{} / Ipv4{.option_bytes = 4} / Udp{} / payload(10)));
    CHECK_FALSE(lasts(Ethernet{} / Ipv4{.fragment = 0x2000} / Udp{} / payload(16)));
    CHECK_FALSE(lasts(Ethernet{} / Vlan{7} / Ipv4{} / Udp{} / payload(10)));
    CHECK_FALSE(lasts(Ethernet{} / Ipv4{} / Sctp{} / payload(10)));
    CHECK_FALSE(lasts(Ethernet{} / Ipv4{} / Icmp{} / payload(10)));
    CHECK_FALSE(lasts(Ethernet{} / Ipv4{.dst = "239.1.1.1"} / Udp{} / payload(10)));
    CHECK_FALSE(lasts(Ethernet{} / Ipv4{.dst = "169.1.1.1"} / Udp{} / payload(10)));
    CHECK_FALSE(lasts(Ethernet{} / Ipv6{.src = "fe80::1"} / Udp{} / payload(10)));
    const Frame frame = Ethernet{} / Ipv4{} / Udp{} / payload(10);
    CHECK_FALSE(lasts(Frame(frame.begin() + 14, frame.end()), true));
}

TEST_CASE("every bit of a key counts, and those of other generations do not match") {
    Random random(13);
    for (int i = 0; i < 1000; i++) {
        const rudder_flow flow = random_flow(random, 7);
        rudder_flow other = flow;
        auto* bytes = reinterpret_cast<std::uint8_t*>(&other);
        const unsigned bit = below(random, 8 * offsetof(rudder_flow, way));
        REQUIRE_FALSE(host_flow_differs(&flow, &other, 6));
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ 1u << bit % 8);
        REQUIRE(host_flow_differs(&flow, &other, 6));
        const bool is_in_v4 = bit < 64 || bit >= 256;
        REQUIRE((host_flow_differs(&flow, &other, 4) != 0) == is_in_v4);
        other = flow;
        other.generation++;
        REQUIRE((host_flow_differs(&flow, &other, 4) && host_flow_differs(&flow, &other, 6)));
    }
}
