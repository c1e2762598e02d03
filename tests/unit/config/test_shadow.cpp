// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "core/config/normalise.hpp"
#include "core/config/shadow.hpp"

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace rudder;

namespace {

/// Few values, so that many rules are shadowed.
std::vector<IpPrefix> random_prefixes(std::mt19937& random) {
    std::vector<IpPrefix> prefixes;
    for (std::size_t left = random() % 4; left > 0; --left) {
        IpAddress address;
        address.family = random() % 4 == 0 ? IpFamily::v6 : IpFamily::v4;
        address.bytes[0] = 10;
        address.bytes[1] = static_cast<std::uint8_t>(random() % 4 * 64);
        prefixes.push_back(prefix_around(address, static_cast<std::uint8_t>(random() % 18)));
    }
    normalise(prefixes);
    return prefixes;
}

Rule random_rule(std::mt19937& random, std::uint32_t priority) {
    Rule rule;
    rule.name = "r" + std::to_string(priority);
    rule.priority = priority;
    rule.type = RuleType::drop;
    rule.match.interface.include = {random() % 3 == 0 ? "eth1" : "eth0"};
    rule.match.direction = random() % 4 == 0 ? Direction::egress : Direction::ingress;
    rule.match.src = random_prefixes(random);
    rule.match.dst = random_prefixes(random);
    rule.where = {"t.toml", priority + 1, 1, 1};
    return rule;
}

bool covers(const std::vector<IpPrefix>& outer, const std::vector<IpPrefix>& inner) {
    const auto is_inside = [&](const IpPrefix& prefix) {
        return std::any_of(outer.begin(), outer.end(), [&](const IpPrefix& other) { return other.contains(prefix); });
    };
    return outer.empty() || (!inner.empty() && std::all_of(inner.begin(), inner.end(), is_inside));
}

bool covers(const Match& outer, const Match& inner) {
    return outer.interface == inner.interface && outer.direction == inner.direction && covers(outer.src, inner.src) &&
           covers(outer.dst, inner.dst);
}

}  // namespace

TEST_CASE("of random rules those are shadowed that an earlier one covers, and no others") {
    std::mt19937 random(17);
    std::size_t shadowed = 0;
    for (int round = 0; round < 200; ++round) {
        std::vector<Rule> rules;
        std::set<std::uint32_t> wanted;
        for (std::uint32_t rank = 0; rank < 40; ++rank) {
            const Rule rule = random_rule(random, rank);
            const bool is_covered = std::any_of(rules.begin(), rules.end(),
                                                [&](const Rule& earlier) { return covers(earlier.match, rule.match); });
            if (is_covered) wanted.insert(rank + 1);
            rules.push_back(rule);
        }
        Diagnostics diagnostics;
        Warnings warnings(diagnostics, 100);
        warn_shadowed(rules, warnings);
        warnings.close();
        std::set<std::uint32_t> found;
        for (const Diagnostic& diagnostic : diagnostics.all()) found.insert(diagnostic.where.line);
        CHECK(found == wanted);
        shadowed += found.size();
    }
    CHECK(shadowed > 500);
    CHECK(shadowed < 7500);
}
