// SPDX-License-Identifier: Apache-2.0
#include "core/health/member_health.hpp"

#include <algorithm>
#include <cstring>

namespace rudder {
namespace {

std::string text(MissReason reason) {
    switch (reason) {
        case MissReason::no_answer:
            return "no answer";
        case MissReason::refused:
            return "refused";
        case MissReason::unreachable:
            return "unreachable";
        case MissReason::wrong_answer:
            return "wrong answer";
        case MissReason::no_device:
            return "no interface";
        case MissReason::link_down:
            return "link down";
    }
    return "";
}

}  // namespace

std::string to_string(const Miss& miss) {
    const char* detail =
        miss.reason == MissReason::unreachable && miss.code != 0 ? strerrordesc_np(miss.code) : nullptr;
    return detail == nullptr ? text(miss.reason) : text(miss.reason) + " (" + detail + ")";
}

std::string to_string(Health health) {
    switch (health) {
        case Health::unknown:
            return "unknown";
        case Health::up:
            return "up";
        case Health::dead:
            return "dead";
    }
    return "";
}

void MemberHealth::restore(Health health, Nanoseconds since, std::optional<Miss> death) {
    state_.health = health;
    state_.since = since;
    state_.death = death;
}

void MemberHealth::set_probe(const HealthProbe& probe) {
    probe_ = probe;
    if (!is_asking_ && state_.asked > 0) next_question_ = std::min(next_question_, asked_at_ + gap());
}

std::optional<Nanoseconds> MemberHealth::next() const {
    if (has_obstacle_) return std::nullopt;
    const Nanoseconds next = is_asking_ ? asked_at_ + probe_.timeout : next_question_;
    return state_.held_until ? std::min(next, *state_.held_until) : next;
}

MemberHealth::Step MemberHealth::step(Nanoseconds now) {
    if (has_obstacle_) return Step::wait;
    if (is_asking_ && now >= asked_at_ + probe_.timeout) return Step::decide;
    if (state_.held_until && now >= *state_.held_until) become(Health::up, now);
    if (is_asking_ || now < next_question_) return Step::wait;
    is_asking_ = true;
    asked_at_ = now;
    ++state_.asked;
    return Step::ask;
}

void MemberHealth::note_answer(Nanoseconds now) {
    if (!is_asking_) return;
    is_asking_ = false;
    ++state_.answered;
    state_.result_at = now;
    state_.last_miss.reset();
    state_.rtt = now - asked_at_;
    count_answer(now);
    next_question_ = asked_at_ + gap();
}

void MemberHealth::note_miss(Nanoseconds now, const Miss& miss) {
    if (!is_asking_) return;
    is_asking_ = false;
    state_.result_at = now;
    state_.last_miss = miss;
    count_miss(now, miss);
    next_question_ = asked_at_ + gap();
}

void MemberHealth::note_unable(Nanoseconds) {
    if (!is_asking_) return;
    is_asking_ = false;
    next_question_ = asked_at_ + probe_.interval;
}

void MemberHealth::note_obstacle(Nanoseconds now, const std::optional<Miss>& obstacle) {
    if (!obstacle && has_obstacle_) next_question_ = now;
    has_obstacle_ = obstacle.has_value();
    if (!obstacle) return;
    is_asking_ = false;
    if (state_.health == Health::up) die(now, *obstacle);
    if (state_.health == Health::dead) state_.death = obstacle;
    state_.answers = 0;
    state_.held_until.reset();
}

void MemberHealth::become(Health health, Nanoseconds now) {
    state_.health = health;
    state_.since = now;
    state_.answers = 0;
    state_.misses = 0;
    state_.held_until.reset();
    state_.death.reset();
}

void MemberHealth::die(Nanoseconds now, const Miss& miss) {
    become(Health::dead, now);
    state_.death = miss;
}

void MemberHealth::count_answer(Nanoseconds now) {
    state_.misses = 0;
    if (state_.health == Health::unknown) return become(Health::up, now);
    if (state_.health == Health::up) return;
    ++state_.answers;
    if (state_.answers < probe_.rise) return;
    if (probe_.hold_down.count() == 0) return become(Health::up, now);
    if (!state_.held_until) state_.held_until = now + probe_.hold_down;
}

void MemberHealth::count_miss(Nanoseconds now, const Miss& miss) {
    state_.answers = 0;
    state_.held_until.reset();
    if (state_.health == Health::dead) return;
    ++state_.misses;
    if (state_.health == Health::unknown || state_.misses >= probe_.fall) die(now, miss);
}

/// From a question that was decided to the next one.
Nanoseconds MemberHealth::gap() const {
    const Nanoseconds interval = probe_.interval;
    if (state_.health != Health::up) return interval;
    if (probe_.fall == 1) return interval - probe_.timeout;
    return state_.misses == 0 ? interval : interval - Nanoseconds(probe_.timeout) / (probe_.fall - 1);
}

}  // namespace rudder
