// SPDX-License-Identifier: Apache-2.0
#include "joining.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace rudder;
using namespace rudder::test;

namespace {

using List = std::vector<Membership>;

/// What is held when a plan has been carried out and nothing failed.
Memberships after(Memberships held, const MembershipPlan& plan) {
    for (const Membership& membership : plan.join) held[membership] = 0;
    for (const Membership& membership : plan.leave) held.erase(membership);
    return held;
}

}  // namespace

TEST_CASE("a rule asks for each of its groups on each device it selects") {
    const Rule rule = joining_rule("r", {"eth*"}, {"239.1.1.1", "239.1.1.2"});
    CHECK(memberships_of(rule, two_links()) == List{any_source(2, "239.1.1.1"), any_source(2, "239.1.1.2"),
                                                    any_source(3, "239.1.1.1"), any_source(3, "239.1.1.2")});
}

TEST_CASE("what a rule leaves out is not joined") {
    Rule rule = joining_rule("r", {"eth0"}, {"232.1.1.1", "232.1.1.2"}, {"10.0.0.1", "10.0.0.2"});
    Exclusion excluded;
    excluded.dst = {*parse_ip_prefix("232.1.1.2/31").prefix};
    excluded.src = {*parse_ip_prefix("10.0.0.1").prefix};
    rule.match.excluded = excluded;
    CHECK(memberships_of(rule, two_links()) == List{from(2, "232.1.1.1", "10.0.0.2")});
}

TEST_CASE("a rule without join asks for nothing") {
    Rule rule = joining_rule("r", {"eth*"}, {"239.1.1.1"});
    rule.join.reset();
    CHECK(memberships_of(rule, two_links()).empty());
}

TEST_CASE("a device that is down is joined on, one that is not selected is not") {
    Links links = two_links();
    links[2].is_up = false;
    CHECK(memberships_of(joining_rule("r", {"eth0"}, {"239.1.1.1"}), links) == List{any_source(2, "239.1.1.1")});
    CHECK(memberships_of(joining_rule("r", {"eth7"}, {"239.1.1.1"}), links).empty());
}

TEST_CASE("with sources there is one membership for each of them that is of the group's family") {
    const Rule rule = joining_rule("r", {"eth0"}, {"232.1.1.1", "ff3e::1"}, {"10.0.0.1", "10.0.0.2", "2001:db8::1"});
    CHECK(memberships_of(rule, two_links()) ==
          List{from(2, "232.1.1.1", "10.0.0.1"), from(2, "232.1.1.1", "10.0.0.2"), from(2, "ff3e::1", "2001:db8::1")});
}

TEST_CASE("two rules that ask for the same group on one device ask for one membership") {
    const Policy policy{{joining_rule("a", {"eth0"}, {"239.1.1.1"}), joining_rule("b", {"eth*"}, {"239.1.1.1"})}, ""};
    const WantedMemberships wanted = wanted_memberships(policy, two_links());
    CHECK(wanted.all == std::set<Membership>{any_source(2, "239.1.1.1"), any_source(3, "239.1.1.1")});
    CHECK(wanted.left_out == 0);
}

TEST_CASE("memberships beyond the limit are counted, those of earlier rules are kept") {
    const Policy policy{{joining_rule("a", {"eth1"}, {"239.1.1.2"}), joining_rule("b", {"eth*"}, {"239.1.1.1", "239.1.1.2"})}, ""};
    const WantedMemberships wanted = wanted_memberships(policy, two_links(), 2);
    CHECK(wanted.all == std::set<Membership>{any_source(3, "239.1.1.2"), any_source(2, "239.1.1.1")});
    CHECK(wanted.left_out == 2);
}

TEST_CASE("what the kernel does not list any more, or was on a device that went, is lost") {
    const Memberships held{{any_source(2, "239.1.1.1"), 0}, {any_source(2, "239.1.1.2"), 0},
                           {any_source(3, "239.1.1.1"), 0}, {any_source(3, "239.1.1.2"), 105}};
    const KernelGroups kernel{{2, ip("239.1.1.1")}, {3, ip("239.1.1.1")}};
    CHECK(lost_memberships(held, {}, kernel) == std::set<Membership>{any_source(2, "239.1.1.2")});
    CHECK(lost_memberships(held, {3}, kernel) == std::set<Membership>{any_source(2, "239.1.1.2"), any_source(3, "239.1.1.1")});
}

