// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/policy_keeper.hpp"

#include "shell/log/events.hpp"
#include "shell/log/wording.hpp"
#include "shell/os/stopwatch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <malloc.h>
#include <utility>

namespace rudder {
namespace {

std::uint64_t unix_us() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

std::string first_error(const Diagnostics& diagnostics) {
    for (const Diagnostic& diagnostic : diagnostics.all()) {
        const Location& where = diagnostic.where;
        const std::string line = where.line == 0 ? "" : fmt::format(":{}", where.line);
        if (diagnostic.severity == Severity::error) return fmt::format("{}{}: {}", where.file, line, diagnostic.text);
    }
    return "";
}

}  // namespace

PolicyKeeper::PolicyKeeper(ConfigSetOptions set, bool allow_empty, Engine& engine, Logger& logger)
    : set_(std::move(set)), allow_empty_(allow_empty), engine_(engine), logger_(logger) {}

ReloadVerdict PolicyKeeper::reload(const ReloadRequest& request) {
    Stopwatch watch;
    ConfigSet set = load_config_set(set_);
    ReloadVerdict verdict = take(std::move(set), watch.lap_us(), request);
    // Texts, trees and the policy before are freed now; glibc would keep their pages.
    (void)malloc_trim(0);
    return verdict;
}

void PolicyKeeper::rescan() {
    Stopwatch watch;
    ConfigSet set = load_config_set(set_);
    const std::uint64_t read_us = watch.lap_us();
    const bool is_known = !set.diagnostics.has_errors() && set.sha256 == judged_sha256_;
    if (is_known) return;
    (void)take(std::move(set), read_us, {});
    (void)malloc_trim(0);
}

ReloadVerdict PolicyKeeper::take(ConfigSet set, std::uint64_t read_us, const ReloadRequest& request) {
    Stopwatch watch;
    judged_sha256_ = set.diagnostics.has_errors() ? "" : set.sha256;
    PolicyLoad load = judge(std::move(set), set_.limits);
    refuse_to_become_empty(load);
    record_.last_times = {.read_us = read_us, .judge_us = watch.lap_us()};
    record_.last_unix_us = unix_us();
    record_.last_diagnostics = load.diagnostics;
    return load.policy ? accept(std::move(load), request) : reject(load, request);
}

/// Unreadable is not empty, and neither is a directory that somebody emptied by mistake.
void PolicyKeeper::refuse_to_become_empty(PolicyLoad& load) const {
    if (!load.policy || !load.policy->rules.empty() || engine_.policy().rules.empty() || allow_empty_) return;
    load.policy.reset();
    load.diagnostics.error("F030", {set_.directories.front(), 0, 0, 1},
                           fmt::format("the set has no rules any more, {} are running", engine_.policy().rules.size()),
                           "set allow_empty = true in rudder.toml if that is meant");
}

ReloadVerdict PolicyKeeper::reject(const PolicyLoad& load, const ReloadRequest& request) {
    record_.last_accepted = false;
    ++record_.rejected;
    ReloadVerdict verdict;
    verdict.exit_code = ExitCode::configuration;
    verdict.diagnostics = render_text(load.diagnostics, load.sources, request.wants_color);
    verdict.diagnostics_json = render_json(load.diagnostics);
    verdict.generation = engine_.applied().generation;
    verdict.summary = fmt::format("configuration rejected with {}; {}", counted(load.diagnostics.error_count(), "error"), what_stays(verdict.generation));
    if (verdict.diagnostics_json + load.sha256 != reported_rejection_) {
        reported_rejection_ = verdict.diagnostics_json + load.sha256;
        log_rejected(logger_, load.diagnostics, load.sha256, verdict.generation);
    }
    return verdict;
}

ReloadVerdict PolicyKeeper::accept(PolicyLoad load, const ReloadRequest& request) {
    // The texts are only for showing the lines of findings; compiling takes the memory at its peak.
    if (load.diagnostics.all().empty()) load.sources.clear();
    const Engine::Outcome outcome = engine_.run(std::move(*load.policy));
    note_times(outcome.times);
    if (outcome.is_rejected) {
        load.policy.reset();
        load.diagnostics.error("F031", {set_.directories.front(), 0, 0, 1}, outcome.status.error().message);
        record_.last_diagnostics = load.diagnostics;
        return reject(load, request);
    }
    record_.last_accepted = true;
    ++record_.accepted;
    record_.files = std::move(load.files);
    reported_rejection_.clear();
    note_outcome(outcome);

    ReloadVerdict verdict;
    verdict.diagnostics = render_text(load.diagnostics, load.sources, request.wants_color);
    verdict.diagnostics_json = render_json(load.diagnostics);
    verdict.generation = engine_.applied().generation;
    if (!outcome.status) {
        const int code = outcome.status.error().code;
        verdict.exit_code = code == EPERM || code == EACCES ? ExitCode::no_permission : ExitCode::internal;
        verdict.summary = fmt::format("configuration is valid but could not be applied: {}; {}", failure_, what_stays(verdict.generation));
        return verdict;
    }
    Stopwatch watch;
    log_generation(outcome);
    record_.last_times.audit_us = watch.lap_us();
    const std::size_t deferred = deferred_rules(waits_);
    verdict.summary = fmt::format("configuration accepted: {}{}, generation {}{}", counted(engine_.policy().rules.size(), "rule"),
                                  deferred > 0 ? fmt::format(", {} deferred", deferred) : "", verdict.generation,
                                  outcome.has_published ? "" : " (unchanged)");
    return verdict;
}

void PolicyKeeper::reconcile() {
    const Engine::Outcome outcome = engine_.reconcile();
    note_outcome(outcome);
    log_generation(outcome);
}

void PolicyKeeper::log_generation(const Engine::Outcome& outcome) {
    const std::uint64_t generation = engine_.applied().generation;
    note_waits();
    if (outcome.replaced) {
        log_published(logger_, *outcome.replaced, engine_.policy(), generation, deferred_rules(waits_));
    } else if (outcome.has_published) {
        logger_.log({Priority::info, event::k_published,
                     fmt::format("generation {} is active: the network changed, {}, {} deferred", generation,
                                 counted(engine_.applied().hooks.size(), "hook"), deferred_rules(waits_)),
                     {{"GENERATION", std::to_string(generation)}, {"CONFIG_SHA256", engine_.policy().sha256}}});
    }
}

void PolicyKeeper::note_waits() {
    Waits now = waits_of(engine_.policy(), engine_.applied().image.rules);
    log_waits(logger_, engine_.policy(), waits_, now, engine_.applied().generation);
    waits_ = std::move(now);
    BondPorts ports = bond_ports_of(engine_.policy(), engine_.topology());
    log_bond_ports(logger_, bond_ports_, ports, engine_.applied().generation);
    bond_ports_ = std::move(ports);
}

void PolicyKeeper::repair() {
    const Result<std::vector<HookSpec>> lost = engine_.forget_lost_hooks();
    if (!lost) {
        logger_.log({Priority::warning, event::k_check_failed, "cannot list the hooks: " + lost.error().message, {{"REASON", lost.error().message}}});
        return;
    }
    if (lost->empty()) return;
    reconcile();
    for (const HookSpec& hook : *lost) {
        // Gone with its device is not worth a word.
        const std::vector<HookSpec>& hooks = engine_.applied().hooks;
        if (std::find(hooks.begin(), hooks.end(), hook) == hooks.end()) continue;
        logger_.log({Priority::warning, event::k_hook_lost,
                     fmt::format("the {} program on {} was gone and has been put back", to_string(hook.direction), engine_.device_name(hook.ifindex)),
                     {{"INTERFACE", engine_.device_name(hook.ifindex)}}});
    }
}

/// The engine's share; reading and judging are on record already.
void PolicyKeeper::note_times(const LoadTimes& times) {
    const LoadTimes before = std::exchange(record_.last_times, times);
    record_.last_times.read_us = before.read_us;
    record_.last_times.judge_us = before.judge_us;
}

void PolicyKeeper::note_outcome(const Engine::Outcome& outcome) {
    const std::string generation = std::to_string(engine_.applied().generation);
    const std::string failure = outcome.status ? "" : outcome.status.error().message;
    if (!failure.empty() && failure != failure_) {
        logger_.log({Priority::error, event::k_apply_failed, fmt::format("cannot apply: {}; {}", failure, what_stays(engine_.applied().generation)),
                     {{"REASON", failure}, {"GENERATION", generation}}});
    }
    failure_ = failure;
    note_warnings(outcome.warnings);
    needs_retry_ = !outcome.status || !outcome.warnings.empty();
    if (outcome.has_published) record_.published_unix_us = unix_us();
}

void PolicyKeeper::note_warnings(const std::vector<Error>& warnings) {
    std::set<std::string> present;
    for (const Error& warning : warnings) {
        const bool is_new = present.insert(warning.message).second && !warnings_.contains(warning.message);
        if (!is_new) continue;
        logger_.log({Priority::warning, event::k_apply_warning, "to be tried again: " + warning.message,
                     {{"REASON", warning.message}, {"GENERATION", std::to_string(engine_.applied().generation)}}});
    }
    warnings_ = std::move(present);
}

std::string PolicyKeeper::state() const { return record_.last_accepted && failure_.empty() ? "running" : "degraded"; }

std::string PolicyKeeper::status_text() const {
    const Applied& applied = engine_.applied();
    std::string text = fmt::format("Generation {}: {} on {}", applied.generation, counted(engine_.policy().rules.size(), "rule"), counted(applied.hooks.size(), "hook"));
    if (!record_.last_accepted) text += "; last configuration rejected: " + first_error(record_.last_diagnostics);
    if (!failure_.empty()) text += "; not applied: " + failure_;
    return text;
}

}  // namespace rudder
