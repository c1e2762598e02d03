// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/bpf_kernel.hpp"

#include "shell/kernel/counter_map.hpp"
#include "shell/kernel/counters.hpp"
#include "shell/kernel/flow_cache.hpp"

#include <rudder_abi.h>

#include <algorithm>
#include <set>
#include <utility>

// I6: a slot's value is the base (tiers that are gone) plus what each loaded tier has counted.
namespace rudder {

Status BpfKernel::retire_tier(std::size_t tier) {
    const CounterMap counters = tiers_.at(tier).counters();
    std::vector<CounterValue> sums = counter_base_;
    sums.resize(std::max<std::size_t>(sums.size(), counters.slots));
    if (Status status = add_counters(counters, sums); !status) {
        return status.error().within("carry over the counters of the old tier");
    }
    counter_base_ = std::move(sums);
    tiers_.erase(tier);
    return {};
}

Status BpfKernel::clear_counters(const std::vector<std::uint32_t>& slots) {
    for (const auto& [tier, object] : tiers_) {
        if (Status status = zero_counters(object.counters(), slots); !status) {
            return status;
        }
    }
    const std::set<std::uint32_t> set(slots.begin(), slots.end());
    if (Status status = clear_failures(shared_.map_fd("failures"), shared_.map_entries("failures"), set); !status) {
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
    std::copy_n(counter_base_.begin(), std::min(sums.size(), counter_base_.size()), sums.begin());
    for (const auto& [tier, object] : tiers_) {
        if (Status status = add_counters(object.counters(), sums); !status) {
            return status.error();
        }
    }
    return sums;
}

Result<std::vector<FailureCount>> BpfKernel::read_failures() {
    return read_failure_map(shared_.map_fd("failures"), cpus_, shared_.map_entries("failures"));
}

Result<std::vector<std::uint64_t>> BpfKernel::read_reasons() {
    return read_reason_map(shared_.map_fd("reasons"), cpus_, RUDDER_REASON_COUNT);
}

Result<FlowCacheStatus> BpfKernel::read_flow_cache() {
    return read_flow_map(shared_.map_fd("flows"), shared_.map_entries("flows"));
}

}  // namespace rudder
