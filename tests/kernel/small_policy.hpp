// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/kernel/apply.hpp"
#include "shell/kernel/bpf_kernel.hpp"

#include <memory>
#include <string>
#include <vector>

namespace rudder::test {

/// The compiled policy "pass everything that enters these devices", whose rule is called `name`, in a chosen tier.
[[nodiscard]] Image passing_image(const std::string& name, const std::vector<std::uint32_t>& devices,
                                  const Slots& previous, std::size_t tier);

/// A kernel port and the record of what was applied.
struct Daemon {
    std::unique_ptr<BpfKernel> kernel;
    Applied applied;

    /// Fails the test if the port cannot be opened.
    explicit Daemon(Attachment attachment);
    ApplyOutcome reconcile(const std::string& rule, const std::vector<std::uint32_t>& devices, std::size_t tier = 0);
    /// Packets that the rule has counted.
    [[nodiscard]] std::uint64_t counted(const std::string& rule);
    /// Hooks that the kernel lists as attached.
    [[nodiscard]] std::vector<HookSpec> attached();
};

}  // namespace rudder::test
