// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/compile/image.hpp"
#include "core/report/kernel_state.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace rudder {

/// A loaded program that can be attached.
struct HookProgram {
    int fd = -1;
    std::uint32_t id = 0;
};

/// One way of running a program at a TC hook. Implementations: tcx links, cls_bpf filters.
/// Invariant I4: only what this object attached is ever removed.
class HookDriver {
public:
    virtual ~HookDriver() = default;

    [[nodiscard]] virtual std::string_view mechanism() const = 0;
    /// Attaches, or succeeds at once if the program already runs there. If another one does that this object attached, it takes
    /// its place in one step, so that each packet meets one of them. *Errors*: ENODEV when the device is gone, EEXIST when
    /// somebody else's filter holds our place.
    virtual Status attach(const HookSpec& hook, const HookProgram& program) = 0;
    /// Removing what has vanished already succeeds.
    virtual Status detach(const HookSpec& hook) = 0;
    /// Hooks attached by this object, each as the kernel shows it now.
    virtual Result<std::vector<HookStatus>> list() = 0;
};

/// "ingress of ifindex 7 (eth0)".
[[nodiscard]] std::string hook_text(const HookSpec& hook);

}  // namespace rudder
