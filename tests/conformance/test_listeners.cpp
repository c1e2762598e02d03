// SPDX-License-Identifier: Apache-2.0
#include "place.hpp"

#include "../datapath/receiver.hpp"

#include <algorithm>

using namespace rudder;
using namespace rudder::test;

/// Rows 21 of the list that are about mirrored copies, and about fewer packets than there are.
namespace {

Rule mirroring(const Place& place, const Target& copy) {
    Rule result = rule(RuleType::mirror, place.net(), place.direction);
    result.targets = {copy};
    return result;
}

Target to(const std::string& via) {
    Target result;
    result.via = via;
    return result;
}

/// What rudder must copy: packets of all sizes, with whatever TTL.
std::vector<Frame> packets(const Place& place) {
    std::vector<Frame> frames;
    for (const std::size_t size : {0u, 1u, 33u, 60u, 700u, 1400u}) {
        frames.push_back(place.in({.ttl = std::uint8_t{1}}) / Udp{} / payload(size));
        frames.push_back(place.in({.tos = 0xb9}) / Tcp{} / payload(size));
        frames.push_back(place.in({.protocol = std::uint8_t{253}}) / payload(size));
    }
    return frames;
}

/// The packets go on as they came; of each the first `bytes` bytes are copied.
void check_copies(Place& place, const Target& copy, std::size_t bytes) {
    REQUIRE(datapath().publish(policy({mirroring(place, copy)}), topology()));
    const std::vector<Frame> frames = packets(place);
    Receiver receiver("p-out0", is_from_sender);
    for (const Frame& in : frames) {
        INFO(hex(in));
        const Run run = place.run(in);
        CHECK(run.verdict == k_next);
        CHECK((run.frame == in));
        const Frame head(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(std::min(in.size(), bytes)));
        CHECK((receiver.take(1) == std::vector<Frame>{head}));
    }
    CHECK((datapath().counts().packets == std::map<CounterKey, std::uint64_t>{{{"r", -1}, frames.size()}, {{"r", 0}, frames.size()}}));
    CHECK(datapath().counts().reasons.empty());
}

/// How many of `count` packets a steer rule with that limit sends on; each of the others ends as `excess` says.
int steered(Place& place, const RateLimit& limit, bool excess_drops, int count) {
    Rule rule = place.steering();
    rule.limit = limit;
    rule.excess_drops = excess_drops;
    REQUIRE(datapath().publish(policy({rule}), topology()));
    const Frame in = place.in() / Udp{} / payload(33);
    const Frame out = place.out() / Udp{} / payload(33);
    int sent = 0;
    for (int i = 0; i < count; i++) {
        const Run run = place.run(in);
        sent += run.verdict == k_redirect;
        CHECK((run.frame == (run.verdict == k_redirect ? out : in)));
        CHECK((run.verdict == k_redirect || run.verdict == (excess_drops ? k_drop : k_next)));
    }
    Counts counts = datapath().counts();
    CHECK((counts.packets[{"r", -1}] == static_cast<std::uint64_t>(count)));
    CHECK((counts.failures[{{"r", -1}, RUDDER_REASON_RATE_LIMITED}] == static_cast<std::uint64_t>(count - sent)));
    return sent;
}

}  // namespace

TEST_CASE("listeners") {
    prove("mirror", [](Place& place) { check_copies(place, to("out0"), 65535); });
    prove("snap", [](Place& place) {
        const std::uint32_t cutter = link_named("out0").ifindex;
        REQUIRE(datapath().attach(cutter, Direction::egress));
        for (const unsigned bytes : {80u, 97u, 512u, 1500u}) {
            Target copy = to("out0");
            copy.snap = static_cast<std::uint16_t>(bytes);
            check_copies(place, copy, bytes);
        }
        datapath().detach(cutter, Direction::egress);
    });
    prove("sample", [](Place& place) {
        constexpr std::uint32_t k_repeat = 4000;
        const Frame in = place.in() / Udp{} / payload(33);
        for (const std::uint32_t sample : {1u, 4u, 1000000u}) {
            Target copy = to("out0");
            copy.sample = sample;
            REQUIRE(datapath().publish(policy({mirroring(place, copy)}), topology()));
            place.run(in, {}, k_repeat);
            const std::uint64_t copies = datapath().counts().packets[{"r", 0}];
            INFO("1 of " << sample << ": " << copies);
            CHECK(copies <= k_repeat / sample + 220);
            CHECK(copies + 220 >= k_repeat / sample);  // eight standard deviations
            CHECK(datapath().counts().reasons.empty());
        }
    });
}

TEST_CASE("limits") {
    prove("limit", [](Place& place) {
        // A limit with other terms begins full, whatever the one before has left.
        static std::uint64_t burst = 3;
        for (const bool excess_drops : {true, false}) {
            burst++;
            const int sent = steered(place, {RateLimit::Unit::packets, 1, burst}, excess_drops, 25);
            CHECK(sent >= static_cast<int>(burst));
            CHECK(sent <= static_cast<int>(burst) + 3);  // one a second
        }
    });
}
