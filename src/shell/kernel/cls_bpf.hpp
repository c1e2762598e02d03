// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/kernel/hook_driver.hpp"

#include <map>

namespace rudder {

/// Where our filter sits among those of a clsact qdisc; chosen so that nobody else is likely to sit there.
struct ClsBpfPlace {
    std::uint16_t priority = 500;
    std::uint32_t handle = 0x52445201;
};

/// cls_bpf filters in direct-action mode on clsact, for kernels without tcx. A missing clsact is created and never
/// removed: removing it would take the filters of others with it.
/// *Ownership*: the kernel keeps a filter when the daemon dies, and with it the maps of its policy: see remove_leftover_filters.
/// *Source*: net/sched/cls_bpf.c, tc-bpf(8).
class ClsBpfDriver final : public HookDriver {
public:
    explicit ClsBpfDriver(ClsBpfPlace place) : place_(place) {}

    [[nodiscard]] std::string_view mechanism() const override { return "cls_bpf"; }
    Status attach(const HookSpec& hook, const HookProgram& program) override;
    Status detach(const HookSpec& hook) override;
    Result<std::vector<HookStatus>> list() override;

private:
    [[nodiscard]] Result<HookStatus> status_of(const HookSpec& hook, std::uint32_t program_id) const;

    ClsBpfPlace place_;
    std::map<HookSpec, std::uint32_t> program_ids_;  // what we attached, by program id
};

/// Removes from every device of the network namespace the filters at our place that carry the name and id of our
/// programs: those of a daemon that was killed. Whether it was killed cannot be seen: the caller makes sure of it, as
/// far as one runtime directory goes. Returns how many there were.
/// *Errors*: the first one met, after all devices were tried.
[[nodiscard]] Result<int> remove_leftover_filters(const ClsBpfPlace& place);

}  // namespace rudder
