// SPDX-License-Identifier: Apache-2.0
#include "core/health/health_record.hpp"

#include <catch2/catch.hpp>

using namespace rudder;
using namespace std::chrono_literals;

TEST_CASE("what was written is read again") {
    const HealthRecords records = {{{"a", 1}, {Health::up, 5s, std::nullopt}},
                                   {{"a", ~0ull}, {Health::dead, 7s, Miss{MissReason::unreachable, 113}}},
                                   {{"b.c-d", 2}, {Health::dead, 0s, Miss{MissReason::link_down, 0}}}};
    CHECK(parse_health_records(health_records_to_text(records), 10s) == records);
}

TEST_CASE("records of another boot and lines that are not understood are passed over") {
    const std::string text =
        "a 0000000000000001 up 11000000000\n"
        "a 0000000000000002 up 9000000000\n"
        "a 3 up\nb x up 1\nb 4 dead 1\nb 5 dead 1 unheard-of 0\nb 6 up 1 refused 1\nb 7 up -1\n\n \n"
        "b 8 dead 1 refused";
    const HealthRecords records = parse_health_records(text, 10s);
    REQUIRE(records.size() == 1);
    CHECK(records.begin()->first == GroupMemberKey{"a", 2});
}
