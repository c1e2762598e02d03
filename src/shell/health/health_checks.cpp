// SPDX-License-Identifier: Apache-2.0
#include "shell/health/health_checks.hpp"

#include "shell/log/events.hpp"
#include "shell/log/wording.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace rudder {
namespace {

/// New members are asked one after the other, this far apart, so that their questions do not come in bursts for ever.
constexpr Nanoseconds k_stagger = std::chrono::milliseconds(1);

std::string place(const GroupMemberKey& key, const ProbeTask& task) {
    return fmt::format("group {}: {} at {}", key.group, to_string(task.order.destination), task.via);
}

double seconds(Nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

}  // namespace

HealthChecks::HealthChecks(ProbePort& port, Logger& logger, std::function<Nanoseconds()> clock)
    : port_(port), logger_(logger), clock_(std::move(clock)) {
    port_.set_on_outcome([this](const GroupMemberKey& key, const ProbeOutcome& outcome) { take(key, outcome); });
}

void HealthChecks::follow(const ProbeTasks& tasks) {
    for (auto entry = members_.begin(); entry != members_.end();) {
        auto& [key, member] = *entry;
        if (tasks.contains(key)) {
            ++entry;
            continue;
        }
        port_.end(key);
        if (member.queued) queue_.erase({*member.queued, key});
        log_trouble(key, member, "");
        entry = members_.erase(entry);
        has_changed_ = true;
    }
    Nanoseconds first = clock_();
    for (const auto& [key, task] : tasks) {
        const auto found = members_.find(key);
        if (found != members_.end()) {
            update(key, found->second, task);
            continue;
        }
        add(key, task, first);
        first += std::min<Nanoseconds>(k_stagger,
                                       Nanoseconds(task.probe.interval) / static_cast<std::int64_t>(tasks.size()));
    }
    has_changed_ = has_changed_ || !restored_.empty();
    restored_.clear();
    tell();
}

void HealthChecks::add(const GroupMemberKey& key, const ProbeTask& task, Nanoseconds first) {
    Member& member = members_.emplace(key, Member{task, MemberHealth(task.probe, first)}).first->second;
    const auto known = restored_.find(key);
    if (known != restored_.end()) member.health.restore(known->second.health, known->second.since, known->second.death);
    if (task.obstacle) member.health.note_obstacle(clock_(), task.obstacle);
    has_changed_ = true;
    enqueue(key, member);
}

void HealthChecks::update(const GroupMemberKey& key, Member& member, const ProbeTask& task) {
    if (member.task == task) return;
    const MemberState before = member.health.state();
    const bool has_new_obstacle = member.task.obstacle != task.obstacle;
    if (member.task.probe != task.probe) member.health.set_probe(task.probe);
    member.task = task;
    if (has_new_obstacle) {
        port_.end(key);
        member.health.note_obstacle(clock_(), task.obstacle);
    }
    finish(key, member, before);
}

void HealthChecks::run() {
    const Nanoseconds now = clock_();
    while (!queue_.empty() && queue_.begin()->first <= now) {
        const GroupMemberKey key = queue_.begin()->second;
        run_member(key, members_.at(key));
    }
    log_left_out();
    tell();
}

void HealthChecks::run_member(const GroupMemberKey& key, Member& member) {
    const MemberState before = member.health.state();
    switch (member.health.step(clock_())) {
        case MemberHealth::Step::wait:
            break;
        case MemberHealth::Step::ask:
            if (const auto outcome = port_.ask(key, member.task.order)) note(key, member, *outcome);
            break;
        case MemberHealth::Step::decide: {
            const auto outcome = port_.look(key);
            port_.end(key);
            note(key, member, outcome.value_or(ProbeOutcome{ProbeOutcome::Kind::miss, {MissReason::no_answer, 0}, {}}));
            break;
        }
    }
    finish(key, member, before);
}

void HealthChecks::take(const GroupMemberKey& key, const ProbeOutcome& outcome) {
    const auto found = members_.find(key);
    if (found == members_.end()) return;
    const MemberState before = found->second.health.state();
    note(key, found->second, outcome);
    finish(key, found->second, before);
    tell();
}

void HealthChecks::note(const GroupMemberKey& key, Member& member, const ProbeOutcome& outcome) {
    const Nanoseconds now = clock_();
    log_trouble(key, member, outcome.kind == ProbeOutcome::Kind::unable ? outcome.error.message : "");
    switch (outcome.kind) {
        case ProbeOutcome::Kind::answer:
            return member.health.note_answer(now);
        case ProbeOutcome::Kind::miss:
            return member.health.note_miss(now, outcome.miss);
        case ProbeOutcome::Kind::unable:
            return member.health.note_unable(now);
    }
}

/// The first member with a trouble speaks for all that have the same.
void HealthChecks::log_trouble(const GroupMemberKey& key, Member& member, const std::string& trouble) {
    if (trouble == member.trouble) return;
    if (!member.trouble.empty() && --troubles_[member.trouble] == 0) troubles_.erase(member.trouble);
    member.trouble = trouble;
    if (trouble.empty() || ++troubles_[trouble] > 1) return;
    logger_.log({Priority::warning,
                 event::k_probe_failed,
                 fmt::format("{} cannot be probed: {}; its health stays {}", place(key, member.task), trouble,
                             to_string(member.health.state().health)),
                 {{"GROUP", key.group}, {"REASON", trouble}}});
}

void HealthChecks::finish(const GroupMemberKey& key, Member& member, const MemberState& before) {
    enqueue(key, member);
    if (member.health.state().health == before.health) return;
    has_changed_ = true;
    log_change(key, member, before);
}

void HealthChecks::log_change(const GroupMemberKey& key, const Member& member, const MemberState& before) {
    const MemberState& state = member.health.state();
    // That a member lives is no news unless it was dead.
    if (state.health == Health::up && before.health == Health::unknown) return;
    if (!budget_.take(clock_())) return;
    const bool is_dead = state.health == Health::dead;
    const std::string reason = is_dead ? to_string(state.death.value_or(Miss{})) : "";
    const std::string text =
        is_dead ? fmt::format("{} is dead: {}", place(key, member.task), reason)
                : fmt::format("{} is up again, was dead for {:.1f} s ({})", place(key, member.task),
                              seconds(state.since - before.since), to_string(before.death.value_or(Miss{})));
    logger_.log({is_dead ? Priority::warning : Priority::info,
                 is_dead ? event::k_member_dead : event::k_member_up,
                 text,
                 {{"GROUP", key.group},
                  {"INTERFACE", member.task.via},
                  {"ADDRESS", to_string(member.task.order.destination)},
                  {"REASON", reason}}});
}

void HealthChecks::log_left_out() {
    const std::size_t left_out = budget_.take_left_out(clock_());
    if (left_out == 0) return;
    logger_.log({Priority::warning,
                 event::k_health_changes,
                 fmt::format("{} of health not told one by one; {} of {} dead", counted(left_out, "more change"),
                             dead().size(), counted(members_.size(), "probed member")),
                 {}});
}

void HealthChecks::enqueue(const GroupMemberKey& key, Member& member) {
    const std::optional<Nanoseconds> next = member.health.next();
    if (next == member.queued) return;
    if (member.queued) queue_.erase({*member.queued, key});
    if (next) queue_.emplace(*next, key);
    member.queued = next;
}

std::optional<Nanoseconds> HealthChecks::next() const {
    std::optional<Nanoseconds> next = budget_.due();
    if (!queue_.empty()) next = std::min(next.value_or(queue_.begin()->first), queue_.begin()->first);
    return next;
}

void HealthChecks::tell() {
    if (std::exchange(has_changed_, false)) on_change_();
    on_turn_();
}

DeadMembers HealthChecks::dead() const {
    DeadMembers dead;
    for (const auto& [key, record] : restored_)
        if (record.health == Health::dead) dead.insert(key);
    for (const auto& [key, member] : members_)
        if (member.health.state().health == Health::dead) dead.insert(key);
    return dead;
}

HealthRecords HealthChecks::records() const {
    HealthRecords records;
    for (const auto& [key, member] : members_) {
        const MemberState& state = member.health.state();
        if (state.health != Health::unknown) records.emplace(key, HealthRecord{state.health, state.since, state.death});
    }
    return records;
}

}  // namespace rudder
