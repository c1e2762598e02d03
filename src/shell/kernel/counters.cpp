// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/counters.hpp"

#include "shell/os/os_error.hpp"

#include <rudder_abi.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <numeric>
#include <utility>

namespace rudder {
namespace {

struct FailureKeyLess {
    bool operator()(const rudder_failure_key& a, const rudder_failure_key& b) const {
        return std::pair(a.slot, a.reason) < std::pair(b.slot, b.reason);
    }
};
using FailureKeys = std::set<rudder_failure_key, FailureKeyLess>;

/// Packets add keys meanwhile, so the walk may start over: bounded, and each key once.
Result<FailureKeys> failure_keys(int map_fd, std::uint32_t max_entries) {
    FailureKeys keys;
    rudder_failure_key key{};
    const rudder_failure_key* previous = nullptr;
    for (std::uint64_t step = 0; step < std::uint64_t{2} * max_entries; ++step) {
        rudder_failure_key next{};
        if (const int result = bpf_map_get_next_key(map_fd, previous, &next); result != 0) {
            if (result == -ENOENT) {
                break;
            }
            return os_error("list failures", result);
        }
        keys.insert(next);
        key = next;
        previous = &key;
    }
    return keys;
}

}  // namespace

Result<std::uint32_t> possible_cpus() {
    const int cpus = libbpf_num_possible_cpus();
    if (cpus < 1) {
        return os_error("count possible CPUs", cpus);
    }
    return static_cast<std::uint32_t>(cpus);
}

Result<std::vector<std::uint64_t>> read_reason_map(int map_fd, std::uint32_t cpus, std::uint32_t entries) {
    std::vector<std::uint64_t> sums;
    std::vector<std::uint64_t> values(cpus);
    for (std::uint32_t reason = 0; reason < entries; ++reason) {
        if (const int result = bpf_map_lookup_elem(map_fd, &reason, values.data()); result != 0) {
            return os_error("read reason " + std::to_string(reason), result);
        }
        sums.push_back(std::accumulate(values.begin(), values.end(), std::uint64_t{0}));
    }
    return sums;
}

Result<std::vector<FailureCount>> read_failure_map(int map_fd, std::uint32_t cpus, std::uint32_t max_entries) {
    const Result<FailureKeys> keys = failure_keys(map_fd, max_entries);
    if (!keys) {
        return keys.error();
    }
    std::vector<FailureCount> failures;
    std::vector<std::uint64_t> values(cpus);
    for (const rudder_failure_key& key : *keys) {
        if (const int result = bpf_map_lookup_elem(map_fd, &key, values.data()); result != 0) {
            if (result == -ENOENT) {
                continue;
            }
            return os_error("read failures", result);
        }
        FailureCount failure{key.slot, key.reason, 0};
        for (const std::uint64_t value : values) {
            failure.packets += value;
        }
        failures.push_back(failure);
    }
    return failures;
}

Status clear_failures(int map_fd, std::uint32_t max_entries, const std::set<std::uint32_t>& slots) {
    const Result<FailureKeys> keys = failure_keys(map_fd, max_entries);
    if (!keys) {
        return keys.error();
    }
    for (const rudder_failure_key& key : *keys) {
        if (!slots.contains(key.slot)) {
            continue;
        }
        if (const int result = bpf_map_delete_elem(map_fd, &key); result != 0 && result != -ENOENT) {
            return os_error("clear failures of slot " + std::to_string(key.slot), result);
        }
    }
    return {};
}

}  // namespace rudder
