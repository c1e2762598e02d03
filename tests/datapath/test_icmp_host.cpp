// SPDX-License-Identifier: Apache-2.0
#include "frame.hpp"
#include "host_shim.h"
#include "random_frame.hpp"

#include <catch2/catch.hpp>

#include <cstring>

using namespace rudder::test;

namespace {

std::uint16_t from_memory(const std::uint8_t* at) { return static_cast<std::uint16_t>(at[0] << 8 | at[1]); }

/// What a device does with CHECKSUM_PARTIAL: the field becomes the complement of the sum over everything, itself included.
void complete(Frame& bytes, std::size_t field) {
    const auto value = static_cast<std::uint16_t>(~fold16(sum16(bytes.data(), bytes.size())));
    bytes[field] = static_cast<std::uint8_t>(value >> 8);
    bytes[field + 1] = static_cast<std::uint8_t>(value);
}

}  // namespace

TEST_CASE("a lasting checksum stays what it is when a device completes it, as far as any sum can tell") {
    Random random(3);
    for (int round = 0; round < 200000; round++) {
        Frame bytes(20 + below(random, 60));
        for (std::uint8_t& byte : bytes) {
            byte = static_cast<std::uint8_t>(round % 7 == 0 ? 0xff * below(random, 2) : below(random, 256));
        }
        bytes[16] = bytes[17] = 0;
        std::uint64_t rest = 0;
        for (std::size_t i = 0; i < bytes.size(); i += 2) {
            std::uint16_t word = 0;
            std::memcpy(&word, bytes.data() + i, std::min<std::size_t>(2, bytes.size() - i));
            rest += word;
        }
        const std::uint16_t lasting = host_lasting_checksum(rest);
        std::memcpy(bytes.data() + 16, &lasting, 2);
        const std::uint16_t before = fold16(sum16(bytes.data(), bytes.size()));
        complete(bytes, 16);
        const std::uint16_t after = fold16(sum16(bytes.data(), bytes.size()));
        INFO("field " << from_memory(bytes.data() + 16));
        REQUIRE(before % 0xffff == after % 0xffff);
    }
}

TEST_CASE("a bucket lets a burst go and then a thousand a second, whatever the pace") {
    for (const std::uint64_t step_ns : {1ull, 1000ull, 333333ull, 1000000ull, 2000000ull, 700000000ull}) {
        rudder_test_bucket bucket{};
        std::uint64_t now = 5, granted = 0;
        const int tries = 20000;
        for (int i = 0; i < tries; i++, now += step_ns) {
            granted += static_cast<std::uint64_t>(host_take_token(&bucket, now));
        }
        const std::uint64_t by_time = (tries - 1) * step_ns / 1000000;
        const std::uint64_t most = std::min<std::uint64_t>(tries, 50 + by_time);
        INFO("every " << step_ns << " ns");
        CHECK(granted <= most);
        CHECK(granted + 1 >= std::min<std::uint64_t>(most, step_ns >= 1000000 ? tries : most));
    }
}

TEST_CASE("a clock that has not moved, or jumps far ahead, gives no more than a burst") {
    rudder_test_bucket bucket{};
    int granted = 0;
    for (int i = 0; i < 1000; i++) {
        granted += host_take_token(&bucket, 77);
    }
    CHECK(granted == 50);
    for (int i = 0; i < 1000; i++) {
        granted += host_take_token(&bucket, std::uint64_t{1} << 62);
    }
    CHECK(granted == 100);
}

TEST_CASE("marks count to 64 passes and keep what they say") {
    std::uint32_t mark = 0;
    for (std::uint32_t pass = 1; pass <= 64; pass++) {
        CHECK(host_refuse_again(mark, RUDDER_ACTION_STEER) == RUDDER_REASON_NONE);
        mark = host_next_mark(mark, 0);
        CHECK(host_is_mark(mark));
        CHECK(host_mark_passes(mark) == pass);
        CHECK((mark & 0x1f) == 0);
        CHECK(mark <= 0xffff);
    }
    for (const std::uint32_t action : {RUDDER_ACTION_STEER, RUDDER_ACTION_REPLICATE}) {
        CHECK(host_refuse_again(mark, action) == RUDDER_REASON_LOOP);
    }
    CHECK(host_refuse_again(mark, RUDDER_ACTION_DROP) == RUDDER_REASON_NONE);
    CHECK(host_refuse_again(mark, RUDDER_ACTION_PASS) == RUDDER_REASON_NONE);
    const std::uint32_t copy = host_next_mark(0, 0x1000);
    CHECK(host_refuse_again(copy, RUDDER_ACTION_STEER) == RUDDER_REASON_NONE);
    CHECK(host_refuse_again(copy, RUDDER_ACTION_REPLICATE) == RUDDER_REASON_OWN_COPY);
    CHECK(host_refuse_again(host_next_mark(copy, 0), RUDDER_ACTION_REPLICATE) == RUDDER_REASON_OWN_COPY);
    std::uint32_t marks = 0;
    for (std::uint32_t value = 0; value <= 0xffff; value++) {
        marks += static_cast<std::uint32_t>(host_is_mark(value));
    }
    CHECK(marks == 64 * 4);
}
