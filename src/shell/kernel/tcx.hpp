// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/kernel/hook_driver.hpp"
#include "shell/os/unique_fd.hpp"

#include <map>

namespace rudder {

/// Whether the kernel has tcx links (6.6). Touches no device: asks for a link on a device that cannot exist
/// and looks at which check refuses it.
/// *Errors*: the refusal was neither "no such device" nor "no such attach type" (EPERM, ENOMEM, ...).
[[nodiscard]] Result<bool> has_tcx(const HookProgram& program);

/// tcx links. *Ownership*: each link lives as long as its descriptor here; a killed daemon leaves nothing.
/// *Source*: kernel/bpf/tcx.c, include/uapi/linux/bpf.h of 6.6.
class TcxDriver final : public HookDriver {
public:
    [[nodiscard]] std::string_view mechanism() const override { return "tcx"; }
    Status attach(const HookSpec& hook, const HookProgram& program) override;
    Status detach(const HookSpec& hook) override;
    Result<std::vector<HookStatus>> list() override;

private:
    struct Link {
        UniqueFd fd;
        std::uint32_t id = 0;
    };
    std::map<HookSpec, Link> links_;
};

}  // namespace rudder
