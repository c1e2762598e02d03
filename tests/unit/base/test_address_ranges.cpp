// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "core/base/address_ranges.hpp"

#include <algorithm>
#include <random>

using namespace rudder;

namespace {

/// Prefixes and addresses close together, so that they meet.
IpPrefix random_prefix(std::mt19937& random, IpFamily family) {
    IpPrefix prefix;
    prefix.address.family = family;
    const unsigned bytes = prefix.address.bits() / 8;
    prefix.address.bytes[0] = 10;
    prefix.address.bytes[bytes - 1] = static_cast<std::uint8_t>(random());
    prefix.length = static_cast<std::uint8_t>(prefix.address.bits() - random() % 9);
    const unsigned host_bits = prefix.address.bits() - prefix.length;
    prefix.address.bytes[bytes - 1] = static_cast<std::uint8_t>(prefix.address.bytes[bytes - 1] & (0xffu << host_bits));
    return prefix;
}

bool any_contains(const std::vector<IpPrefix>& prefixes, const IpAddress& address) {
    return std::any_of(prefixes.begin(), prefixes.end(), [&](const IpPrefix& one) { return one.contains(address); });
}

/// The 256 addresses that the prefixes are about.
std::vector<IpAddress> addresses(IpFamily family) {
    std::vector<IpAddress> all;
    for (unsigned last = 0; last < 256; ++last) {
        IpAddress address{family, {}};
        address.bytes[0] = 10;
        address.bytes[address.bits() / 8 - 1] = static_cast<std::uint8_t>(last);
        all.push_back(address);
    }
    return all;
}

}  // namespace

TEST_CASE("address ranges hold and meet what the prefixes do") {
    std::mt19937 random(1);
    for (int i = 0; i < 400; ++i) {
        const IpFamily family = i % 2 == 0 ? IpFamily::v4 : IpFamily::v6;
        std::vector<IpPrefix> prefixes;
        for (auto n = random() % 6; n > 0; --n) prefixes.push_back(random_prefix(random, family));
        prefixes.push_back(random_prefix(random, family == IpFamily::v4 ? IpFamily::v6 : IpFamily::v4));
        const AddressRanges ranges = address_ranges(prefixes, family);
        for (std::size_t n = 1; n < ranges.size(); ++n) CHECK(ranges[n - 1].last < ranges[n].first);
        const IpPrefix whole = random_prefix(random, family);
        std::size_t inside = 0, taken = 0;
        for (const IpAddress& address : addresses(family)) {
            const IpPrefix one{address, static_cast<std::uint8_t>(address.bits())};
            CHECK(meets(ranges, range_of(one)) == any_contains(prefixes, address));
            inside += whole.contains(address) ? 1 : 0;
            taken += whole.contains(address) && any_contains(prefixes, address) ? 1 : 0;
        }
        CHECK(meets(ranges, range_of(whole)) == (taken > 0));
        CHECK(holds(ranges, range_of(whole)) == (taken == inside));
    }
}

TEST_CASE("the ranges that meet another one are counted, and the first one is clipped") {
    const auto prefix = [](const char* text) { return *parse_ip_prefix(text).prefix; };
    const AddressRanges ranges =
        address_ranges({prefix("10.0.0.0/8"), prefix("192.0.2.0/24"), prefix("192.0.3.0/24")}, IpFamily::v4);
    REQUIRE(ranges.size() == 2);
    CHECK(count_meeting(ranges, range_of(prefix("0.0.0.0/0"))) == 2);
    CHECK(count_meeting(ranges, range_of(prefix("10.2.0.0/16"))) == 1);
    CHECK(count_meeting(ranges, range_of(prefix("11.0.0.0/8"))) == 0);
    CHECK(first_meeting(ranges, range_of(prefix("192.0.3.128/25"))) == range_of(prefix("192.0.3.128/25")));
    CHECK(first_meeting(ranges, range_of(prefix("128.0.0.0/1"))) == range_of(prefix("192.0.2.0/23")));
    CHECK_FALSE(first_meeting(ranges, range_of(prefix("11.0.0.0/8"))));
}

TEST_CASE("a range around words is that of a prefix whose words they are") {
    const auto range = range_of(*parse_ip_prefix("2001:db8:1200::/40").prefix);
    const std::vector<ValueRange> words = {
        {0x20010db8, 0x20010db8}, {0x12000000, 0x12ffffff}, {0, 0xffffffff}, {0, 0xffffffff}};
    CHECK(range_around(words) == range);
    CHECK(range_around(std::vector<ValueRange>{{0x0a000000, 0x0affffff}}) ==
          range_of(*parse_ip_prefix("10.0.0.0/8").prefix));
    CHECK(word_of(range.last, 1) == 0x12ffffff);
    CHECK(word_of(range.first, 0) == 0x20010db8);
}
