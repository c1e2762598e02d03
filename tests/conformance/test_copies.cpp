// SPDX-License-Identifier: Apache-2.0
#include "place.hpp"

#include "../datapath/receiver.hpp"

#include <numeric>

using namespace rudder;
using namespace rudder::test;

/// Rows 21 to 23 and 31 of the list: copies, counters, metadata. The copies of a test run are real.
namespace {

Rule copying(const Place& place, std::vector<Target> targets, bool original_passes = false) {
    Rule result = rule(RuleType::replicate, place.net(), place.direction);
    result.targets = std::move(targets);
    result.original_passes = original_passes;
    return result;
}

/// The Nth of many different rewrites: address, port, both, or neither.
Rewrite rewrite_of(const Place& place, int number) {
    Rewrite rewrite;
    if (number % 4 != 2) {
        rewrite.dst_ip = address(place.pick("10.10.0.", "2001:db8:5::") + std::to_string(number));
    }
    if (number % 3 == 1) {
        rewrite.dst_port = static_cast<std::uint16_t>(6000 + number);
    }
    if (number % 5 == 4) {
        rewrite.dscp = static_cast<std::uint8_t>(number % 64);
    }
    return rewrite;
}

/// What in() / Udp / payload(33) looks like after that rewrite.
Frame copy_of(const Place& place, int number) {
    const Rewrite rewrite = rewrite_of(place, number);
    const std::string dst =
        rewrite.dst_ip ? place.pick("10.10.0.", "2001:db8:5::") + std::to_string(number) : place.dst();
    const auto tos = static_cast<std::uint8_t>(rewrite.dscp.value_or(0) << 2);
    return place.out({.dst = dst, .tos = tos}) / Udp{4000, rewrite.dst_port.value_or(5000)} / payload(33);
}

/// One packet; copies for these numbers arrive, exact and in order, and each target has counted one.
void check_copies(Place& place, const std::vector<int>& numbers, bool original_passes) {
    std::vector<Target> targets;
    std::vector<Frame> want;
    for (const int number : numbers) {
        targets.push_back(target("out0", rewrite_of(place, number)));
        want.push_back(copy_of(place, number));
    }
    Receiver receiver("p-out0");
    REQUIRE(datapath().publish(policy({copying(place, targets, original_passes)}), topology()));
    const Frame in = place.in() / Udp{} / payload(33);
    const Run run = place.run(in);
    CHECK(run.verdict == (original_passes ? k_next : k_drop));
    CHECK((!original_passes || run.frame == in));
    const std::vector<Frame> got = receiver.take(want.size());
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < want.size(); i++) {
        INFO("copy " << i << "\nwant " << hex(want[i]) << "\ngot  " << hex(got[i]));
        CHECK((got[i] == want[i]));
    }
    std::map<CounterKey, std::uint64_t> packets{{{"r", -1}, 1}};
    for (std::size_t i = 0; i < want.size(); i++) {
        packets[{"r", static_cast<int>(i)}] = 1;
    }
    CHECK((datapath().counts().packets == packets));
    CHECK(datapath().counts().reasons.empty());
}

std::vector<int> first(int count) {
    std::vector<int> numbers(static_cast<std::size_t>(count));
    std::iota(numbers.begin(), numbers.end(), 1);
    return numbers;
}

}  // namespace

TEST_CASE("copies") {
    for (const int count : {1, 2, 12, 64}) {
        prove("copies-" + std::to_string(count), [count](Place& place) { check_copies(place, first(count), false); });
    }
    prove("original-consumed", [](Place& place) {
        for (const int count : {1, 3, 64}) {
            check_copies(place, first(count), false);
        }
    });
    prove("original-passes", [](Place& place) {
        for (const int count : {1, 3, 64}) {
            check_copies(place, first(count), true);
        }
    });
    prove("copy-order", [](Place& place) {
        std::vector<int> numbers = first(12);
        for (int round = 0; round < 12; round++) {
            check_copies(place, numbers, round % 2 == 0);
            std::rotate(numbers.begin(), numbers.begin() + 5, numbers.end());
            std::swap(numbers[0], numbers[static_cast<std::size_t>(round % 12)]);
        }
    });
}

