// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/health_keeper.hpp"

#include "shell/health/health_file.hpp"
#include "shell/log/events.hpp"
#include "shell/log/wording.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <utility>

namespace rudder {
namespace {

/// Changes come in swarms: they are written together.
constexpr std::chrono::milliseconds k_save_delay{20};

Nanoseconds monotonic_now() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::chrono::seconds(now.tv_sec) + Nanoseconds(now.tv_nsec);
}

}  // namespace

HealthKeeper::HealthKeeper(ProbePort& port, Engine& engine, Logger& logger, std::string path)
    : engine_(engine), logger_(logger), path_(std::move(path)), checks_(port, logger, monotonic_now) {
    checks_.set_on_change([this] { note_change(); });
    checks_.set_on_turn([this] { arm(); });
}

Result<std::unique_ptr<HealthKeeper>> HealthKeeper::open(sd_event* loop, ProbePort& port, Engine& engine,
                                                         Logger& logger, std::string path) {
    std::unique_ptr<HealthKeeper> keeper(new HealthKeeper(port, engine, logger, std::move(path)));
    auto turn = Timer::open(loop, [self = keeper.get()] { self->checks_.run(); });
    if (!turn) return turn.error();
    auto save = Timer::open(loop, [self = keeper.get()] { self->save(); });
    if (!save) return save.error();
    keeper->turn_ = std::move(turn).value();
    keeper->save_ = std::move(save).value();
    keeper->restore();
    return keeper;
}

/// Without the file all members start unknown: worth a warning, no reason not to run.
void HealthKeeper::restore() {
    const Result<std::string> text = read_health_file(path_);
    if (!text)
        return logger_.log(
            {Priority::warning, event::k_health_file, text.error().message, {{"REASON", text.error().message}}});
    checks_.restore(parse_health_records(*text, monotonic_now()));
    dead_ = checks_.dead();
    // Nothing is in the kernel yet.
    (void)engine_.set_dead_members(dead_);
}

void HealthKeeper::follow(const Topology& topology) {
    if (followed_policy_ == engine_.policy().sha256 && followed_links_ == topology.links) return;
    followed_policy_ = engine_.policy().sha256;
    followed_links_ = topology.links;
    checks_.follow(probe_tasks(engine_.policy(), topology));
}

void HealthKeeper::note_change() {
    is_saved_ = false;
    if (!save_->is_running()) save_->start(k_save_delay);
    DeadMembers dead = checks_.dead();
    if (dead == dead_) return;
    dead_ = dead;
    on_change_(engine_.set_dead_members(std::move(dead)));
}

void HealthKeeper::arm() {
    const std::optional<Nanoseconds> next = checks_.next();
    if (!next) return turn_->stop();
    const Nanoseconds delay = std::max(*next - monotonic_now(), Nanoseconds(0));
    turn_->start(std::chrono::ceil<std::chrono::microseconds>(delay));
}

void HealthKeeper::save() {
    if (std::exchange(is_saved_, true)) return;
    const Status status = write_health_file(path_, health_records_to_text(checks_.records()));
    const bool had_failed = std::exchange(has_failed_, !status);
    if (status || had_failed) return;
    logger_.log(
        {Priority::warning, event::k_health_file, status.error().message, {{"REASON", status.error().message}}});
}

std::string HealthKeeper::status_text() const {
    const std::size_t members = checks_.members().size();
    return members == 0 ? "" : fmt::format("{} of {} dead", dead_.size(), counted(members, "probed member"));
}

void HealthKeeper::describe(Snapshot& snapshot) const {
    for (const auto& [key, member] : checks_.members())
        snapshot.probes.emplace(key, MemberProbe{member.task, member.health.state(), member.trouble});
}

}  // namespace rudder
