// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/compile/image.hpp"
#include "shell/kernel/counter_map.hpp"
#include "shell/kernel/hook_driver.hpp"
#include "shell/kernel/libbpf_log.hpp"

#include <memory>
#include <string>
#include <vector>

struct bpf_object;

namespace rudder {

/// One loaded instance of the BPF object of bpf/. There are two kinds:
/// the *shared* instance owns the maps that all share; each *tier* instance has the programs for one blob size, with an
/// own `active` slot and own counters.
/// *Ownership*: programs and maps live as long as this object.
class BpfObject {
public:
    /// Loads the shared maps. *Errors*: with the end of the verifier's log.
    static Result<BpfObject> load_shared(const LibbpfSink& sink);
    /// Loads the programs for one tier over the maps of `shared`. *Blocking*: verification, about 0.1-1 s.
    static Result<BpfObject> load_tier(const Tier& tier, const BpfObject& shared, const LibbpfSink& sink);

    /// From now on packets that find no active generation in this tier go on to `next`. *Errors*: the kernel's; nothing has changed.
    Status hand_on_to(const BpfObject& next);
    /// Undo of hand_on_to.
    void stop_handing_on();

    BpfObject(BpfObject&&) noexcept;
    BpfObject& operator=(BpfObject&&) noexcept;
    ~BpfObject();

    /// Descriptors stay owned by this object. A name that is not in the object is a bug of ours.
    [[nodiscard]] int map_fd(const char* name) const;
    [[nodiscard]] std::uint32_t map_entries(const char* name) const;
    /// Of a tier instance, as are the programs of hooks.
    [[nodiscard]] CounterMap counters() const;
    [[nodiscard]] const HookProgram& ingress() const { return ingress_; }
    [[nodiscard]] const HookProgram& egress() const { return egress_; }
    /// Returns 1 in a test run if the kernel looks into routing tables by their number. Of the shared instance.
    [[nodiscard]] const HookProgram& table_probe() const { return table_probe_; }
    /// Maps that this instance created itself.
    [[nodiscard]] std::vector<int> own_map_fds() const;

private:
    struct Skeleton;
    explicit BpfObject(std::unique_ptr<Skeleton> skeleton);
    static Result<BpfObject> open(const LibbpfCapture& log);
    [[nodiscard]] bpf_object* object() const;
    Status load(const LibbpfCapture& log);
    Status share_maps(const BpfObject& owner);
    Status size_flows();
    Status size_counters(std::uint32_t slots);
    Status fill_stages();
    Status find_program(const char* name, HookProgram& program) const;

    std::unique_ptr<Skeleton> skeleton_;
    HookProgram ingress_;
    HookProgram egress_;
    HookProgram table_probe_;
};

/// The map of one generation: an array of one value of `blob_bytes`. Programs cannot write it (invariant I3).
[[nodiscard]] Result<int> create_blob_map(std::uint32_t blob_bytes);

}  // namespace rudder
