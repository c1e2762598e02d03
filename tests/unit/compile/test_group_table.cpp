// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "core/base/policy.hpp"
#include "core/compile/group_table.hpp"
#include "rudder_abi.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>
#include <set>

using namespace rudder;

namespace {

using Random = std::mt19937;
using Table = std::vector<std::uint16_t>;

constexpr double k_entries = RUDDER_GROUP_ENTRIES;

std::uint64_t all_of(std::size_t members) { return members == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << members) - 1; }

/// Members like real ones: identities of gateways that differ in one byte.
GroupEntry group_of(const std::vector<std::uint32_t>& weights, const std::string& network = "10.10.1.") {
    GroupEntry group;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        GroupMember member;
        member.way.via = "eth1";
        member.way.next_hop = parse_ip_address(network + std::to_string(i + 1));
        group.members.push_back({member_identity(member), weights[i], 1});
    }
    group.alive = all_of(weights.size());
    return group;
}

std::vector<std::uint32_t> random_weights(Random& random, std::size_t members) {
    std::vector<std::uint32_t> weights(members);
    for (auto& weight : weights) weight = 1 + static_cast<std::uint32_t>(random() % 10);
    return weights;
}

double share(const Table& table, std::size_t member) {
    return static_cast<double>(std::count(table.begin(), table.end(), static_cast<std::uint16_t>(member))) / k_entries;
}

double wanted_share(const GroupEntry& group, std::size_t member) {
    double total = 0;
    for (std::size_t i = 0; i < group.members.size(); ++i) total += (group.alive >> i & 1) != 0 ? group.members[i].weight : 0;
    return (group.alive >> member & 1) != 0 ? group.members[member].weight / total : 0;
}

double moved(const Table& before, const Table& after) {
    int count = 0;
    for (std::size_t i = 0; i < before.size(); ++i) count += before[i] != after[i];
    return count / k_entries;
}

/// The same places as identities, for tables of groups that name members in another order.
std::vector<std::uint64_t> by_identity(const GroupEntry& group) {
    std::vector<std::uint64_t> places;
    for (const std::uint16_t member : group_table(group)) places.push_back(group.members[member].identity);
    return places;
}

}  // namespace

TEST_CASE("every place belongs to a member, in proportion to the weights within a place") {
    Random random(1);
    for (std::size_t members = 1; members <= RUDDER_MAX_MEMBERS; ++members) {
        const GroupEntry group = group_of(random_weights(random, members));
        const Table table = group_table(group);
        REQUIRE(table.size() == RUDDER_GROUP_ENTRIES);
        for (std::size_t i = 0; i < members; ++i) {
            INFO(members << " members, member " << i);
            REQUIRE(std::abs(share(table, i) - wanted_share(group, i)) < 2 / k_entries);
        }
    }
}

TEST_CASE("64 members of equal weight differ by less than two per cent of their share") {
    const GroupEntry group = group_of(std::vector<std::uint32_t>(64, 1));
    for (std::size_t i = 0; i < 64; ++i) CHECK(std::abs(share(group_table(group), i) * 64 - 1) < 0.02);
}

TEST_CASE("a member that dies takes its own share along and nothing else") {
    Random random(2);
    for (int round = 0; round < 200; ++round) {
        const std::size_t members = 2 + random() % 15;
        GroupEntry group = group_of(random_weights(random, members));
        const Table before = group_table(group);
        const std::size_t dead = random() % members;
        const double lost = wanted_share(group, dead);
        group.alive &= ~(std::uint64_t{1} << dead);
        const Table after = group_table(group);
        for (std::size_t place = 0; place < before.size(); ++place) {
            if (before[place] != dead) REQUIRE(after[place] == before[place]);
        }
        REQUIRE(share(after, dead) == 0);
        REQUIRE(moved(before, after) <= lost + 0.02);
        for (std::size_t i = 0; i < members; ++i) REQUIRE(std::abs(share(after, i) - wanted_share(group, i)) < 0.02);
    }
}

TEST_CASE("killing one of four next hops moves its quarter, two per cent more at most, and leaves the others") {
    for (int network = 0; network < 50; ++network) {
        GroupEntry group = group_of({1, 1, 1, 1}, "10.11." + std::to_string(network) + ".");
        const Table before = group_table(group);
        for (std::uint16_t dead = 0; dead < 4; ++dead) {
            group.alive = 0b1111u & ~(1u << dead);
            const Table after = group_table(group);
            REQUIRE(moved(before, after) <= 0.25 + 0.02);
            for (std::size_t place = 0; place < before.size(); ++place) REQUIRE((before[place] == dead) == (before[place] != after[place]));
        }
    }
}

