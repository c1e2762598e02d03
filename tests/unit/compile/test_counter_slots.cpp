// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "core/compile/counter_slots.hpp"

using namespace rudder;

TEST_CASE("counters of one rule, its targets and their members have entries of their own") {
    CounterSlots slots;
    CHECK(slots.try_emplace({"a", -1}, 4).second);
    CHECK(slots.try_emplace({"a", 0}, 5).second);
    CHECK(slots.try_emplace({"a", 0, 77}, 6).second);
    CHECK(slots.at({"a", -1}) == 4);
    CHECK(slots.at({"a", 0}) == 5);
    CHECK(slots.at({"a", 0, 77}) == 6);
    CHECK_FALSE(slots.contains({"a", 1}));
    CHECK_FALSE(slots.contains({"b", -1}));
    CHECK(slots.find({"b", -1}) == slots.end());
}

TEST_CASE("a key that is known keeps its slot") {
    CounterSlots slots{{{"a", -1}, 4}};
    const auto [entry, is_new] = slots.try_emplace({"a", -1}, 9);
    CHECK_FALSE(is_new);
    CHECK(entry->second == 4);
    CHECK(slots.size() == 1);
}

TEST_CASE("entries come in the order in which they were added") {
    CounterSlots slots;
    for (std::uint32_t i = 0; i < 100; ++i) slots.try_emplace({std::to_string(i * 37 % 100), -1}, i);
    std::uint32_t next = 0;
    for (const auto& [key, slot] : slots) {
        CHECK(slot == next);
        CHECK(key.rule == std::to_string(next * 37 % 100));
        ++next;
    }
    CHECK(next == 100);
}

TEST_CASE("two are equal if the same keys have the same slots, whatever the order") {
    const CounterSlots slots{{{"a", -1}, 0}, {{"b", -1}, 1}};
    CHECK(slots == CounterSlots{{{"b", -1}, 1}, {{"a", -1}, 0}});
    CHECK_FALSE(slots == CounterSlots{{{"b", -1}, 0}, {{"a", -1}, 1}});
    CHECK_FALSE(slots == CounterSlots{{{"a", -1}, 0}});
    CHECK_FALSE(slots == CounterSlots{{{"a", -1}, 0}, {{"c", -1}, 1}});
}
