// SPDX-License-Identifier: Apache-2.0
#include "core/base/net_types.hpp"

#include <catch2/catch.hpp>

#include <arpa/inet.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

using namespace rudder;

namespace {

/// What the C library makes of the text: the reference for parse_ip_address.
std::optional<IpAddress> reference_parse(const std::string& text) {
    IpAddress address;
    if (inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1) return address;
    address.family = IpFamily::v6;
    if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1) return address;
    return std::nullopt;
}

std::string reference_text(const IpAddress& address) {
    char text[INET6_ADDRSTRLEN] = {};
    inet_ntop(address.family == IpFamily::v4 ? AF_INET : AF_INET6, address.bytes.data(), text, sizeof text);
    return text;
}

/// Many zero bytes, so that runs of zero groups are common.
IpAddress random_address(std::mt19937& random, IpFamily family) {
    IpAddress address{family, {}};
    for (std::size_t i = 0; i < address.bits() / 8; ++i) {
        if (random() % 3 == 0) address.bytes[i] = static_cast<std::uint8_t>(random());
    }
    return address;
}

/// The deprecated "::1.2.3.4": the C library writes it with dots, RFC 5952 does not ask for it.
bool is_v4_compatible(const IpAddress& address) {
    return address.family == IpFamily::v6 && reference_text(address).find('.') != std::string::npos &&
           address.bytes[10] == 0;
}

}  // namespace

TEST_CASE("an address text is accepted exactly when inet_pton accepts it") {
    const std::vector<std::string> texts = {"0.0.0.0",
                                            "255.255.255.255",
                                            "1.2.3",
                                            "1.2.3.4.5",
                                            "01.2.3.4",
                                            "00.0.0.0",
                                            "1.2.3.256",
                                            "1.2.3.-4",
                                            "1.2.3.+4",
                                            " 1.2.3.4",
                                            "1.2.3.4 ",
                                            "1.2.3.",
                                            ".1.2.3",
                                            "1..2.3",
                                            "1.2.3.4a",
                                            "0x1.2.3.4",
                                            "1.2.3.1000",
                                            "",
                                            ".",
                                            ":",
                                            "::",
                                            ":::",
                                            "::1",
                                            "1::",
                                            "::1::",
                                            "1:2:3:4:5:6:7:8",
                                            "1:2:3:4:5:6:7",
                                            "1:2:3:4:5:6:7:8:9",
                                            "1:2:3:4:5:6:7::",
                                            "::2:3:4:5:6:7:8",
                                            "1::2:3:4:5:6:7:8",
                                            "1:2:3:4:5:6:7:8::",
                                            "::1:2:3:4:5:6:7:8",
                                            "1:2:3:4:5:6:7:",
                                            ":1:2:3:4:5:6:7",
                                            "12345::",
                                            "0001::",
                                            "00001::",
                                            "g::",
                                            "FE80::A",
                                            "::1.2.3.4",
                                            "::ffff:1.2.3.4",
                                            "::1.2.3",
                                            "::1.2.3.4:5",
                                            "1.2.3.4::",
                                            "1:2:3:4:5:6:1.2.3.4",
                                            "1:2:3:4:5:6:7:1.2.3.4",
                                            "::1.2.3.04",
                                            "fe80::1%eth0",
                                            "::/0",
                                            "[::1]",
                                            "1::2::3",
                                            "::-1",
                                            "::+1",
                                            ":: 1",
                                            "0x1::",
                                            "1:2:3:4::5:6:1.2.3.4",
                                            "1:2:3:4:5::6:1.2.3.4"};
    for (const std::string& text : texts) {
        INFO("text: " << text);
        CHECK(parse_ip_address(text) == reference_parse(text));
    }
}

TEST_CASE("random strings of address characters are judged as inet_pton judges them") {
    std::mt19937 random(1);
    const std::string alphabet = "0123456789af::::..";
    std::size_t accepted = 0;
    for (int round = 0; round < 200000; ++round) {
        std::string text;
        const std::size_t size = 1 + random() % 16;
        for (std::size_t i = 0; i < size; ++i) text += alphabet[random() % alphabet.size()];
        const auto parsed = parse_ip_address(text);
        accepted += parsed ? 1 : 0;
        if (parsed != reference_parse(text)) FAIL("differs on " << text);
    }
    CHECK(accepted > 100);
}

TEST_CASE("a text with a NUL byte inside is no address") {
    CHECK_FALSE(parse_ip_address(std::string_view("1.2.3.4\0", 8)));
    CHECK_FALSE(parse_ip_address(std::string_view("::1\0", 4)));
}

TEST_CASE("every address is read back from its text") {
    std::mt19937 random(2);
    for (int round = 0; round < 100000; ++round) {
        const IpAddress address = random_address(random, round % 2 == 0 ? IpFamily::v4 : IpFamily::v6);
        const std::string text = to_string(address);
        if (parse_ip_address(text) != address) FAIL("not read back: " << text);
    }
}

TEST_CASE("addresses are written as inet_ntop writes them, but for the deprecated IPv4-compatible form") {
    std::mt19937 random(3);
    for (int round = 0; round < 100000; ++round) {
        const IpAddress address = random_address(random, round % 4 == 0 ? IpFamily::v4 : IpFamily::v6);
        if (is_v4_compatible(address)) continue;
        if (to_string(address) != reference_text(address))
            FAIL(to_string(address) << " != " << reference_text(address));
    }
}

TEST_CASE("IPv6 addresses are written after RFC 5952") {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"2001:0db8:0:0:0:0:0:0001", "2001:db8::1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:DB8::A", "2001:db8::a"},
        {"0:0:0:0:0:0:0:0", "::"},
        {"1:0:0:0:0:0:0:0", "1::"},
        {"0:0:0:0:0:ffff:0a00:0001", "::ffff:10.0.0.1"},
        {"::1.2.3.4", "::102:304"},
    };
    for (const auto& [text, wanted] : cases) {
        const auto address = parse_ip_address(text);
        REQUIRE(address);
        CHECK(to_string(*address) == wanted);
    }
}

TEST_CASE("addresses know what kind they are") {
    const auto is = [](const char* text) { return parse_ip_address(text).value(); };
    CHECK(is("0.0.0.0").is_unspecified());
    CHECK(is("::").is_unspecified());
    CHECK_FALSE(is("0.0.0.1").is_unspecified());
    CHECK(is("224.0.0.0").is_multicast());
    CHECK(is("239.255.255.255").is_multicast());
    CHECK_FALSE(is("240.0.0.0").is_multicast());
    CHECK_FALSE(is("223.255.255.255").is_multicast());
    CHECK(is("ff02::1").is_multicast());
    CHECK_FALSE(is("fe80::1").is_multicast());
    CHECK(is("169.254.1.1").is_link_local());
    CHECK(is("febf::1").is_link_local());
    CHECK_FALSE(is("fec0::1").is_link_local());
    CHECK(is("127.9.9.9").is_loopback());
    CHECK(is("::1").is_loopback());
    CHECK_FALSE(is("::2").is_loopback());
    CHECK_FALSE(is("1::1").is_loopback());
    CHECK(is("255.255.255.255").is_limited_broadcast());
    CHECK_FALSE(is("255.255.255.254").is_limited_broadcast());
    CHECK_FALSE(is("ffff:ffff::").is_limited_broadcast());
}