TEST_CASE("whoever dies and returns in whatever order: only the flows of the dead move, and the table is that of the living") {
    Random random(3);
    for (int round = 0; round < 40; ++round) {
        const std::size_t members = 3 + random() % 10;
        GroupEntry group = group_of(random_weights(random, members));
        const Table healthy = group_table(group);
        Table present = healthy;
        for (int step = 0; step < 20; ++step) {
            const std::uint64_t bit = std::uint64_t{1} << random() % members;
            if ((group.alive & ~bit) == 0) continue;
            const bool dies = (group.alive & bit) != 0;
            group.alive ^= bit;
            const Table next = group_table(group);
            const auto member = static_cast<std::uint16_t>(std::countr_zero(bit));
            for (std::size_t place = 0; place < next.size(); ++place) {
                if (next[place] == present[place]) continue;
                REQUIRE((dies ? present[place] : next[place]) == member);
            }
            present = next;
        }
        group.alive = all_of(members);
        REQUIRE((group_table(group) == healthy));
    }
}

TEST_CASE("a tier is used only while no member of a better one is alive") {
    GroupEntry group = group_of({1, 1, 1, 1, 0});
    group.members[0].tier = group.members[1].tier = 2;
    group.members[2].tier = 7;
    group.members[3].tier = 7;
    group.members[4].tier = 1;  // of weight 0: no reason to stay in tier 1
    const auto used = [&] {
        const Table table = group_table(group);
        return std::set<std::uint16_t>(table.begin(), table.end());
    };
    CHECK((used() == std::set<std::uint16_t>{0, 1}));
    CHECK(members_in_use(group) == 0b00011);
    group.alive = 0b11110;
    CHECK((used() == std::set<std::uint16_t>{1}));
    group.alive = 0b11100;
    CHECK((used() == std::set<std::uint16_t>{2, 3}));
    CHECK(members_in_use(group) == 0b01100);
    group.alive = 0b10000;
    CHECK((used() == std::set<std::uint16_t>{RUDDER_NO_MEMBER}));
    CHECK(members_in_use(group) == 0);
    group.alive = 0b10011;
    CHECK((used() == std::set<std::uint16_t>{0, 1}));
}

TEST_CASE("a member of weight 0 gets nothing, the smallest weight something") {
    const GroupEntry group = group_of({1000, 0, 1, 1000});
    const Table table = group_table(group);
    CHECK(share(table, 1) == 0);
    CHECK(share(table, 2) > 0);
}

TEST_CASE("the order in which members are written does not move a flow") {
    GroupEntry group = group_of({3, 1, 4, 1, 5});
    const auto before = by_identity(group);
    std::reverse(group.members.begin(), group.members.end());
    CHECK((by_identity(group) == before));
    group.alive = 0b10111;
    const auto reversed = by_identity(group);
    std::reverse(group.members.begin(), group.members.end());
    group.alive = 0b11101;
    CHECK((by_identity(group) == reversed));
}

TEST_CASE("a member that is added or taken out of the group moves little more than its share") {
    for (std::size_t members = 3; members <= 16; ++members) {
        const GroupEntry large = group_of(std::vector<std::uint32_t>(members, 1));
        const GroupEntry small = group_of(std::vector<std::uint32_t>(members - 1, 1));
        const auto before = by_identity(large);
        const auto after = by_identity(small);
        int count = 0;
        for (std::size_t i = 0; i < before.size(); ++i) count += before[i] != after[i];
        INFO(members << " members");
        CHECK(count / k_entries < 1.0 / static_cast<double>(members) + 0.05);
    }
}

TEST_CASE("the table is the same in every run") {
    const Table table = group_table(group_of({1, 2, 3}));
    std::uint64_t digest = 0;
    for (const std::uint16_t member : table) digest = digest * 31 + member;
    CHECK(digest == 0x55f08c30ab2189ecu);
}

TEST_CASE("an identity is of the way alone") {
    GroupMember member;
    member.way.via = "eth1";
    const std::uint64_t plain = member_identity(member);
    member.weight = 5;
    member.tier = 2;
    CHECK(member_identity(member) == plain);
    std::set<std::uint64_t> seen = {plain};
    const auto differs = [&] { return seen.insert(member_identity(member)).second; };
    member.way.next_hop = parse_ip_address("10.0.0.1");
    CHECK(differs());
    member.way.next_hop.reset();
    member.way.rewrite.dst_ip = parse_ip_address("10.0.0.1");
    CHECK(differs());
    member.way.rewrite.dst_port = 5;
    CHECK(differs());
    member.way.via = "eth2";
    CHECK(differs());
    member.way.via.clear();
    member.way.table = 5;
    CHECK(differs());
    member.way.next_hop_mac = parse_mac_address("02:00:00:00:00:01");
    CHECK(differs());
}
