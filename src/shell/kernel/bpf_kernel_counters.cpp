// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/bpf_kernel.hpp"

#include "shell/kernel/counters.hpp"

#include <rudder_abi.h>

#include <algorithm>
#include <set>

// I6: a slot's value is the base (tiers that are gone) plus what each loaded tier has counted.
namespace rudder {
namespace {

void add(std::vector<CounterValue>& sums, const std::vector<CounterValue>& values) {
    for (std::size_t slot = 0; slot < std::min(sums.size(), values.size()); ++slot) {
        sums[slot].packets += values[slot].packets;
        sums[slot].bytes += values[slot].bytes;
    }
}

}  // namespace

Status BpfKernel::retire_tier(std::size_t tier) {
    const BpfObject& object = tiers_.at(tier);
    const Result<std::vector<CounterValue>> counted =
        read_counter_map(object.map_fd("counters"), cpus_, object.map_entries("counters"));
    if (!counted) {
        return counted.error().within("carry over the counters of the old tier");
    }
    counter_base_.resize(std::max(counter_base_.size(), counted->size()));
    add(counter_base_, *counted);
    tiers_.erase(tier);
    return {};
}

Status BpfKernel::clear_counters(const std::vector<std::uint32_t>& slots) {
    for (const auto& [tier, object] : tiers_) {
        const std::uint32_t entries = object.map_entries("counters");
        for (const std::uint32_t slot : slots) {
            if (slot >= entries) {
                continue;
            }
            if (Status status = clear_counter(object.map_fd("counters"), cpus_, slot); !status) {
                return status;
            }
        }
    }
    const std::set<std::uint32_t> set(slots.begin(), slots.end());
    if (Status status = clear_failures(hooks_.map_fd("failures"), hooks_.map_entries("failures"), set); !status) {
        return status;
    }
    for (const std::uint32_t slot : slots) {
        if (slot < counter_base_.size()) {
            counter_base_[slot] = {};
        }
    }
    return {};
}

Result<std::vector<CounterValue>> BpfKernel::read_counters(std::uint32_t slots) {
    std::vector<CounterValue> sums(slots);
    add(sums, counter_base_);
    for (const auto& [tier, object] : tiers_) {
        const std::uint32_t entries = std::min(slots, object.map_entries("counters"));
        const Result<std::vector<CounterValue>> counted = read_counter_map(object.map_fd("counters"), cpus_, entries);
        if (!counted) {
            return counted.error();
        }
        add(sums, *counted);
    }
    return sums;
}

Result<std::vector<FailureCount>> BpfKernel::read_failures() {
    return read_failure_map(hooks_.map_fd("failures"), cpus_, hooks_.map_entries("failures"));
}

Result<std::vector<std::uint64_t>> BpfKernel::read_reasons() {
    return read_reason_map(hooks_.map_fd("reasons"), cpus_, RUDDER_REASON_COUNT);
}

}  // namespace rudder
