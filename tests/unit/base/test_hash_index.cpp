// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "core/base/hash_index.hpp"

#include <algorithm>
#include <random>
#include <vector>

using namespace rudder;

namespace {

/// Numbers, found by hashes of which many are equal.
struct Numbers {
    std::vector<std::uint32_t> list;
    HashIndex index;
    std::size_t hashes = 1;

    [[nodiscard]] std::size_t hash_of(std::uint32_t number) const { return number % hashes; }
    [[nodiscard]] std::uint32_t find(std::uint32_t number) const {
        return index.find(hash_of(number), [&](std::uint32_t place) { return list[place] == number; });
    }
    void add(std::uint32_t number) {
        index.add(hash_of(number), static_cast<std::uint32_t>(list.size()));
        list.push_back(number);
    }
};

}  // namespace

TEST_CASE("an index that nothing was added to finds nothing") {
    HashIndex index;
    CHECK(index.find(0, [](std::uint32_t) { return true; }) == HashIndex::k_none);
    index.reserve(10);
    CHECK(index.find(0, [](std::uint32_t) { return true; }) == HashIndex::k_none);
}

TEST_CASE("an index finds what was added, however many hashes are equal and whether room was reserved or not") {
    std::mt19937 random(3);
    for (const std::size_t hashes : {1U, 7U, 300U, 1U << 30}) {
        for (const std::size_t reserved : {0U, 10U, 1000U}) {
            Numbers numbers;
            numbers.hashes = hashes;
            numbers.index.reserve(reserved);
            for (int step = 0; step < 1000; ++step) {
                const std::uint32_t number = static_cast<std::uint32_t>(random()) % 600;
                const auto known = std::find(numbers.list.begin(), numbers.list.end(), number);
                const auto place = static_cast<std::uint32_t>(known - numbers.list.begin());
                REQUIRE(numbers.find(number) == (known == numbers.list.end() ? HashIndex::k_none : place));
                if (known == numbers.list.end()) numbers.add(number);
            }
        }
    }
}

TEST_CASE("hashes that differ in their upper half alone are told apart by the places they get") {
    HashIndex index;
    std::size_t asked = 0;
    for (std::uint32_t i = 0; i < 1000; ++i) index.add(std::size_t{i} << 40, i);
    for (std::uint32_t i = 0; i < 1000; ++i) {
        const auto is_equal = [&](std::uint32_t place) {
            ++asked;
            return place == i;
        };
        CHECK(index.find(std::size_t{i} << 40, is_equal) == i);
    }
    CHECK(asked == 1000);
}
