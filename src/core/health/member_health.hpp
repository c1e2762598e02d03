// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

/// Whether a member of a group lives: what its answers to probes mean. Pure; the sockets are in shell/health.
namespace rudder {

/// A moment or a length of time of CLOCK_MONOTONIC.
using Nanoseconds = std::chrono::nanoseconds;

/// `unknown` until the first answer, or the first that is missing: such a member gets flows.
enum class Health : std::uint8_t { unknown, up, dead };

enum class MissReason : std::uint8_t { no_answer, refused, unreachable, wrong_answer, no_device, link_down };

/// Why an answer is missing. *Units*: `code` is a positive errno where the kernel gave one, else 0.
struct Miss {
    MissReason reason = MissReason::no_answer;
    int code = 0;
    friend bool operator==(const Miss&, const Miss&) = default;
};
/// "no answer", "unreachable (No route to host)".
[[nodiscard]] std::string to_string(const Miss& miss);
[[nodiscard]] std::string to_string(Health health);

/// What is known of a member.
struct MemberState {
    Health health = Health::unknown;
    Nanoseconds since{0};                   ///< of `health`
    std::uint32_t answers = 0;              ///< in a row, while dead
    std::uint32_t misses = 0;               ///< in a row, while up
    std::optional<Nanoseconds> held_until;  ///< dead, and would be up but for hold_down
    std::optional<Miss> death;              ///< why it is dead
    std::optional<Nanoseconds> result_at;   ///< of the last question that was decided
    std::optional<Miss> last_miss;          ///< that question's answer is missing
    Nanoseconds rtt{0};                     ///< of the last answer
    std::uint64_t asked = 0;
    std::uint64_t answered = 0;
    friend bool operator==(const MemberState&, const MemberState&) = default;
};

/// The health of one member. Feed it with the clock and with results, and do what it says.
/// Keeps:
/// - at most one question is open at a time, and each is decided at most `timeout` after it was asked;
/// - a member that is up dies of `fall` missing answers in a row, known at most `fall` x `interval` after the last
///   question that was answered;
/// - for that, while answers are missing questions come a little earlier. It takes a `timeout` of at most half the
///   `interval`;
/// - a dead member is up again after `rise` answers in a row and `hold_down` without a missing one;
/// - before anything is known the first result decides alone.
class MemberHealth {
public:
    enum class Step : std::uint8_t {
        wait,   ///< nothing to do before next()
        ask,    ///< ask now; the question is open from here on
        decide  ///< the time for the answer is over: look once more, then note the answer or the miss
    };

    /// Asks first at `first`.
    MemberHealth(const HealthProbe& probe, Nanoseconds first) : probe_(probe), next_question_(first) {}

    /// Takes over what an earlier daemon knew.
    void restore(Health health, Nanoseconds since, std::optional<Miss> death);
    /// Other times or counts for the same member; what is known stays.
    void set_probe(const HealthProbe& probe);

    /// When `step` has something to do; empty while nothing can be asked.
    [[nodiscard]] std::optional<Nanoseconds> next() const;
    Step step(Nanoseconds now);

    void note_answer(Nanoseconds now);
    void note_miss(Nanoseconds now, const Miss& miss);
    /// The question could not be asked, for a reason of this host: nothing is learnt.
    void note_unable(Nanoseconds now);
    /// The member has no way out: an open question is void. An up member is dead then. Empty: there is a way (again).
    void note_obstacle(Nanoseconds now, const std::optional<Miss>& obstacle);

    [[nodiscard]] const MemberState& state() const { return state_; }
    [[nodiscard]] const HealthProbe& probe() const { return probe_; }
    [[nodiscard]] bool is_asking() const { return is_asking_; }

private:
    void become(Health health, Nanoseconds now);
    void die(Nanoseconds now, const Miss& miss);
    void count_answer(Nanoseconds now);
    void count_miss(Nanoseconds now, const Miss& miss);
    [[nodiscard]] Nanoseconds gap() const;

    HealthProbe probe_;
    MemberState state_;
    Nanoseconds next_question_;
    Nanoseconds asked_at_{0};
    bool is_asking_ = false;
    bool has_obstacle_ = false;
};

}  // namespace rudder
