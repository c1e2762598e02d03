// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/hook_driver.hpp"

#include <net/if.h>

#include <array>

namespace rudder {

std::string hook_text(const HookSpec& hook) {
    std::array<char, IF_NAMESIZE> name{};
    const bool has_name = if_indextoname(hook.ifindex, name.data()) != nullptr;
    const std::string device = has_name ? name.data() : "ifindex " + std::to_string(hook.ifindex);
    return to_string(hook.direction) + " of " + device;
}

}  // namespace rudder
