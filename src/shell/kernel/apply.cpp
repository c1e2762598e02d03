// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/apply.hpp"

#include "shell/os/stopwatch.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>
#include <variant>

// Keeps I2 (publish is the only commit point; what was done before it is undone in reverse) and, by
// recording only what the kernel confirmed, the truth of `applied`.
namespace rudder {
namespace {

using NextHopWrite = std::pair<std::uint32_t, NextHopEntry>;
using GroupWrite = std::pair<std::uint32_t, GroupEntry>;

void insert_hook(std::vector<HookSpec>& hooks, const HookSpec& hook) {
    const auto place = std::lower_bound(hooks.begin(), hooks.end(), hook);
    if (place == hooks.end() || *place != hook) {
        hooks.insert(place, hook);
    }
}

/// The steps before the commit point, and the way back.
class Transaction {
public:
    Transaction(KernelPort& kernel, Applied& applied) : kernel_(kernel), applied_(applied) {}

    Status prepare(const Plan& plan, const Image& image) {
        // Normally there is none; after a failed free its packets may still read slots that are now given away again.
        if (plan.publishes || !plan.new_next_hops.empty() || !plan.new_groups.empty()) {
            if (Status status = kernel_.free_previous(); !status) {
                return status.error().within("the generation before the running one is still there");
            }
        }
        for (const auto& write : plan.new_next_hops) {
            if (Status status = kernel_.write_next_hop(write.first, write.second); !status) {
                return status;
            }
            steps_.emplace_back(write);
        }
        for (const auto& write : plan.new_groups) {
            if (Status status = kernel_.write_group(write.first, write.second); !status) {
                return status;
            }
            steps_.emplace_back(write);
        }
        if (plan.publishes) {
            Result<StageId> stage = kernel_.stage(image, plan.generation);
            if (!stage) {
                return stage.error();
            }
            steps_.emplace_back(*stage);
        }
        for (const HookSpec& hook : plan.attach) {
            if (Status status = kernel_.attach(hook); !status) {
                return status;
            }
            steps_.emplace_back(hook);
        }
        return {};
    }

    Status commit() {
        for (const Step& step : steps_) {
            if (const auto* stage = std::get_if<StageId>(&step)) {
                return kernel_.publish(*stage);
            }
        }
        return {};
    }

    void record() {
        for (const Step& step : steps_) {
            if (const auto* write = std::get_if<NextHopWrite>(&step)) {
                applied_.next_hops[write->first] = write->second;
            } else if (const auto* group = std::get_if<GroupWrite>(&step)) {
                applied_.groups[group->first] = group->second;
            } else if (const auto* hook = std::get_if<HookSpec>(&step)) {
                insert_hook(applied_.hooks, *hook);
            }
        }
    }

    std::vector<Error> undo() {
        for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
            std::visit([this](const auto& done) { undo_step(done); }, *step);
        }
        return std::move(warnings_);
    }

private:
    using Step = std::variant<NextHopWrite, GroupWrite, StageId, HookSpec>;

    void undo_step(const StageId& stage) { kernel_.discard(stage); }

    // What cannot be taken back harms no packet (no running generation refers to it), but it is there:
    // it goes on record, so that the next plan removes it.
    void undo_step(const HookSpec& hook) {
        if (Status status = kernel_.detach(hook); !status) {
            warnings_.push_back(status.error().within("undo"));
            insert_hook(applied_.hooks, hook);
        }
    }

    void undo_step(const NextHopWrite& write) {
        const auto before = applied_.next_hops.find(write.first);
        const NextHopEntry entry = before == applied_.next_hops.end() ? NextHopEntry{} : before->second;
        if (Status status = kernel_.write_next_hop(write.first, entry); !status) {
            warnings_.push_back(status.error().within("undo"));
            applied_.next_hops[write.first] = write.second;
        }
    }

    // Nothing refers to the slot: only the record has to be true, and it is put back with the table.
    void undo_step(const GroupWrite& write) {
        const auto before = applied_.groups.find(write.first);
        const GroupEntry entry = before == applied_.groups.end() ? GroupEntry{} : before->second;
        if (Status status = kernel_.write_group(write.first, entry); !status) {
            warnings_.push_back(status.error().within("undo"));
            applied_.groups[write.first] = write.second;
        }
    }

