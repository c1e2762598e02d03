// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/health/change_budget.hpp"
#include "core/health/health_record.hpp"
#include "core/health/member_health.hpp"
#include "core/health/probe_task.hpp"
#include "shell/health/probe_port.hpp"
#include "shell/log/logger.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace rudder {

/// Asks all members of groups with a probe and knows which are dead.
/// Keeps:
/// - a member keeps what is known of it as long as a policy has it, whatever else a reload changes;
/// - a question is decided by a last look at its socket: a loop that stood still kills nobody;
/// - each change of health is told once, by `on_change`, after all that happened in one turn.
class HealthChecks {
public:
    struct Member {
        ProbeTask task;
        MemberHealth health;
        std::optional<Nanoseconds> queued{};  ///< its place in the queue
        std::string trouble{};                ///< why it could not be asked last time; empty: it could
    };
    using Members = std::map<GroupMemberKey, Member>;

    /// *Ownership*: borrows both. `clock` is CLOCK_MONOTONIC.
    HealthChecks(ProbePort& port, Logger& logger, std::function<Nanoseconds()> clock);

    /// What an earlier daemon knew: taken over by the members that follow() adds.
    void restore(HealthRecords records) { restored_ = std::move(records); }
    /// Called when the health of some member is another one, or the member has gone.
    void set_on_change(std::function<void()> on_change) { on_change_ = std::move(on_change); }

    /// Called after all that happened in one turn: next() may be another.
    void set_on_turn(std::function<void()> on_turn) { on_turn_ = std::move(on_turn); }

    /// Follows the policy and the network.
    void follow(const ProbeTasks& tasks);
    /// Does what is due.
    void run();
    /// When run() is to be called; empty: never.
    [[nodiscard]] std::optional<Nanoseconds> next() const;

    /// Those that an earlier daemon found dead are, until follow() was called.
    [[nodiscard]] DeadMembers dead() const;
    [[nodiscard]] HealthRecords records() const;
    [[nodiscard]] const Members& members() const { return members_; }

private:
    void add(const GroupMemberKey& key, const ProbeTask& task, Nanoseconds first);
    void update(const GroupMemberKey& key, Member& member, const ProbeTask& task);
    void run_member(const GroupMemberKey& key, Member& member);
    void take(const GroupMemberKey& key, const ProbeOutcome& outcome);
    void note(const GroupMemberKey& key, Member& member, const ProbeOutcome& outcome);
    void log_trouble(const GroupMemberKey& key, Member& member, const std::string& trouble);
    void finish(const GroupMemberKey& key, Member& member, const MemberState& before);
    void log_change(const GroupMemberKey& key, const Member& member, const MemberState& before);
    void log_left_out();
    void enqueue(const GroupMemberKey& key, Member& member);
    void tell();

    ProbePort& port_;
    Logger& logger_;
    std::function<Nanoseconds()> clock_;
    std::function<void()> on_change_ = [] {};
    std::function<void()> on_turn_ = [] {};
    HealthRecords restored_;
    Members members_;
    std::set<std::pair<Nanoseconds, GroupMemberKey>> queue_;
    ChangeBudget budget_;
    std::map<std::string, std::size_t> troubles_;  ///< members that cannot be asked, by reason
    bool has_changed_ = false;
};

}  // namespace rudder
