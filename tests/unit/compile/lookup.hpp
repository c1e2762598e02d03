// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "reference.hpp"

#include "rudder_classifier.h"

#include <cstdint>
#include <vector>

namespace rudder::test {

/// What the kernel does: find the hook, then the rule. RUDDER_NO_RULE where there is no hook.
inline std::uint32_t look_up(const std::vector<std::uint8_t>& blob, Probe& probe) {
    const auto bytes = static_cast<std::uint32_t>(blob.size());
    const rudder_hook* hook = rudder_find_hook(blob.data(), bytes, probe.ifindex, static_cast<std::uint32_t>(probe.direction));
    if (hook == nullptr) {
        return RUDDER_NO_RULE;
    }
    probe.packet.hook_class = hook->hook_class;
    rudder_key key{};
    return rudder_classify_packet(blob.data(), bytes, &probe.packet, &key);
}

}  // namespace rudder::test
