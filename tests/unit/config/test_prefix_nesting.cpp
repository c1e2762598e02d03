// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "core/config/prefix_nesting.hpp"

#include <optional>
#include <random>
#include <utility>
#include <vector>

using namespace rudder;

namespace {

using Sorted = std::pair<std::uint32_t, IpPrefix>;

/// Few bits differ, so that many are equal or inside each other.
Sorted random_prefix(std::mt19937& random) {
    IpAddress address;
    address.family = random() % 2 == 0 ? IpFamily::v4 : IpFamily::v6;
    for (unsigned bit = 0; bit < address.bits(); bit += 1 + static_cast<unsigned>(random() % 40))
        address.bytes[bit / 8] = static_cast<std::uint8_t>(address.bytes[bit / 8] | (0x80U >> (bit % 8)));
    const auto length = static_cast<std::uint8_t>(random() % (address.bits() + 1));
    return {static_cast<std::uint32_t>(random() % 2), prefix_around(address, length)};
}

bool is_inside(const Sorted& inner, const Sorted& outer) {
    return inner.first == outer.first && inner.second != outer.second && outer.second.contains(inner.second);
}

/// The longest one of all that contain it.
std::optional<Sorted> around(const std::vector<Sorted>& all, const Sorted& inner) {
    std::optional<Sorted> longest;
    for (const Sorted& outer : all)
        if (is_inside(inner, outer) && (!longest || outer.second.length > longest->second.length)) longest = outer;
    return longest;
}

}  // namespace

TEST_CASE("random prefixes have the numbers of their equals and lie in the longest that contains them") {
    std::mt19937 random(5);
    for (int round = 0; round < 100; ++round) {
        std::vector<Sorted> all;
        PrefixNesting nesting;
        for (std::size_t i = 0; i < 1 + random() % 60; ++i) {
            all.push_back(random_prefix(random));
            nesting.add(all.back().first, all.back().second);
        }
        nesting.settle();
        std::vector<std::optional<Sorted>> numbered(nesting.count());
        for (std::size_t i = 0; i < all.size(); ++i) {
            std::optional<Sorted>& same = numbered.at(nesting.number_of(i));
            if (same) REQUIRE(*same == all[i]);
            same = all[i];
        }
        for (std::uint32_t number = 0; number < nesting.count(); ++number) {
            REQUIRE(numbered[number].has_value());
            const std::uint32_t found = nesting.around(number);
            const auto wanted = around(all, *numbered[number]);
            REQUIRE((found == PrefixNesting::k_none ? std::nullopt : numbered[found]) == wanted);
        }
        for (std::size_t i = 0; i < all.size(); ++i)
            for (std::size_t j = 0; j < i; ++j)
                REQUIRE((all[i] == all[j]) == (nesting.number_of(i) == nesting.number_of(j)));
    }
}

TEST_CASE("a nesting of nothing is empty") {
    PrefixNesting nesting;
    nesting.settle();
    CHECK(nesting.count() == 0);
}
