// SPDX-License-Identifier: Apache-2.0
#include "memory_logger.hpp"
#include "shell/health/health_checks.hpp"
#include "shell/log/events.hpp"

#include <catch2/catch.hpp>

using namespace rudder;
using namespace rudder::test;
using namespace std::chrono_literals;
using Kind = ProbeOutcome::Kind;

namespace {

const ProbeOutcome k_answer{Kind::answer, {}, {}};

class FakePort final : public ProbePort {
public:
    std::set<GroupMemberKey> open;
    std::map<GroupMemberKey, ProbeOutcome> at_once;  ///< what asking gives
    std::map<GroupMemberKey, ProbeOutcome> waiting;  ///< answers that the loop has not told yet

    std::optional<ProbeOutcome> ask(const GroupMemberKey& member, const ProbeOrder&) override {
        if (const auto found = at_once.find(member); found != at_once.end()) return found->second;
        open.insert(member);
        return std::nullopt;
    }
    std::optional<ProbeOutcome> look(const GroupMemberKey& member) override {
        const auto found = waiting.find(member);
        return found == waiting.end() ? std::nullopt : std::optional(found->second);
    }
    void end(const GroupMemberKey& member) override { open.erase(member); }
    void tell(const GroupMemberKey& member, const ProbeOutcome& outcome) {
        open.erase(member);
        on_outcome_(member, outcome);
    }
};

struct Fixture {
    Nanoseconds now{1s};
    FakePort port;
    MemoryLogger logger;
    int changes = 0;
    HealthChecks checks{port, logger, [this] { return now; }};

    Fixture() {
        checks.set_on_change([this] { ++changes; });
    }
    void run_until(Nanoseconds end) {
        while (checks.next() && *checks.next() <= end) {
            now = std::max(now, *checks.next());
            checks.run();
        }
        now = end;
    }
};

GroupMemberKey key(std::uint64_t member) {
    return {"g", member};
}

ProbeTasks tasks_of(std::uint64_t members) {
    ProbeTasks tasks;
    for (std::uint64_t member = 1; member <= members; ++member) {
        ProbeTask task;
        task.via = "eth1";
        task.order.ifindex = 2;
        tasks.emplace(key(member), task);
    }
    return tasks;
}

}  // namespace

TEST_CASE("a member that stops answering is dead, told once, and up again after its answers") {
    Fixture test;
    test.port.at_once = {{key(1), k_answer}, {key(2), k_answer}};
    test.checks.follow(tasks_of(2));
    test.run_until(3s);
    CHECK(test.checks.dead().empty());
    CHECK(test.logger.entries.empty());
    test.port.at_once[key(1)] = {Kind::miss, {MissReason::refused, 0}, {}};
    const int before = test.changes;
    test.run_until(10s);
    CHECK(test.checks.dead() == DeadMembers{key(1)});
    CHECK(test.changes == before + 1);
    CHECK(test.logger.count(event::k_member_dead) == 1);
    CHECK(test.logger.field(event::k_member_dead, "REASON") == "refused");
    test.port.at_once[key(1)] = k_answer;
    test.run_until(15s);
    CHECK(test.checks.dead().empty());
    CHECK(test.logger.count(event::k_member_up) == 1);
}

TEST_CASE("a loop that stood still kills nobody whose answer waits") {
    Fixture test;
    test.checks.follow(tasks_of(1));
    test.run_until(1s);
    REQUIRE(test.port.open.contains(key(1)));
    test.port.waiting[key(1)] = k_answer;
    test.now = 60s;
    test.checks.run();
    CHECK(test.checks.dead().empty());
    CHECK(test.checks.members().at(key(1)).health.state().health == Health::up);
}

TEST_CASE("what an earlier daemon found dead is dead before and after the first policy") {
    Fixture test;
    test.checks.restore({{key(1), {Health::dead, 0s, Miss{}}}, {key(9), {Health::dead, 0s, Miss{}}}});
    CHECK(test.checks.dead() == DeadMembers{key(1), key(9)});
    test.checks.follow(tasks_of(2));
    CHECK(test.checks.dead() == DeadMembers{key(1)});
    CHECK(test.checks.records().size() == 1);
}

TEST_CASE("a reload keeps what is known, and forgets members that went with their questions") {
    Fixture test;
    test.port.at_once = {{key(1), {Kind::miss, {}, {}}}};
    test.checks.follow(tasks_of(2));
    test.run_until(1s + 100ms);
    REQUIRE(test.checks.dead() == DeadMembers{key(1)});
    REQUIRE(test.port.open == std::set{key(2)});
    ProbeTasks changed = tasks_of(1);
    changed.at(key(1)).probe.rise = 9;
    test.checks.follow(changed);
    CHECK(test.checks.dead() == DeadMembers{key(1)});
    CHECK(test.port.open.empty());
    CHECK(test.checks.members().size() == 1);
}

TEST_CASE("carrier loss is death at once, without a question") {
    Fixture test;
    test.port.at_once = {{key(1), k_answer}};
    test.checks.follow(tasks_of(1));
    test.run_until(2s);
    ProbeTasks down = tasks_of(1);
    down.at(key(1)).obstacle = Miss{MissReason::link_down, 0};
    test.checks.follow(down);
    CHECK(test.checks.dead() == DeadMembers{key(1)});
    CHECK_FALSE(test.checks.next());
}

TEST_CASE("what this host lacks is told once for all members and changes no health") {
    Fixture test;
    for (std::uint64_t member = 1; member <= 50; ++member)
        test.port.at_once[key(member)] = {Kind::unable, {}, {"open a socket: Too many open files", 24}};
    test.checks.follow(tasks_of(50));
    test.run_until(20s);
    CHECK(test.checks.dead().empty());
    CHECK(test.logger.count(event::k_probe_failed) == 1);
}

TEST_CASE("a thousand deaths are told by a hundred entries and a sum") {
    Fixture test;
    for (std::uint64_t member = 1; member <= 1000; ++member) test.port.at_once[key(member)] = {Kind::miss, {}, {}};
    test.checks.follow(tasks_of(1000));
    test.run_until(30s);
    CHECK(test.checks.dead().size() == 1000);
    CHECK(test.logger.count(event::k_member_dead) == 100);
    CHECK(test.logger.count(event::k_health_changes) == 1);
}
