// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/engine.hpp"

#include "shell/kernel/apply.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace rudder {

Engine::Outcome Engine::run(Policy policy) {
    pending_ = std::move(policy);
    Outcome outcome = reconcile();
    if (outcome.is_rejected) pending_.reset();
    return outcome;
}

Engine::Outcome Engine::reconcile() {
    if (!pending_) return apply_policy(policy_);
    Outcome outcome = apply_policy(*pending_);
    if (outcome.status) {
        policy_ = std::move(*pending_);
        pending_.reset();
    } else if (applied_.generation != 0) {
        // The running policy still has to follow the network.
        Outcome running = apply_policy(policy_);
        outcome.has_published = running.has_published;
        outcome.warnings = std::move(running.warnings);
    }
    return outcome;
}

Engine::Outcome Engine::apply_policy(const Policy& policy) {
    Outcome outcome;
    const auto fail = [&](const Error& error) {
        outcome.status = error;
        return outcome;
    };
    // The running policy's questions stay until the new one runs.
    std::vector<NextHopQuery> queries = next_hop_queries(policy, network_.topology());
    if (&policy != &policy_) {
        const std::vector<NextHopQuery> running = next_hop_queries(policy_, network_.topology());
        queries.insert(queries.end(), running.begin(), running.end());
    }
    std::sort(queries.begin(), queries.end());
    queries.erase(std::unique(queries.begin(), queries.end()), queries.end());
    // Next hops without an answer are skipped by the datapath until there is one.
    if (Status status = network_.watch(queries); !status) outcome.warnings.push_back(status.error().within("watch next hops"));

    Result<Image> image = compile(policy, network_.topology(), applied_.image.slots);
    if (!image) {
        outcome.is_rejected = true;
        return fail(image.error());
    }
    const auto next_hops = next_hop_entries(image->slots, network_.topology());
    Plan plan = make_plan(applied_, *image, next_hops);
    if (plan.is_empty()) return outcome;
    const std::uint64_t before = applied_.generation;
    ApplyOutcome applied = apply(kernel_, applied_, std::move(plan), std::move(image).value(), next_hops);
    outcome.status = std::move(applied.status);
    outcome.warnings.insert(outcome.warnings.end(), applied.warnings.begin(), applied.warnings.end());
    outcome.has_published = applied_.generation != before;
    return outcome;
}

Result<std::vector<HookSpec>> Engine::forget_lost_hooks() {
    const Result<std::vector<HookStatus>> present = kernel_.list_hooks();
    if (!present) return present.error();
    std::vector<HookSpec> lost;
    for (const HookSpec& hook : applied_.hooks) {
        const bool is_attached = std::any_of(present->begin(), present->end(), [&](const HookStatus& status) { return status.hook == hook && status.is_attached; });
        if (!is_attached) lost.push_back(hook);
    }
    for (const HookSpec& hook : lost) {
        // Drops the port's own record of it; there is nothing left in the kernel.
        if (Status status = kernel_.detach(hook); !status) return status.error().within("forget a lost hook");
        std::erase(applied_.hooks, hook);
    }
    return lost;
}

Status Engine::verify() const {
    const Result<std::uint64_t> active = kernel_.active_generation();
    if (!active) return active.error().within("read the active generation");
    if (*active == applied_.generation) return {};
    return Error{fmt::format("the kernel runs generation {}, our record says {}", *active, applied_.generation), 0};
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
