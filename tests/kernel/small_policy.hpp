// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/kernel/apply.hpp"
#include "shell/kernel/bpf_kernel.hpp"

#include <memory>
#include <string>
#include <vector>

namespace rudder::test {

/// The compiled policy "pass everything that enters (or leaves by) these devices", whose rule is called `name`, in a chosen tier.
[[nodiscard]] Image passing_image(const std::string& name, const std::vector<std::uint32_t>& devices,
                                  const Slots& previous, std::size_t tier, Direction direction = Direction::ingress);

/// A kernel port and the record of what was applied.
struct Daemon {
    std::unique_ptr<BpfKernel> kernel;
    Applied applied;

    /// Fails the test if the port cannot be opened.
    explicit Daemon(Attachment attachment);
    ApplyOutcome reconcile(const std::string& rule, const std::vector<std::uint32_t>& devices, std::size_t tier = 0,
                           Direction direction = Direction::ingress);
    /// Its first half: attaches nothing and leaves hooks and the generation before as they are.
    Status publish(const std::string& rule, const std::vector<std::uint32_t>& devices, std::size_t tier, Direction direction);
    /// Packets that the rule has counted.
    [[nodiscard]] std::uint64_t counted(const std::string& rule);
    /// Hooks that the kernel lists as attached.
    [[nodiscard]] std::vector<HookSpec> attached();
    /// Id of our program at the hook, as the kernel lists it; 0: none.
    [[nodiscard]] std::uint32_t program_at(const HookSpec& hook);
};

}  // namespace rudder::test
