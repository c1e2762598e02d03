// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/engine.hpp"

#include "core/compile/next_hops.hpp"
#include "shell/kernel/apply.hpp"
#include "shell/os/stopwatch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace rudder {
namespace {

void append(std::vector<Error>& errors, std::vector<Error> more) {
    errors.insert(errors.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

Engine::Outcome Engine::run(Policy policy) {
    const bool is_running = applied_.generation != 0 && policy.sha256 == policy_->sha256;
    if (is_running) {
        pending_.reset();
        return reconcile();
    }
    pending_ = std::make_shared<const Policy>(std::move(policy));
    Outcome outcome = reconcile();
    if (outcome.is_rejected) pending_.reset();
    return outcome;
}

Engine::Outcome Engine::reconcile() {
    std::vector<Error> warnings = follow_network();
    Outcome outcome = reconcile_policies();
    append(outcome.warnings, std::move(warnings));
    return outcome;
}

std::vector<Error> Engine::follow_network() {
    std::vector<Error> failures =
        refresh_next_hops(kernel_, applied_, next_hop_entries(applied_.image.slots, network_.topology()));
    append(failures, follow_groups());
    return failures;
}

std::vector<Error> Engine::follow_groups() {
    return refresh_groups(kernel_, applied_, group_entries(applied_.image, network_.topology(), dead_members_));
}

std::vector<Error> Engine::follow_devices(const std::set<std::uint32_t>& devices) {
    std::map<std::uint32_t, NextHopEntry> entries;
    const auto& slots = applied_.image.slots.next_hops;
    for (const std::uint32_t ifindex : devices) {
        NextHopKey first;
        first.ifindex = ifindex;
        for (auto it = slots.lower_bound(first); it != slots.end() && it->first.ifindex == ifindex; ++it) {
            entries.emplace(it->second, next_hop_entry(it->first, network_.topology()));
        }
    }
    // Groups first: their flows have somewhere else to go.
    std::vector<Error> failures = follow_groups();
    append(failures, refresh_next_hops(kernel_, applied_, entries));
    return failures;
}

std::vector<Error> Engine::set_dead_members(DeadMembers dead) {
    dead_members_ = std::move(dead);
    return follow_groups();
}

std::shared_ptr<const Image> Engine::shared_image() {
    std::shared_ptr<const Image> image = shared_image_.lock();
    if (!image) {
        image = std::make_shared<const Image>(applied_.image);
        shared_image_ = image;
    }
    return image;
}

Engine::Outcome Engine::reconcile_policies() {
    if (!pending_) return apply_policy(*policy_);
    Outcome outcome = apply_policy(*pending_);
    if (outcome.status) {
        outcome.replaced = std::exchange(policy_, std::move(pending_));
        pending_.reset();
    } else if (applied_.generation != 0) {
        // The running policy still has to follow the network.
        Outcome running = apply_policy(*policy_);
        outcome.has_published = running.has_published;
        outcome.warnings = std::move(running.warnings);
        if (!running.status) outcome.warnings.push_back(running.status.error().within("the running policy"));
    }
    return outcome;
}

bool Engine::is_up_to_date(const Policy& policy) const {
    const bool is_compiled = &policy == policy_.get() && compiled_links_ && *compiled_links_ == network_.topology().links;
    // A hook to put back or to detach, or a next hop to clear, takes a plan.
    return is_compiled && applied_.hooks == applied_.image.hooks && applied_.next_hops.size() == applied_.image.slots.next_hops.size();
}

/// The running policy's questions stay until the new one runs.
void Engine::watch_next_hops(const Policy& policy, Outcome& outcome) {
    std::vector<NextHopQuery> queries = next_hop_queries(policy, network_.topology());
    if (&policy != policy_.get()) {
        const std::vector<NextHopQuery> running = next_hop_queries(*policy_, network_.topology());
        queries.insert(queries.end(), running.begin(), running.end());
    }
    std::sort(queries.begin(), queries.end());
    queries.erase(std::unique(queries.begin(), queries.end()), queries.end());
    // Next hops without an answer are skipped by the datapath until there is one.
    const Status status = network_.watch(queries);
    is_watching_ = status && &policy == policy_.get();
    if (!status) outcome.warnings.push_back(status.error().within("watch next hops"));
}

Engine::Outcome Engine::apply_policy(const Policy& policy) {
    Outcome outcome;
    const bool is_current = is_up_to_date(policy);
    if (!is_current || !is_watching_) watch_next_hops(policy, outcome);
    if (is_current) {
        append(outcome.warnings, follow_network());
        append(outcome.warnings, finish_leftovers(kernel_, applied_));
        return outcome;
    }
    Stopwatch watch;
    Result<Image> image = compile(policy, network_.topology(), applied_.image.slots);
    const std::uint64_t compile_us = watch.lap_us();
    if (!image) {
        outcome.is_rejected = true;
        outcome.status = image.error();
        return outcome;
    }
    if (Status status = kernel_.check(*image); !status) {
        outcome.is_rejected = true;
        outcome.status = std::move(status);
        return outcome;
    }
    const auto next_hops = next_hop_entries(image->slots, network_.topology());
    Plan plan = make_plan(applied_, *image, next_hops, group_entries(*image, network_.topology(), dead_members_));
    if (!plan.publishes && policy.sha256 != policy_->sha256) {
        plan.publishes = true;
        plan.generation = applied_.generation + 1;
    }
    // Also an empty plan: it finishes what is left over and takes over why rules wait.
    const std::uint64_t before = applied_.generation;
    ApplyOutcome applied = apply(kernel_, applied_, std::move(plan), std::move(image).value());
    if (applied.status) shared_image_.reset();
    outcome.status = std::move(applied.status);
    append(outcome.warnings, std::move(applied.warnings));
    outcome.times = applied.times;
    outcome.times.compile_us = compile_us;
    outcome.has_published = applied_.generation != before;
    if (outcome.status) compiled_links_ = network_.topology().links;
    return outcome;
}

Result<std::vector<HookSpec>> Engine::forget_lost_hooks() { return rudder::forget_lost_hooks(kernel_, applied_); }

Status Engine::verify() const {
    const Result<std::uint64_t> active = kernel_.active_generation();
    if (!active) return active.error().within("read the active generation");
    if (*active == applied_.generation) return {};
    return Error{fmt::format("the kernel runs generation {}, our record says {}", *active, applied_.generation), 0};
}

std::string Engine::device_name(std::uint32_t ifindex) const {
    const auto found = network_.topology().links.find(ifindex);
    return found == network_.topology().links.end() ? std::to_string(ifindex) : found->second.name;
}

Status Engine::detach_all() {
    Status first;
    for (const HookSpec& hook : std::vector<HookSpec>(applied_.hooks)) {
        Status status = kernel_.detach(hook);
        if (status) {
            std::erase(applied_.hooks, hook);
        } else if (first) {
            first = std::move(status);
        }
    }
    return first;
}

}  // namespace rudder
