// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/kernel/kernel_port.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace rudder::test {

/// What the kernel would hold, as plain data, so that two moments can be compared.
struct FakeState {
    struct Generation {
        std::uint64_t number = 0;
        Image image;
    };
    std::optional<Generation> active;
    std::vector<Generation> previous;  ///< published before, not freed yet
    std::map<std::uint64_t, Generation> staged;
    std::set<HookSpec> hooks;
    std::map<std::uint32_t, NextHopEntry> next_hops;
    std::map<std::uint32_t, GroupEntry> groups;
    std::map<std::uint32_t, CounterValue> counters;  ///< slots with a count; no entry: zero
};

/// What a packet (and the operator) could notice of it.
[[nodiscard]] bool is_same_to_packets(const FakeState& a, const FakeState& b);
/// The same in everything, nothing staged or held left over.
[[nodiscard]] bool is_same(const FakeState& a, const FakeState& b);

/// A kernel port over FakeState. Calls that can fail are numbered from 1; chosen ones fail and then change nothing.
/// Calls that break the contract of Plan (order, slots still in use) are written down in `violations`.
class FakeKernel final : public KernelPort {
public:
    FakeState state;
    std::set<std::uint32_t> devices;       ///< existing ifindexes; others cannot be attached to
    std::set<std::uint64_t> failing_calls;  ///< by number
    std::uint64_t calls = 0;
    bool has_tables = true;                 ///< can look into routing tables
    std::vector<std::string> log;           ///< one word a call, in order
    std::vector<std::string> violations;
    std::vector<Error> stuck_hooks;         ///< what detours says

    /// Counts the next calls from 1 and lets these fail.
    void fail_at(std::set<std::uint64_t> numbers);
    /// The device and what is attached to it are gone, as after `ip link del`.
    void remove_device(std::uint32_t ifindex);

    [[nodiscard]] Status check(const Image& image) const override;
    Result<StageId> stage(const Image& image, std::uint64_t generation) override;
    void discard(StageId stage) override;
    Status attach(const HookSpec& hook) override;
    Status detach(const HookSpec& hook) override;
    Status publish(StageId stage) override;
    Status free_previous() override;
    [[nodiscard]] std::vector<Error> detours() const override { return stuck_hooks; }
    Status write_next_hop(std::uint32_t slot, const NextHopEntry& entry) override;
    Status write_group(std::uint32_t slot, const GroupEntry& entry) override;
    Status clear_counters(const std::vector<std::uint32_t>& slots) override;
    Result<std::vector<CounterValue>> read_counters(std::uint32_t slots) override;
    Result<std::vector<FailureCount>> read_failures() override;
    Result<std::vector<std::uint64_t>> read_reasons() override;
    Result<FlowCacheStatus> read_flow_cache() override;
    Result<std::vector<HookStatus>> list_hooks() override;
    Result<std::vector<MapStatus>> list_maps() override;
    Result<std::uint64_t> active_generation() override;
    [[nodiscard]] std::vector<KernelFeature> features() const override;

private:
    Status next_call(const std::string& name);
    void expect(bool holds, const std::string& what);
    [[nodiscard]] std::set<std::uint32_t> next_hops_in_use() const;
    [[nodiscard]] std::map<std::uint32_t, GroupKey> groups_in_use() const;
    [[nodiscard]] std::set<std::uint32_t> counters_in_use() const;

    std::set<HookSpec> attached_since_free_;  ///< an undo may take these back
    std::uint64_t next_stage_ = 1;
};

}  // namespace rudder::test
