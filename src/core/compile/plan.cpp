// SPDX-License-Identifier: Apache-2.0
#include "core/compile/plan.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace rudder {
namespace {

/// `a` without `b`; both sorted.
std::vector<HookSpec> difference(const std::vector<HookSpec>& a, const std::vector<HookSpec>& b) {
    std::vector<HookSpec> result;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(result));
    return result;
}

template <class Key>
std::set<std::uint32_t> slots_of(const std::map<Key, std::uint32_t>& owners) {
    std::set<std::uint32_t> slots;
    for (const auto& owner : owners) {
        slots.insert(owner.second);
    }
    return slots;
}

std::vector<std::uint32_t> released(const std::set<std::uint32_t>& before, const std::set<std::uint32_t>& now) {
    std::vector<std::uint32_t> result;
    std::set_difference(before.begin(), before.end(), now.begin(), now.end(), std::back_inserter(result));
    return result;
}

bool is_same_image(const Applied& applied, const Image& image) {
    return applied.generation != 0 && applied.image.tier == image.tier && applied.image.blob == image.blob;
}

void plan_next_hops(const Applied& applied, const std::map<std::uint32_t, NextHopEntry>& wanted, Plan& plan) {
    const std::set<std::uint32_t> in_use = slots_of(applied.image.slots.next_hops);
    for (const auto& [slot, entry] : wanted) {
        const auto present = applied.next_hops.find(slot);
        if (present != applied.next_hops.end() && present->second == entry) {
            continue;
        }
        (in_use.contains(slot) ? plan.changed_next_hops : plan.new_next_hops).emplace_back(slot, entry);
    }
}

}  // namespace

bool Plan::is_empty() const {
    return !publishes && new_next_hops.empty() && attach.empty() && changed_next_hops.empty() && detach.empty() &&
           released_counters.empty() && released_next_hops.empty();
}

Plan make_plan(const Applied& applied, const Image& image, const std::map<std::uint32_t, NextHopEntry>& next_hops) {
    Plan plan;
    plan.publishes = !is_same_image(applied, image);
    plan.generation = plan.publishes ? applied.generation + 1 : applied.generation;
    plan_next_hops(applied, next_hops, plan);
    plan.attach = difference(image.hooks, applied.hooks);
    plan.detach = difference(applied.hooks, image.hooks);
    plan.released_counters = released(slots_of(applied.image.slots.counters), slots_of(image.slots.counters));
    std::set<std::uint32_t> written = slots_of(applied.image.slots.next_hops);
    for (const auto& entry : applied.next_hops) {
        written.insert(entry.first);
    }
    plan.released_next_hops = released(written, slots_of(image.slots.next_hops));
    return plan;
}

}  // namespace rudder
