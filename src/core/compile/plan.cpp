// SPDX-License-Identifier: Apache-2.0
#include "core/compile/plan.hpp"

#include <algorithm>
#include <iterator>

namespace rudder {
namespace {

/// `a` without `b`; both sorted.
std::vector<HookSpec> difference(const std::vector<HookSpec>& a, const std::vector<HookSpec>& b) {
    std::vector<HookSpec> result;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(result));
    return result;
}

/// [slot]: somebody owns it.
std::vector<bool> marked(const auto& owners) {
    std::vector<bool> marks;
    for (const auto& [key, slot] : owners) {
        if (slot >= marks.size()) {
            marks.resize(slot + 1);
        }
        marks[slot] = true;
    }
    return marks;
}

bool is_marked(const std::vector<bool>& marks, std::uint32_t slot) { return slot < marks.size() && marks[slot]; }

/// Marks in `before` that `now` does not have, ascending.
std::vector<std::uint32_t> released(const std::vector<bool>& before, const std::vector<bool>& now) {
    std::vector<std::uint32_t> result;
    for (std::uint32_t slot = 0; slot < before.size(); ++slot) {
        if (before[slot] && !is_marked(now, slot)) {
            result.push_back(slot);
        }
    }
    return result;
}

bool is_same_image(const Applied& applied, const Image& image) {
    return applied.generation != 0 && applied.image.tier == image.tier && applied.image.blob == image.blob;
}

/// Sorts the slots that have to be written into those that no running generation uses and those already in use.
template <class Entry>
void plan_table(const std::map<std::uint32_t, Entry>& written, const std::vector<bool>& in_use,
                const std::map<std::uint32_t, Entry>& wanted, std::vector<std::pair<std::uint32_t, Entry>>& fresh,
                std::vector<std::pair<std::uint32_t, Entry>>& changed) {
    for (const auto& [slot, entry] : wanted) {
        const auto present = written.find(slot);
        if (present != written.end() && present->second == entry) {
            continue;
        }
        (is_marked(in_use, slot) ? changed : fresh).emplace_back(slot, entry);
    }
}

}  // namespace

bool Plan::is_empty() const {
    return !publishes && new_next_hops.empty() && new_groups.empty() && attach.empty() && changed_next_hops.empty() &&
           changed_groups.empty() && detach.empty() && released_counters.empty() && released_next_hops.empty();
}

Plan make_plan(const Applied& applied, const Image& image, const std::map<std::uint32_t, NextHopEntry>& next_hops,
               const std::map<std::uint32_t, GroupEntry>& groups) {
    Plan plan;
    plan.publishes = !is_same_image(applied, image);
    plan.generation = plan.publishes ? applied.generation + 1 : applied.generation;
    const Slots& running = applied.image.slots;
    plan_table(applied.next_hops, marked(running.next_hops), next_hops, plan.new_next_hops, plan.changed_next_hops);
    plan_table(applied.groups, marked(running.groups), groups, plan.new_groups, plan.changed_groups);
    plan.attach = difference(image.hooks, applied.hooks);
    plan.detach = difference(applied.hooks, image.hooks);
    plan.released_counters = released(marked(applied.image.slots.counters), marked(image.slots.counters));
    std::vector<bool> written = marked(applied.image.slots.next_hops);
    for (const auto& [slot, entry] : applied.next_hops) {
        written.resize(std::max<std::size_t>(written.size(), slot + 1));
        written[slot] = true;
    }
    plan.released_next_hops = released(written, marked(image.slots.next_hops));
    return plan;
}

}  // namespace rudder
