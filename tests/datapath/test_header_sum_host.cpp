// SPDX-License-Identifier: Apache-2.0
/// IPv4 header checksums as the short way checks and changes them, against sums made from scratch octet by octet.
#include "frame.hpp"
#include "host_shim.h"
#include "random_frame.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cstring>

using namespace rudder;
using namespace rudder::test;

namespace {

constexpr std::uint64_t k_words = 15;  ///< of the longest header
constexpr std::uint64_t k_largest = k_words * 0xffffffff;

bool folds_to_ones(std::uint64_t sum) {
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum == 0xffff;
}

std::uint64_t random_below(Random& random, unsigned bits) {
    const std::uint64_t high = static_cast<std::uint32_t>(random());
    return (high << 32 | static_cast<std::uint32_t>(random())) >> (64 - bits);
}

bool is_good(const Frame& header) {
    std::uint64_t sum = 0;
    for (std::size_t at = 0; at < header.size(); at += 4) {
        std::uint32_t word = 0;
        std::memcpy(&word, &header[at], 4);
        sum += word;
    }
    return host_is_header_sum_good(sum) != 0;
}

/// 20 to 60 bytes, the version and its length right, the checksum from scratch.
Frame random_header(Random& random) {
    const std::size_t words = 5 + below(random, 11);
    Frame header(words * 4);
    for (std::uint8_t& byte : header) {
        byte = static_cast<std::uint8_t>(below(random, 3) == 0 ? 0xff * below(random, 2) : random());
    }
    header[0] = static_cast<std::uint8_t>(0x40 | words);
    store16(header, 10, 0);
    store16(header, 10, static_cast<std::uint16_t>(~fold16(sum16(header.data(), header.size()))));
    return header;
}

/// The word of TTL, protocol and checksum, by their values.
std::uint32_t word_of(unsigned ttl, unsigned protocol, unsigned checksum) {
    const std::array<std::uint8_t, 4> bytes{static_cast<std::uint8_t>(ttl), static_cast<std::uint8_t>(protocol),
                                            static_cast<std::uint8_t>(checksum >> 8), static_cast<std::uint8_t>(checksum)};
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data(), 4);
    return word;
}

/// The same word in a header that summed up with `checksum` before its TTL became `to`, the checksum made anew: the rest of the
/// header folds to what was missing. No header's rest is 0, since its version is not, so that the new checksum is never
/// ffff. *Source*: RFC 1624, section 3.
std::uint32_t anew(unsigned ttl, unsigned protocol, unsigned checksum, unsigned to) {
    const unsigned missing = 0xffff - fold16((ttl << 8 | protocol) + checksum);
    const unsigned rest = missing == 0 ? 0xffff : missing;
    return word_of(to, protocol, 0xffffu - fold16(rest + (to << 8 | protocol)));
}

/// Where carries begin and end, in either byte order.
constexpr std::array<unsigned, 16> k_edges{0,      1,      0x00fe, 0x00ff, 0x0100, 0x0101, 0x7fff, 0x8000,
                                           0xfdff, 0xfe00, 0xfeff, 0xff00, 0xff01, 0xfffd, 0xfffe, 0xffff};

struct Mismatches {
    std::uint64_t count = 0, compared = 0;
    std::string first{};

    void less_one(unsigned ttl, unsigned protocol, unsigned checksum) {
        const std::uint32_t word = word_of(ttl, protocol, checksum), want = anew(ttl, protocol, checksum, ttl - 1);
        const std::uint32_t less = host_ttl_word_less_one(word);
        const std::uint32_t with = host_ttl_word_with(word, static_cast<std::uint8_t>(ttl - 1));
        note(less == want && with == want, ttl, protocol, checksum);
    }
    void with(unsigned ttl, unsigned protocol, unsigned checksum, unsigned to) {
        const std::uint32_t got = host_ttl_word_with(word_of(ttl, protocol, checksum), static_cast<std::uint8_t>(to));
        note(got == anew(ttl, protocol, checksum, to), ttl, protocol, checksum);
    }

private:
    void note(bool is_same, unsigned ttl, unsigned protocol, unsigned checksum) {
        compared++;
        if (!is_same && count++ == 0) {
            first = "ttl " + std::to_string(ttl) + " protocol " + std::to_string(protocol) + " checksum " + std::to_string(checksum);
        }
    }
};

}  // namespace

