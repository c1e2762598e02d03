// SPDX-License-Identifier: Apache-2.0
#include "core/health/member_health.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <vector>

using namespace rudder;
using namespace std::chrono_literals;

namespace {

HealthProbe probe_with(std::uint32_t rise, std::uint32_t fall, std::chrono::milliseconds hold_down = 0ms) {
    HealthProbe probe;
    probe.interval = 100ms;
    probe.timeout = 40ms;
    probe.rise = rise;
    probe.fall = fall;
    probe.hold_down = hold_down;
    return probe;
}

/// Lets the clock run from one thing to do to the next; `answers(now)` says whether a question asked now is answered.
template <class Answers>
void run_until(MemberHealth& member, Nanoseconds end, Nanoseconds rtt, const Answers& answers) {
    while (const auto next = member.next()) {
        if (*next > end) return;
        const auto step = member.step(*next);
        if (step == MemberHealth::Step::decide) member.note_miss(*next, {});
        if (step == MemberHealth::Step::ask && answers(*next)) member.note_answer(*next + rtt);
    }
}

/// The plain reference: what the whole history of results says, read from its beginning.
Health plain_health(const HealthProbe& probe, const std::vector<bool>& history) {
    Health health = Health::unknown;
    for (std::size_t end = 1; end <= history.size(); ++end) {
        std::size_t run = 0;
        while (run < end && history[end - 1 - run] == history[end - 1]) ++run;
        if (health == Health::unknown) {
            health = history[0] ? Health::up : Health::dead;
        } else if (health == Health::up && !history[end - 1] && run >= probe.fall) {
            health = Health::dead;
        } else if (health == Health::dead && history[end - 1] && run >= probe.rise) {
            health = Health::up;
        }
    }
    return health;
}

}  // namespace

TEST_CASE("before anything is known the first result decides") {
    MemberHealth answering(probe_with(3, 3), 0ns);
    CHECK(answering.state().health == Health::unknown);
    run_until(answering, 1ms, 1us, [](Nanoseconds) { return true; });
    CHECK(answering.state().health == Health::up);
    MemberHealth silent(probe_with(3, 3), 0ns);
    run_until(silent, 40ms, 1us, [](Nanoseconds) { return false; });
    CHECK(silent.state().health == Health::dead);
}

TEST_CASE("a restored member is as it was: one lost packet kills no live one, one answer revives no dead one") {
    MemberHealth up(probe_with(2, 2), 0ns);
    up.restore(Health::up, 0ns, std::nullopt);
    run_until(up, 50ms, 1us, [](Nanoseconds) { return false; });
    CHECK(up.state().health == Health::up);
    MemberHealth dead(probe_with(2, 2), 0ns);
    dead.restore(Health::dead, 0ns, Miss{});
    run_until(dead, 50ms, 1us, [](Nanoseconds) { return true; });
    CHECK(dead.state().health == Health::dead);
    run_until(dead, 150ms, 1us, [](Nanoseconds) { return true; });
    CHECK(dead.state().health == Health::up);
}

TEST_CASE("health follows random results as the plain reference says") {
    std::mt19937 source(7);
    const auto random = [&] { return static_cast<unsigned>(source()); };
    for (int round = 0; round < 2'000; ++round) {
        const HealthProbe probe = probe_with(1 + random() % 4, 1 + random() % 4);
        MemberHealth member(probe, 0ns);
        std::vector<bool> history;
        const unsigned likely = random() % 5;
        for (int question = 0; question < 60; ++question) {
            const Nanoseconds asked = *member.next();
            REQUIRE(member.step(asked) == MemberHealth::Step::ask);
            history.push_back(random() % 5 <= likely);
            if (history.back()) {
                member.note_answer(asked + 1us);
            } else {
                const Nanoseconds due = *member.next();
                REQUIRE(due == asked + probe.timeout);
                REQUIRE(member.step(due) == MemberHealth::Step::decide);
                member.note_miss(due, {});
            }
            REQUIRE(member.state().health == plain_health(probe, history));
        }
    }
}

TEST_CASE("death is known within fall intervals of the peer's end, life within rise intervals and hold_down") {
    std::mt19937 source(8);
    const auto random = [&] { return static_cast<unsigned>(source()); };
    for (int round = 0; round < 2'000; ++round) {
        HealthProbe probe = probe_with(1 + random() % 5, 1 + random() % 5, std::chrono::milliseconds(random() % 300));
        probe.timeout = std::chrono::milliseconds(1 + random() % 50);
        const Nanoseconds end = 500ms + std::chrono::microseconds(random() % 200'000);
        const Nanoseconds back = end + 2s + std::chrono::microseconds(random() % 200'000);
        MemberHealth member(probe, 0ns);
        const auto answers = [&](Nanoseconds now) { return now < end || now >= back; };
        run_until(member, end, 10us, answers);
        REQUIRE(member.state().health == Health::up);
        run_until(member, end + probe.fall * Nanoseconds(probe.interval), 10us, answers);
        REQUIRE(member.state().health == Health::dead);
        REQUIRE(member.state().since > end);
        run_until(member, back, 10us, answers);
        REQUIRE(member.state().health == Health::dead);
        run_until(member, back + probe.rise * Nanoseconds(probe.interval) + probe.hold_down + 1ms, 10us, answers);
        REQUIRE(member.state().health == Health::up);
        REQUIRE(member.state().since >= back + (probe.rise - 1) * Nanoseconds(probe.interval) + probe.hold_down);
    }
}

TEST_CASE("a missing answer while it is held down starts the count anew") {
    MemberHealth member(probe_with(1, 1, 1s), 0ns);
    run_until(member, 50ms, 1us, [](Nanoseconds) { return false; });
    run_until(member, 10s, 1us, [](Nanoseconds now) { return now < 900ms || now > 1s; });
    CHECK(member.state().since >= 2s);
    CHECK(member.state().health == Health::up);
}

TEST_CASE("carrier loss kills an up member at once, voids the open question and asks again when it is back") {
    MemberHealth member(probe_with(2, 3), 0ns);
    run_until(member, 150ms, 1us, [](Nanoseconds) { return true; });
    REQUIRE(member.step(*member.next()) == MemberHealth::Step::ask);
    member.note_obstacle(220ms, Miss{MissReason::link_down, 0});
    CHECK(member.state().health == Health::dead);
    CHECK_FALSE(member.next());
    member.note_answer(230ms);
    CHECK(member.state().answers == 0);
    member.note_obstacle(500ms, std::nullopt);
    CHECK(member.next() == 500ms);
}

TEST_CASE("carrier loss leaves a member unknown that was never asked") {
    MemberHealth member(probe_with(2, 3), 0ns);
    member.note_obstacle(1ms, Miss{MissReason::no_device, 0});
    CHECK(member.state().health == Health::unknown);
}

TEST_CASE("a question that this host could not ask changes nothing") {
    MemberHealth member(probe_with(1, 1), 0ns);
    run_until(member, 10ms, 1us, [](Nanoseconds) { return true; });
    REQUIRE(member.step(*member.next()) == MemberHealth::Step::ask);
    member.note_unable(*member.next());
    CHECK(member.state().health == Health::up);
}
