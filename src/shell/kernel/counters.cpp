// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/counters.hpp"

#include "shell/os/os_error.hpp"

#include <rudder_abi.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

namespace rudder {
namespace {

constexpr std::size_t k_batch_bytes = 1u << 20;
constexpr int k_kernel_enotsupp = 524;  // not in errno.h; what maps without an operation return

/// Sums of a per-CPU array whose values are `words` 64-bit numbers.
class ArraySum {
public:
    ArraySum(int map_fd, std::uint32_t cpus, std::uint32_t words, std::uint32_t entries)
        : map_fd_(map_fd), cpus_(cpus), words_(words), entries_(entries), sums_(std::size_t{entries} * words) {}

    Result<std::vector<std::uint64_t>> run() {
        if (entries_ == 0) {
            return std::move(sums_);
        }
        Status status = read_batches();
        if (!status && (status.error().code == EINVAL || status.error().code == EOPNOTSUPP ||
                        status.error().code == k_kernel_enotsupp)) {
            std::fill(sums_.begin(), sums_.end(), 0);
            status = read_singly();
        }
        if (!status) {
            return status.error();
        }
        return std::move(sums_);
    }

private:
    [[nodiscard]] std::size_t values_per_entry() const { return std::size_t{cpus_} * words_; }

    void add(std::uint32_t entry, const std::uint64_t* values) {
        for (std::size_t i = 0; i < values_per_entry(); ++i) {
            sums_[std::size_t{entry} * words_ + i % words_] += values[i];
        }
    }

    Status read_batches() {
        const std::size_t room = std::max<std::size_t>(1, k_batch_bytes / (values_per_entry() * sizeof(std::uint64_t)));
        const auto batch = static_cast<std::uint32_t>(std::min<std::size_t>(room, entries_));
        std::vector<std::uint32_t> keys(batch);
        std::vector<std::uint64_t> values(batch * values_per_entry());
        std::uint32_t position = 0;
        for (std::uint32_t done = 0; done < entries_;) {
            std::uint32_t count = std::min(batch, entries_ - done);
            const int result = bpf_map_lookup_batch(map_fd_, done == 0 ? nullptr : &position, &position, keys.data(),
                                                    values.data(), &count, nullptr);
            if (result != 0 && result != -ENOENT) {
                return os_error("read counters in a batch", result);
            }
            for (std::uint32_t i = 0; i < count; ++i) {
                if (keys[i] < entries_) {
                    add(keys[i], values.data() + i * values_per_entry());
                }
            }
            done += count;
            if (result == -ENOENT || count == 0) {  // the end of the map
                break;
            }
        }
        return {};
    }

    Status read_singly() {
        std::vector<std::uint64_t> values(values_per_entry());
        for (std::uint32_t entry = 0; entry < entries_; ++entry) {
            if (const int result = bpf_map_lookup_elem(map_fd_, &entry, values.data()); result != 0) {
                if (result == -ENOENT) {  // past the end of the map
                    break;
                }
                return os_error("read counter " + std::to_string(entry), result);
            }
            add(entry, values.data());
        }
        return {};
    }

    int map_fd_;
    std::uint32_t cpus_;
    std::uint32_t words_;
    std::uint32_t entries_;
    std::vector<std::uint64_t> sums_;
};

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

Result<std::vector<CounterValue>> read_counter_map(int map_fd, std::uint32_t cpus, std::uint32_t slots) {
    constexpr std::uint32_t words = sizeof(rudder_counter) / sizeof(std::uint64_t);
    Result<std::vector<std::uint64_t>> sums = ArraySum(map_fd, cpus, words, slots).run();
    if (!sums) {
        return sums.error();
    }
    std::vector<CounterValue> counters(slots);
    for (std::size_t slot = 0; slot < slots; ++slot) {
        counters[slot] = {(*sums)[slot * words], (*sums)[slot * words + 1]};
    }
    return counters;
}

Result<std::vector<std::uint64_t>> read_reason_map(int map_fd, std::uint32_t cpus, std::uint32_t entries) {
    return ArraySum(map_fd, cpus, 1, entries).run();
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

Status clear_counter(int map_fd, std::uint32_t cpus, std::uint32_t slot) {
    const std::vector<rudder_counter> zero(cpus);
    if (const int result = bpf_map_update_elem(map_fd, &slot, zero.data(), BPF_ANY); result != 0) {
        return os_error("clear counter " + std::to_string(slot), result);
    }
    return {};
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