TEST_CASE("a header sum is good where it folds to ffff: all multiples of 65535 and their neighbours") {
    CHECK_FALSE(host_is_header_sum_good(0));
    std::uint64_t wrong = 0, multiples = 0;
    for (std::uint64_t sum = 65535; sum <= k_largest; sum += 65535) {
        multiples++;
        wrong += !folds_to_ones(sum) || !host_is_header_sum_good(sum);
        wrong += folds_to_ones(sum - 1) || host_is_header_sum_good(sum - 1);
        wrong += folds_to_ones(sum + 1) || host_is_header_sum_good(sum + 1);
    }
    CHECK(wrong == 0);
    CHECK(multiples == k_words * 65537);
}

TEST_CASE("a header sum is good where it folds to ffff: random sums") {
    Random random(11);
    std::uint64_t wrong = 0, good = 0;
    for (int i = 0; i < 2000000; i++) {
        // Half of them without a remainder, as those that a packet has.
        const std::uint64_t any = random_below(random, 36), sum = i % 2 == 0 ? any : any - any % 65535;
        wrong += folds_to_ones(sum) != (host_is_header_sum_good(sum) != 0);
        good += folds_to_ones(sum);
    }
    CHECK(wrong == 0);
    CHECK(good > 900000);
}

TEST_CASE("of random headers those with the right checksum are good, and those with either zero where it is 0") {
    Random random(12);
    std::uint64_t wrong = 0, zeros = 0;
    for (int i = 0; i < 300000; i++) {
        Frame header = random_header(random);
        if (i % 8 == 0) {  // the identification takes what the checksum was: it becomes 0
            const unsigned identification = fold16(be16(header, 4) + be16(header, 10));
            store16(header, 4, identification);
            store16(header, 10, 0);
            zeros++;
        }
        const unsigned right = be16(header, 10);
        wrong += !is_good(header);
        for (const unsigned other : {0u, 0xffffu, right ^ 1u << below(random, 16), static_cast<unsigned>(random()) & 0xffffu}) {
            store16(header, 10, other);
            const bool is_same = other == right || (right == 0 && other == 0xffff);
            wrong += is_good(header) != is_same || is_same != folds_to_ones(sum16(header.data(), header.size()));
        }
    }
    CHECK(wrong == 0);
    CHECK(zeros > 30000);
}

// Headers that do not sum up make no difference: every checksum is that of some header, and only the word is looked at.
TEST_CASE("a TTL that is less by one leaves the checksum that is made from scratch, whatever it was before") {
    Mismatches mismatches;
    for (unsigned checksum = 0; checksum <= 0xffff; checksum++) {
        for (unsigned ttl = 1; ttl <= 255; ttl++) {
            mismatches.less_one(ttl, 17, checksum);
        }
        for (unsigned protocol = 0; protocol <= 255; protocol++) {
            mismatches.less_one(checksum % 2 == 0 ? 1 : 255, protocol, checksum);
        }
    }
    for (const unsigned checksum : k_edges) {
        for (unsigned ttl = 1; ttl <= 255; ttl++) {
            for (unsigned protocol = 0; protocol <= 255; protocol++) {
                mismatches.less_one(ttl, protocol, checksum);
            }
        }
    }
    INFO(mismatches.first);
    CHECK(mismatches.count == 0);
    CHECK(mismatches.compared > 30000000);
}

TEST_CASE("a TTL that is set leaves the checksum that is made from scratch") {
    Mismatches mismatches;
    for (unsigned ttl = 0; ttl <= 255; ttl++) {
        for (unsigned to = 0; to <= 255; to++) {
            for (const unsigned checksum : k_edges) {
                for (const unsigned protocol : {0u, 1u, 6u, 17u, 254u, 255u}) {
                    mismatches.with(ttl, protocol, checksum, to);
                }
            }
        }
    }
    for (unsigned checksum = 0; checksum <= 0xffff; checksum++) {
        for (const unsigned ttl : {0u, 1u, 64u, 255u}) {
            for (const unsigned to : {0u, 1u, 64u, 255u}) {
                mismatches.with(ttl, 6, checksum, to);
            }
        }
    }
    INFO(mismatches.first);
    CHECK(mismatches.count == 0);
}
