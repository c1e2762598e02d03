// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/kernel/attachment.hpp"
#include "shell/kernel/bpf_object.hpp"
#include "shell/kernel/cls_bpf.hpp"
#include "shell/kernel/group_tables.hpp"
#include "shell/kernel/hook_driver.hpp"
#include "shell/kernel/kernel_port.hpp"
#include "shell/kernel/libbpf_log.hpp"
#include "shell/kernel/next_hop_table.hpp"
#include "shell/os/unique_fd.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace rudder {

struct BpfKernelOptions {
    Attachment attachment = Attachment::automatic;
    ClsBpfPlace cls_bpf_place;
    LibbpfSink log;  ///< what libbpf and the verifier say; empty: discarded
};

/// The kernel port over libbpf. Invariants it keeps:
/// - I1: packets enter by the programs of the active tier, which reads its own `active`[0]: one generation. After a change of tier hooks
///   run those of the tier before until they are moved; it has no active generation any more and hands packets on.
/// - I2: publish commits by exactly one system call: `active`[0] of the running tier gets the new generation or, when another
///   tier has it, none any more.
/// - I3: a blob map is read-only for programs from the start and frozen for user space once it is filled: the id of a map
///   tells its generation.
/// - I4: see HookDriver. - I6: counters of a tier are added to the base before its map is freed.
class BpfKernel final : public KernelPort {
public:
    /// Loads the shared maps; attaches nothing.
    /// *Errors*: EPERM without CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; a forced attachment the kernel has not; the verifier's words.
    static Result<std::unique_ptr<BpfKernel>> open(BpfKernelOptions options);

    /// Removes the cls_bpf filters that a killed daemon left on any device (tcx links die with their daemon).
    /// Returns their number. To be called before the first attach and by `rudderd --cleanup`; loads nothing.
    static Result<int> remove_leftovers(const BpfKernelOptions& options);

    [[nodiscard]] Status check(const Image& image) const override;
    Result<StageId> stage(const Image& image, std::uint64_t generation) override;
    void discard(StageId stage) override;
    Status attach(const HookSpec& hook) override;
    Status detach(const HookSpec& hook) override;
    Status publish(StageId stage) override;
    Status free_previous() override;
    [[nodiscard]] std::vector<Error> detours() const override { return detours_; }
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
    [[nodiscard]] std::vector<KernelFeature> features() const override { return features_; }

private:
    /// A filled blob map, the tier it belongs to and the generation stamped into it.
    struct Blob {
        std::size_t tier = 0;
        UniqueFd map;
        std::uint32_t map_id = 0;
        std::uint64_t generation = 0;
    };

    BpfKernel(BpfKernelOptions options, BpfObject shared, NextHopTable next_hops, GroupTables groups, std::uint32_t cpus);

    Status choose_driver();
    void note_features(KernelFeature memlock);
    Status load_tier(std::size_t tier);
    Status leave_tier(std::size_t tier);
    void drop_unused(std::size_t tier);
    Result<Blob> make_blob(const Image& image, std::uint64_t generation) const;
    Status switch_tier(const Blob& blob);
    Status wait_for_packets() const;
    [[nodiscard]] bool is_tier_in_use(std::size_t tier) const;
    /// Loaded tiers that were active and are not, and have nothing staged.
    [[nodiscard]] std::vector<std::size_t> past_tiers() const;
    void move_hooks();
    Status retire_tier(std::size_t tier);
    [[nodiscard]] Result<std::uint64_t> generation_of(std::uint32_t blob_map_id) const;

    BpfKernelOptions options_;
    BpfObject shared_;
    NextHopTable next_hops_;
    GroupTables groups_;
    std::uint32_t cpus_;
    bool can_freeze_ = false;
    bool can_look_up_tables_ = false;
    std::unique_ptr<HookDriver> driver_;
    std::vector<KernelFeature> features_;

    std::map<std::size_t, BpfObject> tiers_;  // loaded ones, by index into tiers()
    std::map<std::uint64_t, Blob> staged_;
    std::uint64_t next_stage_ = 1;
    std::optional<Blob> active_;
    std::vector<Blob> previous_;
    std::vector<Error> detours_;
    std::vector<CounterValue> counter_base_;  // sums of tiers that are gone, by slot
};

}  // namespace rudder
