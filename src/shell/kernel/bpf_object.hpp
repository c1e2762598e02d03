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
/// the *hooks* instance has the entry programs, which never change while the daemon runs, and owns the maps that
/// all share; each *tier* instance has the classifier for one blob size, with an own `active` slot and own counters.
/// *Ownership*: programs and maps live as long as this object.
class BpfObject {
public:
    /// Loads the entry programs and the shared maps. *Errors*: with the end of the verifier's log.
    static Result<BpfObject> load_hooks(const LibbpfSink& sink);
    /// Loads the classifier for one tier over the shared maps of `hooks`. *Blocking*: verification, about 0.1-1 s.
    static Result<BpfObject> load_tier(const Tier& tier, const BpfObject& hooks, const LibbpfSink& sink);

    BpfObject(BpfObject&&) noexcept;
    BpfObject& operator=(BpfObject&&) noexcept;
    ~BpfObject();

    /// Descriptors stay owned by this object. A name that is not in the object is a bug of ours.
    [[nodiscard]] int map_fd(const char* name) const;
    [[nodiscard]] std::uint32_t map_entries(const char* name) const;
    /// Of a tier instance.
    [[nodiscard]] CounterMap counters() const;
    [[nodiscard]] const HookProgram& ingress() const { return ingress_; }
    [[nodiscard]] const HookProgram& egress() const { return egress_; }
    [[nodiscard]] const HookProgram& classify() const { return classify_; }
    /// Returns 1 in a test run if the kernel looks into routing tables by their number. Of the hooks instance.
    [[nodiscard]] const HookProgram& table_probe() const { return table_probe_; }
    /// Maps that this instance created itself.
    [[nodiscard]] std::vector<int> own_map_fds() const;

private:
    struct Skeleton;
    explicit BpfObject(std::unique_ptr<Skeleton> skeleton);
    static Result<BpfObject> open(const LibbpfCapture& log);
    [[nodiscard]] bpf_object* object() const;
    Status load(const LibbpfCapture& log);
    Status share_maps(const BpfObject& hooks);
    Status size_flows();
    Status size_counters(std::uint32_t slots);
    Status fill_stages();
    Status find_program(const char* name, HookProgram& program) const;

    std::unique_ptr<Skeleton> skeleton_;
    HookProgram ingress_;
    HookProgram egress_;
    HookProgram classify_;
    HookProgram table_probe_;
};

/// The map of one generation: an array of one value of `blob_bytes`. Programs cannot write it (invariant I3).
[[nodiscard]] Result<int> create_blob_map(std::uint32_t blob_bytes);

}  // namespace rudder
