// SPDX-License-Identifier: Apache-2.0
#include "host_shim.h"
#include "model.hpp"
#include "random_frame.hpp"

#include <catch2/catch.hpp>

using namespace rudder;
using namespace rudder::test;

namespace {

const MacAddress k_mac{{2, 0, 0, 0, 0, 1}};

int expected_result(Parse parse) { return static_cast<int>(parse); }

std::uint16_t be(std::uint16_t value) { return static_cast<std::uint16_t>(value); }

/// A copy whose end is the end of its allocation, so that sanitizers see a read past it.
std::vector<std::uint8_t> exact(const Frame& frame, std::size_t size) {
    std::vector<std::uint8_t> copy(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
    copy.shrink_to_fit();
    return copy;
}

/// `frame` with the tag in it.
Frame tagged(Frame frame, std::uint16_t tci) {
    frame.insert(frame.begin() + 12, 4, 0);
    store16(frame, 12, 0x8100);
    store16(frame, 14, tci);
    return frame;
}

/// `tag` is kept beside the frame.
void check_same(const Frame& frame, bool is_layer3, std::optional<std::uint16_t> tag = {}) {
    const ModelPacket want = tag ? model_parse(tagged(frame, *tag), is_layer3, TagPlace::beside) : model_parse(frame, is_layer3);
    const std::size_t beside = tag ? 4 : 0;
    rudder_packet got{};
    const auto bytes = exact(frame, frame.size());
    const auto size = static_cast<__u32>(bytes.size());
    INFO(hex(frame) << " offloaded tag " << (tag ? std::to_string(*tag) : "none"));
    REQUIRE(host_parse({bytes.data(), size, size, is_layer3, tag.has_value(), tag.value_or(0)}, &got) == expected_result(want.parse));
    if (want.parse != Parse::ok) {
        return;
    }
    REQUIRE(got.family == static_cast<int>(want.family));
    REQUIRE(got.protocol == want.protocol);
    REQUIRE(got.tos == want.tos);
    REQUIRE(got.ttl == want.ttl);
    REQUIRE(be(got.src_port) == want.src_port);
    REQUIRE(be(got.dst_port) == want.dst_port);
    REQUIRE(got.l3_offset == want.ip - beside);
    REQUIRE(got.l4_offset == (want.transport == 0 ? 0 : want.transport - beside));
    REQUIRE(got.ip_header_bytes == want.header_bytes);
    REQUIRE((got.l4_checksum == RUDDER_L4_NO_CHECKSUM ? -1 : got.l4_checksum) == want.checksum);
    const unsigned flags = (want.has_ports ? RUDDER_PKT_HAS_PORTS : 0u) | (want.vlan != 0 ? RUDDER_PKT_TAGGED : 0u) |
                           (want.is_special ? RUDDER_PKT_SPECIAL : 0u) | (want.is_group ? RUDDER_PKT_GROUP : 0u) |
                           (want.is_fragment ? RUDDER_PKT_FRAGMENT : 0u) |
                           (want.is_later_fragment ? RUDDER_PKT_LATER_FRAGMENT : 0u);
    REQUIRE(unsigned{got.flags} == flags);
    REQUIRE((got.vlan_tci & 0xfff) == want.vlan);
}

/// Now and then a tag beside the frame: of a VLAN, or of priority only.
std::optional<std::uint16_t> random_tag(Random& random) {
    switch (below(random, 4)) {
        case 0: return static_cast<std::uint16_t>(random());
        case 1: return std::uint16_t{0xe000};
        default: return std::nullopt;
    }
}

}  // namespace

TEST_CASE("the parser agrees with the model on random frames") {
    Random random(1);
    for (int i = 0; i < 100000; i++) {
        check_same(random_frame(random, k_mac), false);
    }
}

TEST_CASE("the parser agrees with the model on layer-3 frames") {
    Random random(2);
    for (int i = 0; i < 20000; i++) {
        const Frame frame = random_frame(random, k_mac);
        check_same(Frame(frame.begin() + 14, frame.end()), true);
    }
}

TEST_CASE("the parser agrees with the model on frames whose tag is kept beside them") {
    Random random(6);
    for (int i = 0; i < 50000; i++) {
        check_same(random_frame(random, k_mac), false, random_tag(random));
    }
}

TEST_CASE("a tag beside the frame does not move what the parser looks at, one in the frame does") {
    for (unsigned units = 100; units < 125; units++) {
        const Frame frame = Ethernet{} / Ipv6{} / Extension{51, units} / Udp{} / payload(20);
        check_same(frame, false);
        check_same(frame, false, std::uint16_t{5});
        check_same(tagged(frame, 5), false);
    }
}

TEST_CASE("a frame cut at any length is never read past its end") {
    Random random(3);
    for (int i = 0; i < 1000; i++) {
        const Frame frame = random_frame(random, k_mac);
        for (std::size_t size = 0; size <= frame.size(); size++) {
            check_same(Frame(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size)), false);
        }
    }
}

