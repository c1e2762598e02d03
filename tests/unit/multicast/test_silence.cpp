// SPDX-License-Identifier: Apache-2.0
#include "core/multicast/silence.hpp"

#include <catch2/catch.hpp>

using rudder::Silence;
using Durations = std::map<std::string, std::uint64_t>;

TEST_CASE("a rule is silent since its counter stood still") {
    Silence silence;
    silence.note(1000, {{"a", 5}, {"b", 0}});
    silence.note(3000, {{"a", 6}, {"b", 0}});
    silence.note(4000, {{"a", 6}, {"b", 0}});
    CHECK(silence.durations_us(5000) == Durations{{"a", 2000}, {"b", 4000}});
}

TEST_CASE("a counter that was set to zero has moved") {
    Silence silence;
    silence.note(1000, {{"a", 5}});
    silence.note(2000, {{"a", 0}});
    CHECK(silence.durations_us(2500) == Durations{{"a", 500}});
}

TEST_CASE("a rule that is not fed any more is forgotten, and new when it comes back") {
    Silence silence;
    silence.note(1000, {{"a", 5}});
    silence.note(2000, {});
    CHECK(silence.durations_us(2000).empty());
    silence.note(3000, {{"a", 5}});
    CHECK(silence.durations_us(3000) == Durations{{"a", 0}});
}
