// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/compile/link_index.hpp"

#include <cstdint>
#include <optional>
#include <string>

/// What a target finds in the network as it is now.
namespace rudder {

struct TargetState {
    const Link* link = nullptr;       ///< its `via`; null if there is none
    std::optional<IpAddress> src_ip;  ///< the address that `src_ip = "interface"` stands for
    std::uint32_t reason = 0;         ///< why it cannot be used now, enum rudder_reason; 0: it can

    [[nodiscard]] bool is_deferred() const { return reason != 0; }
};

[[nodiscard]] TargetState target_state(const Rule& rule, const Target& target, const LinkIndex& links);

/// A TargetState's reason in words: "no interface eth7", "no IPv4 address on eth1"; empty for none.
[[nodiscard]] std::string deferral(const Rule& rule, const Target& target, std::uint32_t reason);

}  // namespace rudder
