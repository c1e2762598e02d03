// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "builders.hpp"
#include "core/compile/image.hpp"
#include "core/compile/limit_table.hpp"
#include "random_policy.hpp"

using namespace rudder;
using namespace rudder::test;

namespace {

RateLimit packets(std::uint64_t per_second) { return {RateLimit::Unit::packets, per_second, per_second}; }

/// A replicate rule `r` of two targets with a limit each and one of its own.
Rule limited_rule() {
    Rule result = rule("r", RuleType::replicate, "eth0");
    for (const unsigned rate : {100u, 200u}) {
        Target copy;
        copy.via = "eth1";
        copy.limit = packets(rate);
        result.targets.push_back(copy);
    }
    result.limit = packets(1000);
    result.excess_drops = true;
    return result;
}

Image compiled(const Policy& policy, const Slots& previous = {}) { return *compile(policy, make_topology(3), previous); }

rudder_limit limit_of(const Image& image, std::uint32_t number) {
    REQUIRE(number != 0);
    return record_at<rudder_limit>(image.blob, header_of(image).target_offset - number * sizeof(rudder_limit));
}

}  // namespace

TEST_CASE("a rule and its targets find their limits before the targets") {
    const Image image = compiled(policy({steer("s", "eth0", "eth1"), limited_rule()}));
    CHECK(rule_of(image, 0).limit == 0);
    CHECK((rule_of(image, 0).flags & RUDDER_RULE_EXCESS_DROPS) == 0);
    CHECK((rule_of(image, 1).flags & RUDDER_RULE_EXCESS_DROPS) != 0);
    const std::uint64_t second = 1'000'000'000ull << (RUDDER_TICK_SHIFT + RUDDER_PRICE_SHIFT);
    CHECK(limit_of(image, rule_of(image, 1).limit).price == second / 1000);
    CHECK(limit_of(image, target_of(image, 1, 0).limit).price == second / 100);
    CHECK(limit_of(image, target_of(image, 1, 1).limit).price == second / 200);
    CHECK(header_of(image).target_offset % 64 == 0);
    CHECK(image.slots.limits.size() == 3);
    for (const auto& [owner, slot] : image.slots.limits) {
        const std::uint32_t number = owner.target < 0 ? rule_of(image, 1).limit : target_of(image, 1, static_cast<std::size_t>(owner.target)).limit;
        CHECK(limit_of(image, number).slot == slot);
    }
}

TEST_CASE("a limit keeps its slot while others come and go, and a slot given up rests for one generation") {
    Rule first = steer("first", "eth0", "eth1");
    first.limit = packets(5);
    Rule second = steer("second", "eth0", "eth1");
    second.limit = packets(5);
    const Slots before = compiled(policy({first, second})).slots;
    const Slots after = compiled(policy({limited_rule(), second}), before).slots;
    CHECK(after.limits.at({"second", -1}) == before.limits.at({"second", -1}));
    for (const auto& [owner, slot] : after.limits) {
        CHECK((owner.rule == "second" || slot > 1));
    }
    CHECK(compiled(policy({second, limited_rule()}), after).slots.limits == after.limits);
    CHECK(compiled(policy({first}), after).slots.limits.at({"first", -1}) == 0);
}

TEST_CASE("the terms of a limit tell rates, bursts and owners apart") {
    const CounterKey owner{"r", -1};
    const auto terms = [&](const RateLimit& limit, const CounterKey& of) { return encode_limit(limit, of).terms; };
    CHECK(terms(packets(5), owner) == terms(packets(5), owner));
    CHECK(terms(packets(5), owner) != terms(packets(6), owner));
    CHECK(terms(packets(5), owner) != terms({RateLimit::Unit::packets, 5, 6}, owner));
    CHECK(terms(packets(5), owner) != terms(packets(5), {"r", 0}));
    CHECK(terms(packets(5), owner) != terms(packets(5), {"s", -1}));
}

TEST_CASE("more limits than there are buckets are an error") {
    std::vector<Rule> rules;
    for (std::uint32_t i = 0; i <= RUDDER_LIMIT_SLOTS; ++i) {
        rules.push_back(rule("r" + std::to_string(i), RuleType::pass, "eth0"));
        rules.back().match.dst = {prefix("10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256) + "/32")};
        rules.back().match.family_v6 = false;
        rules.back().limit = packets(5);
    }
    const auto image = compile(policy(rules), make_topology(1), {});
    REQUIRE_FALSE(image);
    CHECK(image.error().message == "more than 16384 limits in this and the running policy");
    rules.pop_back();
    CHECK(compile(policy(rules), make_topology(1), {}));
}

TEST_CASE("a sample is a share of all random numbers") {
    Rule sampled = rule("r", RuleType::mirror, "eth0");
    for (const unsigned sample : {1u, 2u, 1000u}) {
        Target copy;
        copy.via = "eth1";
        copy.sample = sample;
        sampled.targets.push_back(copy);
    }
    const Image image = compiled(policy({sampled, steer("s", "eth0", "eth1")}));
    CHECK((rule_of(image, 0).flags & RUDDER_RULE_SAMPLES) != 0);
    CHECK((rule_of(image, 1).flags & RUDDER_RULE_SAMPLES) == 0);
    CHECK(target_of(image, 0, 0).sample == 0);
    CHECK(target_of(image, 0, 1).sample == 0x80000000u);
    CHECK(target_of(image, 0, 2).sample == 4294967u);
}
