// SPDX-License-Identifier: Apache-2.0
#include "core/health/echo_message.hpp"

#include <catch2/catch.hpp>

using namespace rudder;

namespace {

const Echo k_echo{0x1234, 0x5678, {1, 2, 3, 4, 5, 6, 7, 8}};

std::vector<std::uint8_t> reply_to(IpFamily family, const Echo& echo) {
    std::vector<std::uint8_t> message = echo_request(family, echo);
    message[0] = family == IpFamily::v4 ? 0 : 129;
    return message;
}

}  // namespace

TEST_CASE("the checksum of an IPv4 echo request adds up") {
    const auto message = echo_request(IpFamily::v4, k_echo);
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < message.size(); i += 2) sum += (std::uint32_t{message[i]} << 8) + message[i + 1];
    CHECK((sum & 0xffff) + (sum >> 16) == 0xffff);
}

TEST_CASE("a reply is known by its type, identifier, sequence and nonce") {
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        CHECK(is_echo_reply(family, reply_to(family, k_echo), k_echo, true));
        CHECK_FALSE(is_echo_reply(family, echo_request(family, k_echo), k_echo, true));
        for (std::size_t byte = 0; byte < 16; ++byte) {
            if (byte == 2 || byte == 3) continue;  // the checksum is the kernel's
            auto other = reply_to(family, k_echo);
            other[byte] ^= 1;
            CHECK_FALSE(is_echo_reply(family, other, k_echo, true));
            CHECK(is_echo_reply(family, other, k_echo, false) == (byte == 4 || byte == 5));
        }
        auto shorter = reply_to(family, k_echo);
        shorter.pop_back();
        CHECK_FALSE(is_echo_reply(family, shorter, k_echo, true));
    }
}

TEST_CASE("the IPv4 header in front of a reply is taken off, with its options") {
    std::vector<std::uint8_t> packet(24, 0);
    packet[0] = 0x46;
    packet.push_back(9);
    CHECK(without_ipv4_header(packet).size() == 1);
    packet[0] = 0x4f;
    CHECK(without_ipv4_header(packet).empty());
    packet[0] = 0x44;
    CHECK(without_ipv4_header(packet).empty());
}