TEST_CASE("headers outside the linear part ask for a pull, never for a guess") {
    Random random(4);
    for (int i = 0; i < 1000; i++) {
        const Frame frame = random_frame(random, k_mac);
        const auto size = static_cast<__u32>(frame.size());
        rudder_packet whole{};
        const int result = host_parse(untagged(frame.data(), size, size), &whole);
        for (__u32 linear = 0; linear < size; linear++) {
            rudder_packet part{};
            const auto bytes = exact(frame, linear);
            const int partial = host_parse(untagged(bytes.data(), linear, size), &part);
            INFO(hex(frame) << " linear " << linear);
            REQUIRE((partial == 2 || partial == result));
            if (partial == 0) {
                REQUIRE(__builtin_memcmp(&part, &whole, sizeof(whole)) == 0);
            }
        }
    }
}

TEST_CASE("one pull is enough, wherever the last header is") {
    constexpr __u32 pulled = 520;  // RUDDER_PARSED_BYTES
    for (unsigned units = 100; units < 125; units++) {
        for (const std::uint8_t last : {std::uint8_t{51}, std::uint8_t{60}}) {
            const Frame frame = Ethernet{} / Ipv6{} / Extension{51, units} / Extension{last} / Udp{} / payload(200);
            const auto size = static_cast<__u32>(frame.size());
            rudder_packet whole{}, part{};
            REQUIRE(host_parse(untagged(frame.data(), size, size), &whole) == 0);
            REQUIRE(host_parse(untagged(exact(frame, pulled).data(), pulled, size), &part) == 0);
            REQUIRE(__builtin_memcmp(&part, &whole, sizeof(whole)) == 0);
        }
    }
}

TEST_CASE("the instance for plain frames says what the parser says, or nothing") {
    Random random(5);
    int taken = 0;
    for (int i = 0; i < 20000; i++) {
        const Frame frame = random_frame(random, k_mac);
        const auto size = static_cast<__u32>(frame.size());
        const auto linear = i % 2 == 0 ? size : static_cast<__u32>(random()) % (size + 1);
        const bool is_layer3 = i % 16 == 0;
        const auto bytes = exact(frame, linear);
        const auto tag = random_tag(random);
        const host_frame whole{bytes.data(), linear, size, is_layer3, tag.has_value(), tag.value_or(0)};
        rudder_packet plain{}, general{};
        if (host_parse_plain(whole, &plain) == 0) {
            continue;
        }
        taken++;
        INFO(hex(frame) << " linear " << linear);
        REQUIRE_FALSE(is_layer3);
        REQUIRE(host_parse(whole, &general) == 0);
        REQUIRE(__builtin_memcmp(&plain, &general, sizeof(plain)) == 0);
    }
    CHECK(taken > 2000);
}

TEST_CASE("a GSO packet beyond 64 KiB has no length of its own") {
    const Frame frame = Ethernet{} / Ipv4{} / Tcp{} / payload(100);
    Frame big = frame;
    big[16] = big[17] = 0;
    rudder_packet packet{};
    REQUIRE(host_parse(untagged(big.data(), static_cast<__u32>(big.size()), static_cast<__u32>(big.size())), &packet) == 3);
}
