// SPDX-License-Identifier: Apache-2.0
#include "fake_kernel.hpp"

#include <algorithm>
#include <cerrno>

namespace rudder::test {
namespace {

void add_slots(std::set<std::uint32_t>& slots, const auto& owners) {
    for (const auto& owner : owners) {
        slots.insert(owner.second);
    }
}

bool is_same_generation(const FakeState::Generation& a, const FakeState::Generation& b) {
    return a.number == b.number && a.image.blob == b.image.blob && a.image.tier == b.image.tier;
}

bool is_same_active(const FakeState& a, const FakeState& b) {
    return a.active.has_value() == b.active.has_value() && (!a.active || is_same_generation(*a.active, *b.active));
}

}  // namespace

bool is_same_to_packets(const FakeState& a, const FakeState& b) {
    return is_same_active(a, b) && a.hooks == b.hooks && a.next_hops == b.next_hops && a.groups == b.groups &&
           a.counters == b.counters;
}

bool is_same(const FakeState& a, const FakeState& b) {
    return is_same_to_packets(a, b) && a.staged.size() == b.staged.size() && a.previous.size() == b.previous.size();
}

void FakeKernel::fail_at(std::set<std::uint64_t> numbers) {
    calls = 0;
    failing_calls = std::move(numbers);
}

void FakeKernel::remove_device(std::uint32_t ifindex) {
    devices.erase(ifindex);
    std::erase_if(state.hooks, [ifindex](const HookSpec& hook) { return hook.ifindex == ifindex; });
}

Status FakeKernel::next_call(const std::string& name) {
    ++calls;
    log.push_back(name);
    if (failing_calls.contains(calls)) {
        return Error{name + ": injected failure of call " + std::to_string(calls), ENOMEM};
    }
    return {};
}

void FakeKernel::expect(bool holds, const std::string& what) {
    if (!holds) {
        violations.push_back(what);
    }
}

std::set<std::uint32_t> FakeKernel::next_hops_in_use() const {
    std::set<std::uint32_t> slots;
    if (state.active) {
        add_slots(slots, state.active->image.slots.next_hops);
    }
    for (const auto& generation : state.previous) {
        add_slots(slots, generation.image.slots.next_hops);
    }
    return slots;
}

std::map<std::uint32_t, GroupKey> FakeKernel::groups_in_use() const {
    std::map<std::uint32_t, GroupKey> groups;
    const auto add = [&groups](const FakeState::Generation& generation) {
        for (const auto& [key, slot] : generation.image.slots.groups) {
            groups.emplace(slot, key);
        }
    };
    if (state.active) {
        add(*state.active);
    }
    for (const auto& generation : state.previous) {
        add(generation);
    }
    return groups;
}

std::set<std::uint32_t> FakeKernel::counters_in_use() const {
    std::set<std::uint32_t> slots;
    if (state.active) {
        add_slots(slots, state.active->image.slots.counters);
    }
    for (const auto& generation : state.previous) {
        add_slots(slots, generation.image.slots.counters);
    }
    return slots;
}

Status FakeKernel::check(const Image& image) const {
    return image.needs_tables && !has_tables ? Status(Error{"no routing tables here", EOPNOTSUPP}) : Status();
}

Result<StageId> FakeKernel::stage(const Image& image, std::uint64_t generation) {
    if (Status status = next_call("stage"); !status) {
        return status.error();
    }
    expect(state.staged.empty(), "a stage was forgotten");
    state.staged.emplace(next_stage_, FakeState::Generation{generation, image});
    return StageId{next_stage_++};
}

void FakeKernel::discard(StageId stage) {
    log.emplace_back("discard");
    expect(state.staged.erase(stage.value) == 1, "discard of something that is not staged");
}

Status FakeKernel::attach(const HookSpec& hook) {
    if (Status status = next_call("attach"); !status) {
        return status;
    }
    if (!devices.contains(hook.ifindex)) {
        return Error{"attach: No such device", ENODEV};
    }
    expect(state.hooks.insert(hook).second, "attached twice");
    attached_since_free_.insert(hook);
    return {};
}

Status FakeKernel::detach(const HookSpec& hook) {
    if (Status status = next_call("detach"); !status) {
        return status;
    }
    const bool was_attached = state.hooks.erase(hook) != 0;
    if (was_attached && state.active && devices.contains(hook.ifindex)) {
        const std::vector<HookSpec>& needed = state.active->image.hooks;
        expect(std::find(needed.begin(), needed.end(), hook) == needed.end() || attached_since_free_.contains(hook),
               "detached a hook of the active generation");
    }
    return {};
}

Status FakeKernel::publish(StageId stage) {
    if (Status status = next_call("publish"); !status) {
        return status;
    }
    const auto staged = state.staged.find(stage.value);
    if (staged == state.staged.end()) {
        return Error{"publish: not staged", EINVAL};
    }
    for (const HookSpec& hook : staged->second.image.hooks) {
        expect(state.hooks.contains(hook) || !devices.contains(hook.ifindex), "published before attaching");
    }
    for (const auto& owner : staged->second.image.slots.next_hops) {
        expect(state.next_hops.contains(owner.second), "published before writing a next hop");
    }
    for (const auto& [key, slot] : staged->second.image.slots.groups) {
        const auto table = state.groups.find(slot);
        expect(table != state.groups.end() && table->second.members == key.members, "published before filling a group");
    }
    if (state.active) {
        state.previous.push_back(std::move(*state.active));
    }
    state.active = std::move(staged->second);
    state.staged.erase(staged);
    return {};
}

Status FakeKernel::free_previous() {
    if (Status status = next_call("free"); !status) {
        return status;
    }
    state.previous.clear();
    attached_since_free_.clear();
    return {};
}

Status FakeKernel::write_next_hop(std::uint32_t slot, const NextHopEntry& entry) {
    if (Status status = next_call("next-hop"); !status) {
        return status;
    }
    if (entry.ifindex == 0) {
        expect(!next_hops_in_use().contains(slot), "cleared a next hop in use");
        state.next_hops.erase(slot);
        return {};
    }
    const auto present = state.next_hops.find(slot);
    expect(!next_hops_in_use().contains(slot) || present == state.next_hops.end() ||
               present->second.ifindex == entry.ifindex,
           "a next hop in use changed its device");
    state.next_hops[slot] = entry;
    return {};
}

Status FakeKernel::write_group(std::uint32_t slot, const GroupEntry& entry) {
    if (Status status = next_call("group"); !status) {
        return status;
    }
    const auto in_use = groups_in_use();
    const auto owner = in_use.find(slot);
    expect(owner == in_use.end() || owner->second.members == entry.members, "a group in use changed its members");
    if (entry == GroupEntry{}) {
        state.groups.erase(slot);
    } else {
        state.groups[slot] = entry;
    }
    return {};
}

Status FakeKernel::clear_counters(const std::vector<std::uint32_t>& slots) {
    if (Status status = next_call("clear"); !status) {
        return status;
    }
    const std::set<std::uint32_t> in_use = counters_in_use();
    for (const std::uint32_t slot : slots) {
        expect(!in_use.contains(slot), "cleared a counter in use");
        state.counters.erase(slot);
    }
    return {};
}

Result<std::vector<CounterValue>> FakeKernel::read_counters(std::uint32_t slots) {
    std::vector<CounterValue> values(slots);
    for (const auto& [slot, value] : state.counters) {
        if (slot < slots) {
            values[slot] = value;
        }
    }
    return values;
}

Result<std::vector<FailureCount>> FakeKernel::read_failures() { return std::vector<FailureCount>{}; }
Result<std::vector<std::uint64_t>> FakeKernel::read_reasons() { return std::vector<std::uint64_t>{}; }
Result<FlowCacheStatus> FakeKernel::read_flow_cache() { return FlowCacheStatus{}; }

Result<std::vector<HookStatus>> FakeKernel::list_hooks() {
    std::vector<HookStatus> all;
    for (const HookSpec& hook : state.hooks) {
        all.push_back({hook, "fake", 1, true, {}});
    }
    return all;
}

Result<std::vector<MapStatus>> FakeKernel::list_maps() { return std::vector<MapStatus>{}; }

Result<std::uint64_t> FakeKernel::active_generation() { return state.active ? state.active->number : std::uint64_t{0}; }

std::vector<KernelFeature> FakeKernel::features() const { return {{"attachment", "fake", "a test"}}; }

}  // namespace rudder::test
