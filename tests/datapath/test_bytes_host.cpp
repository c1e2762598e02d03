// SPDX-License-Identifier: Apache-2.0
/// What is done without a branch, and in one store, against the plain way to say it.
#include "host_copies.h"
#include "host_shim.h"
#include "random_frame.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstring>

using namespace rudder;
using namespace rudder::test;

namespace {

using TwoMacs = std::array<std::uint8_t, 12>;

std::uint64_t random64(Random& random) {
    return std::uint64_t{static_cast<std::uint32_t>(random())} << 32 | static_cast<std::uint32_t>(random());
}

/// The first six bytes of each word in memory.
TwoMacs first_six(std::uint64_t dst, std::uint64_t src) {
    TwoMacs macs{};
    std::memcpy(macs.data(), &dst, 6);
    std::memcpy(macs.data() + 6, &src, 6);
    return macs;
}

TwoMacs in_two_words(std::uint64_t dst, std::uint64_t src) {
    TwoMacs macs{};
    const std::uint64_t first = host_first_of_macs(dst, src);
    const std::uint32_t rest = host_rest_of_macs(src);
    std::memcpy(macs.data(), &first, 8);
    std::memcpy(macs.data() + 8, &rest, 4);
    return macs;
}

TwoMacs in_three_words(std::uint64_t dst, std::uint64_t src) {
    std::array<__u32, 3> words{};
    host_set_macs(words.data(), dst, src);
    TwoMacs macs{};
    std::memcpy(macs.data(), words.data(), 12);
    return macs;
}

}  // namespace

TEST_CASE("any bit is set") {
    CHECK(host_is_set(0) == 0);
    CHECK(host_is_set(~std::uint64_t{0}) == 1);
    for (unsigned bit = 0; bit < 64; bit++) {
        CHECK(host_is_set(std::uint64_t{1} << bit) == 1);
        CHECK(host_is_set(~std::uint64_t{0} << bit) == 1);
        CHECK(host_is_set(~std::uint64_t{0} >> bit) == 1);
    }
    Random random(21);
    for (int i = 0; i < 100000; i++) {
        const std::uint64_t bits = random64(random) & random64(random) & random64(random) & random64(random) & random64(random);
        REQUIRE(host_is_set(bits) == (bits == 0 ? 0 : 1));
    }
}

TEST_CASE("eight bytes are stored as they are, wherever they lie, and nothing beside them") {
    Random random(22);
    for (std::size_t at = 0; at <= 16; at++) {
        std::array<std::uint8_t, 24> memory{}, want{};
        memory.fill(0x5a);
        want.fill(0x5a);
        const std::uint64_t value = random64(random);
        std::memcpy(want.data() + at, &value, 8);
        host_store64_be(memory.data() + at, value);
        CHECK((memory == want));
        CHECK(host_load64_be(memory.data() + at) == value);
    }
}

TEST_CASE("two MAC addresses lie one behind the other, whatever else their words hold") {
    Random random(23);
    for (int i = 0; i < 100000; i++) {
        const std::uint64_t dst = random64(random), src = random64(random);
        const TwoMacs want = first_six(dst, src);
        REQUIRE((in_two_words(dst, src) == want));
        REQUIRE((in_three_words(dst, src) == want));
    }
    for (unsigned bit = 0; bit < 64; bit++) {  // one bit of one of them at a time
        const std::uint64_t one = std::uint64_t{1} << bit;
        for (const auto& [dst, src] : {std::pair{one, std::uint64_t{0}}, std::pair{std::uint64_t{0}, one}}) {
            CHECK((in_two_words(dst, src) == first_six(dst, src)));
            CHECK((in_three_words(dst, src) == first_six(dst, src)));
        }
    }
}

TEST_CASE("TCP and UDP are told apart, and from all other protocols") {
    for (unsigned number = 0; number <= 255; number++) {
        const auto protocol = static_cast<std::uint8_t>(number);
        CHECK(host_is_tcp_or_udp(protocol) == (number == 6 || number == 17 ? 1 : 0));
        CHECK(host_is_tcp(protocol) == (number == 6 ? 1 : 0));
        CHECK(host_least_transport(host_is_tcp(protocol)) == (number == 6 ? 20 : 8));
    }
}