    KernelPort& kernel_;
    Applied& applied_;
    std::vector<Step> steps_;
    std::vector<Error> warnings_;
};

/// Writes what differs from `record` and keeps it true; what fails is tried by the next call.
template <class Entries, class Entry>
void write_table(KernelPort& kernel, Status (KernelPort::*write)(std::uint32_t, const Entry&), const Entries& entries,
                 std::map<std::uint32_t, Entry>& record, std::vector<Error>& failures) {
    for (const auto& [slot, entry] : entries) {
        const auto present = record.find(slot);
        if (present != record.end() && present->second == entry) {
            continue;
        }
        if (Status status = (kernel.*write)(slot, entry); !status) {
            failures.push_back(status.error());
        } else {
            record[slot] = entry;
        }
    }
}

void detach_hooks(KernelPort& kernel, Applied& applied, const Plan& plan, std::vector<Error>& warnings) {
    for (const HookSpec& hook : plan.detach) {
        if (Status status = kernel.detach(hook); !status) {
            warnings.push_back(status.error());
        } else {
            std::erase(applied.hooks, hook);
        }
    }
}

// A slot that could not be zeroed, or that packets of the old generation may still count in, must not
// be handed to another name: its numbers would be inherited (I6). It is tried again by each apply.
void release_counters(KernelPort& kernel, Slots& slots, std::set<std::uint32_t> released, bool is_freed,
                      std::vector<Error>& warnings) {
    if (!released.empty()) {
        for (const auto& owner : slots.counters) {
            released.erase(owner.second);
        }
    }
    slots.uncleared_counters = released;
    if (released.empty() || !is_freed) {
        return;
    }
    if (Status status = kernel.clear_counters({released.begin(), released.end()}); !status) {
        warnings.push_back(status.error());
        return;
    }
    slots.uncleared_counters.clear();
}

// A slot kept on record here is seen by the next plan as one to release.
void release_next_hops(KernelPort& kernel, Applied& applied, const Plan& plan, bool is_freed,
                       std::vector<Error>& warnings) {
    if (!is_freed) {
        return;
    }
    for (const std::uint32_t slot : plan.released_next_hops) {
        if (Status status = kernel.write_next_hop(slot, NextHopEntry{}); !status) {
            warnings.push_back(status.error());
        } else {
            applied.next_hops.erase(slot);
        }
    }
}

}  // namespace

ApplyOutcome apply(KernelPort& kernel, Applied& applied, Plan plan, Image image) {
    ApplyOutcome outcome;
    Transaction transaction(kernel, applied);
    Stopwatch watch;
    outcome.status = transaction.prepare(plan, image);
    outcome.times.stage_us = watch.lap_us();
    if (outcome.status) {
        outcome.status = transaction.commit();
        outcome.times.publish_us = watch.lap_us();
    }
    if (!outcome.status) {
        outcome.warnings = transaction.undo();
        std::ranges::copy(kernel.detours(), std::back_inserter(outcome.warnings));
        return outcome;
    }
    transaction.record();
    if (plan.publishes) {
        applied.generation = plan.generation;
    }
    std::set<std::uint32_t> released = std::move(applied.image.slots.uncleared_counters);
    released.merge(image.slots.uncleared_counters);
    released.insert(plan.released_counters.begin(), plan.released_counters.end());
    applied.image = std::move(image);
    write_table(kernel, &KernelPort::write_next_hop, plan.changed_next_hops, applied.next_hops, outcome.warnings);
    write_table(kernel, &KernelPort::write_group, plan.changed_groups, applied.groups, outcome.warnings);
    detach_hooks(kernel, applied, plan, outcome.warnings);
    Status freed = kernel.free_previous();
    if (!freed) {
        outcome.warnings.push_back(freed.error());
    }
    std::ranges::copy(kernel.detours(), std::back_inserter(outcome.warnings));
    release_counters(kernel, applied.image.slots, std::move(released), freed.is_ok(), outcome.warnings);
    release_next_hops(kernel, applied, plan, freed.is_ok(), outcome.warnings);
    outcome.times.finish_us = watch.lap_us();
    return outcome;
}

std::vector<Error> refresh_next_hops(KernelPort& kernel, Applied& applied,
                                     const std::map<std::uint32_t, NextHopEntry>& entries) {
    std::vector<Error> failures;
    write_table(kernel, &KernelPort::write_next_hop, entries, applied.next_hops, failures);
    return failures;
}

std::vector<Error> refresh_groups(KernelPort& kernel, Applied& applied,
                                  const std::map<std::uint32_t, GroupEntry>& entries) {
    std::vector<Error> failures;
    write_table(kernel, &KernelPort::write_group, entries, applied.groups, failures);
    return failures;
}

std::vector<Error> finish_leftovers(KernelPort& kernel, Applied& applied) {
    Status freed = kernel.free_previous();
    std::vector<Error> failures = kernel.detours();
    if (!freed) {
        failures.push_back(freed.error());
        return failures;
    }
    Slots& slots = applied.image.slots;
    if (slots.uncleared_counters.empty()) {
        return failures;
    }
    release_counters(kernel, slots, slots.uncleared_counters, true, failures);
    return failures;
}

Result<std::vector<HookSpec>> forget_lost_hooks(KernelPort& kernel, Applied& applied) {
    const Result<std::vector<HookStatus>> listed = kernel.list_hooks();
    if (!listed) {
        return listed.error();
    }
    std::set<HookSpec> alive;
    for (const HookStatus& status : *listed) {
        if (status.is_attached) {
            alive.insert(status.hook);
        }
    }
    std::vector<HookSpec> lost;
    std::copy_if(applied.hooks.begin(), applied.hooks.end(), std::back_inserter(lost),
                 [&](const HookSpec& hook) { return !alive.contains(hook); });
    for (const HookSpec& hook : lost) {
        if (Status status = kernel.detach(hook); !status) {
            return status.error().within("forget a lost hook");
        }
        std::erase(applied.hooks, hook);
    }
    return lost;
}

}  // namespace rudder
