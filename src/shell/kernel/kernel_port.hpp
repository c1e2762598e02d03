// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/image.hpp"
#include "core/report/kernel_state.hpp"
#include "core/base/result.hpp"

#include <cstdint>
#include <vector>

/// The narrow door to the kernel. `BpfKernel` is the real one (libbpf), `FakeKernel` of the tests can fail at
/// call N. Every call either does all it says or, returning an error, changes nothing.
namespace rudder {

/// Handle of a staged, not yet visible generation.
struct StageId {
    std::uint64_t value = 0;
};

class KernelPort {
public:
    virtual ~KernelPort() = default;

    /// Whether this kernel can do what the image asks for; changes nothing. *Errors*: with the version it takes.
    [[nodiscard]] virtual Status check(const Image& image) const = 0;
    /// Step 1: creates and fills the map of the new generation; packets do not see it. What is staged at one time is of one
    /// policy size. An error may come after hooks were moved and the generation before freed, as free_previous does.
    virtual Result<StageId> stage(const Image& image, std::uint64_t generation) = 0;
    /// Undo of stage.
    virtual void discard(StageId stage) = 0;
    /// Step 2: attaches our program to one hook, after stage. *Errors*: the device vanished (ENODEV), ...
    virtual Status attach(const HookSpec& hook) = 0;
    /// Undo of attach and step 4. Removing what has vanished already succeeds. Never touches what is not ours (I4).
    virtual Status detach(const HookSpec& hook) = 0;
    /// Step 3, the commit point: one kernel call makes the staged generation the active one.
    virtual Status publish(StageId stage) = 0;
    /// Step 5: frees the generation before the active one. On return no packet uses it any more. After an error some of it may be
    /// freed: the next call goes on.
    virtual Status free_previous() = 0;
    /// What kept hooks from being given the active programs when that was last tried: one for each of the first, then how many others.
    /// Their packets are treated as all others are, and free_previous tries again.
    [[nodiscard]] virtual std::vector<Error> detours() const = 0;
    /// Writes one next-hop slot (atomically per 64-bit word). An entry with ifindex 0 clears it.
    virtual Status write_next_hop(std::uint32_t slot, const NextHopEntry& entry) = 0;
    /// Fills the table of one group slot, entry by entry: a packet sees the old member or the new one.
    virtual Status write_group(std::uint32_t slot, const GroupEntry& entry) = 0;
    /// Zeroes counters and failures of slots that no generation uses, active or not yet freed: packets count while it is done.
    virtual Status clear_counters(const std::vector<std::uint32_t>& slots) = 0;

    /// Sums over all CPUs; index = slot, `slots` entries (those of the highest slot in use + 1).
    virtual Result<std::vector<CounterValue>> read_counters(std::uint32_t slots) = 0;
    virtual Result<std::vector<FailureCount>> read_failures() = 0;
    /// Sums over all CPUs; index = reason.
    virtual Result<std::vector<std::uint64_t>> read_reasons() = 0;
    virtual Result<FlowCacheStatus> read_flow_cache() = 0;
    /// Hooks of ours as the kernel lists them.
    virtual Result<std::vector<HookStatus>> list_hooks() = 0;
    virtual Result<std::vector<MapStatus>> list_maps() = 0;
    /// Generation in the active slot, read back from the kernel; 0 if none.
    virtual Result<std::uint64_t> active_generation() = 0;
    [[nodiscard]] virtual std::vector<KernelFeature> features() const = 0;
};

}  // namespace rudder