TEST_CASE("copy-fails") {
    prove("copy-fails", [](Place& place) {
        Topology world = topology();
        world.links[link_named("out1").ifindex].is_up = false;
        world.links[link_named("out2").ifindex].mtu = 40;
        Rewrite port;
        port.dst_port = 1;
        const Ip moved{.dst = place.new_dst(), .protocol = std::uint8_t{253}};
        Rule rule = copying(place, {target("out0", place.readdressing()), target("out1"), target("gone"),
                                    target("out2"), target("out0", port), target("out0", place.readdressing())});
        for (const bool passes : {false, true}) {
            rule.original_passes = passes;
            Receiver receiver("p-out0");
            REQUIRE(datapath().publish(policy({rule}), world));
            const Frame in = place.in({.protocol = std::uint8_t{253}}) / payload(60);
            const Run run = place.run(in);
            CHECK(run.verdict == (passes ? k_next : k_drop));
            CHECK((!passes || run.frame == in));
            const Frame want = place.out(moved) / payload(60);
            CHECK((receiver.take(2) == std::vector<Frame>{want, want}));
            const std::map<std::pair<CounterKey, std::uint32_t>, std::uint64_t> failures{
                {{{"r", 1}, RUDDER_REASON_LINK_DOWN}, 1},
                {{{"r", 2}, RUDDER_REASON_NO_DEVICE}, 1},
                {{{"r", 3}, RUDDER_REASON_TOO_BIG}, 1},
                {{{"r", 4}, RUDDER_REASON_NO_PORTS}, 1}};
            CHECK((datapath().counts().failures == failures));
            CHECK((datapath().counts().packets ==
                   std::map<CounterKey, std::uint64_t>{{{"r", -1}, 1}, {{"r", 0}, 1}, {{"r", 5}, 1}}));
        }
    });
}

TEST_CASE("counters") {
    prove("counters", [](Place& place) {
        constexpr std::uint32_t k_repeat = 1000;
        Rewrite keep;
        keep.ttl.mode = TtlAction::Mode::keep;
        const Frame in = place.in() / Udp{} / payload(33);
        for (const RuleType type : {RuleType::pass, RuleType::drop, RuleType::steer}) {
            Rule rule = place.steering(keep);
            rule.type = type;
            if (type != RuleType::steer) {
                rule.targets.clear();
            }
            REQUIRE(datapath().publish(policy({rule}), topology()));
            place.run(in, {}, k_repeat);
            CHECK((datapath().counts().packets == std::map<CounterKey, std::uint64_t>{{{"r", -1}, k_repeat}}));
            CHECK(
                (datapath().counts().bytes == std::map<CounterKey, std::uint64_t>{{{"r", -1}, k_repeat * in.size()}}));
        }
        datapath().reset();
        place.run(place.in({.protocol = std::uint8_t{17}}) / payload(7), {}, k_repeat);
        CHECK((datapath().counts().reasons == std::map<std::uint32_t, std::uint64_t>{{RUDDER_REASON_SHORT, k_repeat}}));
    });
}

TEST_CASE("metadata") {
    prove("metadata", [](Place& place) {
        const Metadata sent{.mark = 0x12345678, .priority = 6, .timestamp = 1234567890123456789};
        Rule passes = place.steering(),
             copies = copying(place, {target("out0"), target("out1", place.readdressing())}, true);
        passes.type = RuleType::pass;
        passes.targets.clear();
        for (const Rule& rule : {place.steering(), place.steering(place.readdressing()), copies, passes}) {
            REQUIRE(datapath().publish(policy({rule}), topology()));
            const Metadata got = place.run(place.in() / Udp{} / payload(4), sent).metadata;
            CHECK(got.mark == sent.mark);
            CHECK(got.priority == sent.priority);
            CHECK(got.timestamp == sent.timestamp);
        }
    });
}
