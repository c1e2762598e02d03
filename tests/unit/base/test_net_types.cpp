// SPDX-License-Identifier: Apache-2.0
#include "core/base/net_types.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <vector>

using namespace rudder;

namespace {

IpPrefix prefix_of(const char* text) {
    return parse_ip_prefix(text).prefix.value();
}

bool bit_of(const IpAddress& address, unsigned index) {
    return (address.bytes[index / 8] >> (7 - index % 8) & 1) != 0;
}

/// Bit by bit: the reference for IpPrefix::contains.
bool reference_contains(const IpPrefix& prefix, const IpAddress& address) {
    if (prefix.address.family != address.family) return false;
    for (unsigned i = 0; i < prefix.length; ++i) {
        if (bit_of(prefix.address, i) != bit_of(address, i)) return false;
    }
    return true;
}

IpPrefix random_prefix(std::mt19937& random) {
    IpPrefix prefix{{random() % 2 == 0 ? IpFamily::v4 : IpFamily::v6, {}}, 0};
    prefix.length = static_cast<std::uint8_t>(random() % (prefix.address.bits() + 1));
    for (unsigned i = 0; i < prefix.length; ++i) {
        if (random() % 2 == 0) prefix.address.bytes[i / 8] |= static_cast<std::uint8_t>(0x80u >> (i % 8));
    }
    return prefix;
}

}  // namespace

TEST_CASE("every prefix is read back from its text") {
    std::mt19937 random(4);
    for (int round = 0; round < 50000; ++round) {
        const IpPrefix prefix = random_prefix(random);
        if (parse_ip_prefix(to_string(prefix)).prefix != prefix) FAIL("not read back: " << to_string(prefix));
    }
}

TEST_CASE("a bare address is a host prefix") {
    CHECK(to_string(prefix_of("10.0.0.1")) == "10.0.0.1/32");
    CHECK(to_string(prefix_of("2001:db8::1")) == "2001:db8::1/128");
}

TEST_CASE("what is not a prefix is told apart by its reason") {
    for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/a", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0/8",
                             "10.0.0.0/8/8", "10.0.0.0/ 8", "10.0.0.0/255.0.0.0", "::/0x0"}) {
        INFO(text);
        CHECK_FALSE(parse_ip_prefix(text).prefix);
        CHECK(parse_ip_prefix(text).error == PrefixError::syntax);
    }
    for (const char* text : {"10.0.0.0/33", "::/129", "10.0.0.0/99999999999999999999"}) {
        INFO(text);
        CHECK_FALSE(parse_ip_prefix(text).prefix);
        CHECK(parse_ip_prefix(text).error == PrefixError::length);
    }
}

TEST_CASE("non-zero host bits are an error that says which prefix was meant") {
    const PrefixParse parse = parse_ip_prefix("10.1.2.3/20");
    CHECK_FALSE(parse.prefix);
    CHECK(parse.error == PrefixError::host_bits);
    REQUIRE(parse.fixed);
    CHECK(to_string(*parse.fixed) == "10.1.0.0/20");
    CHECK(to_string(parse_ip_prefix("2001:db8:ffff::/33").fixed.value()) == "2001:db8:8000::/33");
}

TEST_CASE("a prefix contains the addresses that share its leading bits") {
    std::mt19937 random(5);
    for (int round = 0; round < 50000; ++round) {
        const IpPrefix prefix = random_prefix(random);
        IpAddress address = prefix.address;
        const unsigned flipped = static_cast<unsigned>(random() % address.bits());
        address.bytes[flipped / 8] ^= static_cast<std::uint8_t>(0x80u >> (flipped % 8));
        if (prefix.contains(address) != reference_contains(prefix, address)) FAIL(to_string(prefix));
        if (!prefix.contains(prefix.address)) FAIL(to_string(prefix));
    }
}

TEST_CASE("a prefix contains itself and longer ones, never shorter ones or the other family") {
    CHECK(prefix_of("10.0.0.0/8").contains(prefix_of("10.0.0.0/8")));
    CHECK(prefix_of("10.0.0.0/8").contains(prefix_of("10.2.0.0/16")));
    CHECK_FALSE(prefix_of("10.2.0.0/16").contains(prefix_of("10.0.0.0/8")));
    CHECK_FALSE(prefix_of("0.0.0.0/0").contains(prefix_of("::/0")));
    CHECK_FALSE(prefix_of("::/0").contains(prefix_of("0.0.0.0/0")));
}

