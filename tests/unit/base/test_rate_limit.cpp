// SPDX-License-Identifier: Apache-2.0
#include "core/base/rate_limit.hpp"

#include <catch2/catch.hpp>

using namespace rudder;

TEST_CASE("a rate is a number and its unit") {
    using Unit = RateLimit::Unit;
    CHECK(parse_rate_limit("1pps") == RateLimit{Unit::packets, 1, 1});
    CHECK(parse_rate_limit("1000pps") == RateLimit{Unit::packets, 1000, 100});
    CHECK(parse_rate_limit("20kpps") == RateLimit{Unit::packets, 20'000, 2'000});
    CHECK(parse_rate_limit("3MPPS") == RateLimit{Unit::packets, 3'000'000, 300'000});
    CHECK(parse_rate_limit("1kbit") == RateLimit{Unit::bits, 1'000, 1514});
    CHECK(parse_rate_limit("10mbit") == RateLimit{Unit::bits, 10'000'000, 125'000});
    CHECK(parse_rate_limit("1000gbit") == RateLimit{Unit::bits, 1'000'000'000'000, 12'500'000'000});
    CHECK(parse_rate_limit("1000mpps").has_value());
}

TEST_CASE("what is no rate is refused") {
    for (const char* text : {"", "pps", "kbit", "0pps", "0mbit", "10", "10bit", "10 mbit", " 10mbit", "1.5mbit", "-1pps", "010pps",
                             "10mbits", "10mb", "1001gbit", "1001mpps", "1000000001pps", "99999999999999999999pps", "10mbit/s"}) {
        INFO(text);
        CHECK_FALSE(parse_rate_limit(text).has_value());
    }
}

TEST_CASE("a printed rate is read back as the same") {
    for (const char* text : {"1pps", "1500pps", "2kpps", "1mpps", "1kbit", "1500kbit", "7mbit", "1gbit"}) {
        CHECK(to_string(*parse_rate_limit(text)) == text);
    }
    CHECK(to_string(*parse_rate_limit("1000kbit")) == "1mbit");
    CHECK(to_string(RateLimit{RateLimit::Unit::packets, 1000, 7}) == "1kpps burst 7");
}