TEST_CASE("what the kernel does not report by itself is reported again when the device has come back") {
    const Memberships held{{any_source(2, "239.1.1.1"), 0}, {any_source(3, "239.1.1.1"), 0}, {any_source(2, "ff15::1"), 0},
                           {from(2, "ff35::1", "2001:db8::1"), 0}, {any_source(2, "239.1.1.2"), 105}};
    const std::set<Membership> unreported{any_source(2, "239.1.1.1"), from(2, "ff35::1", "2001:db8::1")};
    Links before = two_links();
    Links now = before;
    CHECK(unreported_memberships(held, before, now).empty());
    before[2].is_up = false;
    CHECK(unreported_memberships(held, before, now) == unreported);
    CHECK(unreported_memberships(held, now, before).empty());
}

TEST_CASE("a carrier that was away too shortly to be seen counts as well") {
    const Memberships held{{any_source(2, "239.1.1.1"), 0}};
    Links now = two_links();
    now[2].carrier_changes = 2;
    CHECK(unreported_memberships(held, two_links(), now).size() == 1);
    now[2].is_up = false;
    CHECK(unreported_memberships(held, two_links(), now).empty());
}

TEST_CASE("IPv4 groups are reported again under a new primary address, not for another one besides") {
    const Memberships held{{any_source(2, "239.1.1.1"), 0}, {any_source(2, "ff15::1"), 0}};
    const auto with = [](std::initializer_list<const char*> addresses) {
        Links links = two_links();
        for (const char* address : addresses) {
            LinkAddress own;
            own.address = ip(address);
            links[2].addresses.push_back(own);
        }
        return links;
    };
    const std::set<Membership> all_v4{any_source(2, "239.1.1.1")};
    CHECK(unreported_memberships(held, with({}), with({"10.0.0.1"})) == all_v4);
    CHECK(unreported_memberships(held, with({"10.0.0.1"}), with({"10.0.0.2", "10.0.0.1"})) == all_v4);
    CHECK(unreported_memberships(held, with({"10.0.0.1"}), with({"10.0.0.1", "10.0.0.2"})).empty());
    CHECK(unreported_memberships(held, with({"10.0.0.1"}), with({})).empty());
    CHECK(unreported_memberships(held, with({}), with({"fe80::1"})).empty());
}

TEST_CASE("a plan joins what is missing or failed, leaves what is not wanted and renews what is broken") {
    const Memberships held{{any_source(2, "239.1.1.1"), 0}, {any_source(2, "239.1.1.2"), 105}, {any_source(2, "239.1.1.3"), 0},
                           {any_source(2, "239.1.1.4"), 0}, {any_source(3, "239.1.1.5"), 19}};
    const std::set<Membership> wanted{any_source(2, "239.1.1.1"), any_source(2, "239.1.1.2"), any_source(2, "239.1.1.3"),
                                      any_source(3, "239.1.1.1")};
    const MembershipPlan plan = plan_memberships(held, wanted, {any_source(2, "239.1.1.3"), any_source(2, "239.1.1.4")});
    CHECK(plan.renew == List{any_source(2, "239.1.1.3")});
    CHECK(plan.join == List{any_source(2, "239.1.1.2"), any_source(3, "239.1.1.1")});
    CHECK(plan.leave == List{any_source(2, "239.1.1.4"), any_source(3, "239.1.1.5")});
}

TEST_CASE("after any plan exactly what is wanted is held, and the next plan is empty") {
    std::mt19937 random(7);  // NOLINT: the same cases every time
    const auto pick = [&](int percent) { return static_cast<int>(random() % 100) < percent; };
    for (int round = 0; round < 500; ++round) {
        Memberships held;
        std::set<Membership> wanted;
        std::set<Membership> broken;
        for (std::uint8_t number = 0; number < 30; ++number) {
            Membership membership = any_source(2 + number % 3, "239.1.1.0");
            membership.group.bytes[3] = number / 3;
            if (pick(50)) held[membership] = pick(20) ? 105 : 0;
            if (pick(60)) wanted.insert(membership);
            if (pick(20)) broken.insert(membership);
        }
        const Memberships now = after(held, plan_memberships(held, wanted, broken));
        Memberships expected;
        for (const Membership& membership : wanted) expected[membership] = 0;
        REQUIRE(now == expected);
        REQUIRE(plan_memberships(now, wanted, {}) == MembershipPlan{});
    }
}