TEST_CASE("MAC addresses are six octets with one kind of separator") {
    CHECK(to_string(parse_mac_address("AA-bb-CC-dd-0e-0f").value()) == "aa:bb:cc:dd:0e:0f");
    for (const char* text :
         {"", "aa:bb:cc:dd:ee", "aa:bb:cc:dd:ee:ff:00", "aa:bb-cc:dd:ee:ff", "aabb.ccdd.eeff", "aa:bb:cc:dd:ee:f",
          "aa:bb:cc:dd:ee:fg", "aa:bb:cc:dd:ee:-1", "0x:bb:cc:dd:ee:ff", "aa:bb:cc:dd:ee:ff ", "a:bb:cc:dd:ee:fff"}) {
        INFO(text);
        CHECK_FALSE(parse_mac_address(text));
    }
}

TEST_CASE("every MAC address is read back from its text") {
    std::mt19937 random(6);
    for (int round = 0; round < 10000; ++round) {
        MacAddress mac;
        for (std::uint8_t& byte : mac.bytes) byte = static_cast<std::uint8_t>(random());
        if (parse_mac_address(to_string(mac)) != mac) FAIL(to_string(mac));
    }
}

TEST_CASE("MAC addresses know the group bit and zero") {
    CHECK(parse_mac_address("01:00:5e:00:00:01")->is_group());
    CHECK(parse_mac_address("ff:ff:ff:ff:ff:ff")->is_group());
    CHECK_FALSE(parse_mac_address("02:00:00:00:00:01")->is_group());
    CHECK(MacAddress{}.is_zero());
    CHECK_FALSE(parse_mac_address("00:00:00:00:00:01")->is_zero());
}

TEST_CASE("port ranges are one number or two in order") {
    CHECK(parse_port_range("0") == PortRange{0, 0});
    CHECK(parse_port_range("65535") == PortRange{65535, 65535});
    CHECK(parse_port_range("5000-5010") == PortRange{5000, 5010});
    for (const char* text :
         {"", "-", "5-", "-5", "5010-5000", "65536", "1-65536", "a", "5 - 6", "080", "1-2-3", "+1", "1:2"}) {
        INFO(text);
        CHECK_FALSE(parse_port_range(text));
    }
}

TEST_CASE("every port range is read back from its text") {
    std::mt19937 random(7);
    for (int round = 0; round < 10000; ++round) {
        PortRange range{static_cast<std::uint16_t>(random()), static_cast<std::uint16_t>(random())};
        if (range.first > range.last) std::swap(range.first, range.last);
        if (parse_port_range(to_string(range)) != range) FAIL(to_string(range));
    }
}

TEST_CASE("every DSCP value is read back from its text") {
    for (std::uint8_t dscp = 0; dscp < 64; ++dscp) {
        const std::string text = dscp_to_string(dscp);
        const auto named = parse_dscp_name(text);
        CHECK((named ? *named : std::stoul(text)) == dscp);
    }
}

TEST_CASE("DSCP names carry the values of their RFCs") {
    CHECK(parse_dscp_name("ef") == 46);
    CHECK(parse_dscp_name("EF") == 46);
    CHECK(parse_dscp_name("va") == 44);
    CHECK(parse_dscp_name("le") == 1);
    CHECK(parse_dscp_name("df") == 0);
    CHECK(parse_dscp_name("be") == 0);
    for (unsigned i = 0; i < 8; ++i) CHECK(parse_dscp_name("cs" + std::to_string(i)) == 8 * i);
    for (unsigned af = 1; af <= 4; ++af) {
        for (unsigned drop = 1; drop <= 3; ++drop) {
            CHECK(parse_dscp_name("af" + std::to_string(af) + std::to_string(drop)) == 8 * af + 2 * drop);
        }
    }
    for (const char* text : {"", "cs8", "af44", "af10", "46", "ef "}) CHECK_FALSE(parse_dscp_name(text));
}

TEST_CASE("IP protocols have names and know whether they have ports") {
    CHECK(parse_ip_protocol_name("tcp") == 6);
    CHECK(parse_ip_protocol_name("UDP") == 17);
    CHECK(parse_ip_protocol_name("icmp6") == 58);
    CHECK_FALSE(parse_ip_protocol_name("any"));
    CHECK(ip_protocol_to_string(50) == "esp");
    CHECK(ip_protocol_to_string(253) == "253");
    std::vector<unsigned> with_ports;
    for (unsigned protocol = 0; protocol < 256; ++protocol) {
        if (ip_protocol_has_ports(static_cast<std::uint8_t>(protocol))) with_ports.push_back(protocol);
    }
    CHECK(with_ports == std::vector<unsigned>{6, 17, 33, 132, 136});
}
