// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/next_hop_table.hpp"

#include <catch2/catch.hpp>

#include <cstring>

namespace rudder {

TEST_CASE("a next-hop slot holds MACs in wire order and the flags behind the destination MAC") {
    NextHopEntry entry;
    entry.ifindex = 7;
    entry.flags = RUDDER_NH_LINK_UP | RUDDER_NH_MAC_VALID;
    entry.dst_mac = {{1, 2, 3, 4, 5, 6}};
    entry.src_mac = {{7, 8, 9, 10, 11, 12}};
    entry.mtu = 1500;
    entry.gateway = IpAddress{IpFamily::v4, {10, 0, 0, 1}};
    const rudder_next_hop layout = next_hop_layout(entry);
    unsigned char bytes[sizeof(layout)];
    std::memcpy(bytes, &layout, sizeof(layout));
    CHECK(std::memcmp(bytes, entry.dst_mac.bytes.data(), 6) == 0);
    std::uint16_t flags = 0;
    std::memcpy(&flags, bytes + 6, sizeof(flags));
    CHECK(flags == entry.flags);
    CHECK(std::memcmp(bytes + 8, entry.src_mac.bytes.data(), 6) == 0);
    CHECK(bytes[14] == 0);
    CHECK(layout.ifindex == 7);
    CHECK(layout.mtu == 1500);
    CHECK(std::memcmp(&layout.gateway_be[0], "\x0a\x00\x00\x01", 4) == 0);
}

TEST_CASE("an empty entry clears its slot") {
    const rudder_next_hop layout = next_hop_layout(NextHopEntry{});
    const rudder_next_hop zero{};
    CHECK(std::memcmp(&layout, &zero, sizeof(zero)) == 0);
}

}  // namespace rudder
