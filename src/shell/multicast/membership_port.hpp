// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/multicast/membership.hpp"

#include <cstddef>

namespace rudder {

/// The door to the kernel's group management. `MembershipSockets` is the real one; the tests have a fake.
class MembershipPort {
public:
    virtual ~MembershipPort() = default;

    /// Becomes a member. *Errors*: the errno, 0 for none; then nothing has changed.
    [[nodiscard]] virtual int join(const Membership& membership) = 0;
    /// Undo of join, also where the device has gone or the kernel dropped the membership. What is not held is passed
    /// over.
    virtual void leave(const Membership& membership) = 0;
    /// The groups that have a member on each device, ours or not.
    [[nodiscard]] virtual Result<KernelGroups> list_groups() = 0;
    /// Open sockets that hold memberships.
    [[nodiscard]] virtual std::size_t sockets() const = 0;
};

}  // namespace rudder
