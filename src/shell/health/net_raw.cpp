// SPDX-License-Identifier: Apache-2.0
#include "shell/health/net_raw.hpp"

#include <array>
#include <cstdint>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace rudder {
namespace {

constexpr std::uint32_t k_bit = CAP_TO_MASK(CAP_NET_RAW);
constexpr std::size_t k_word = CAP_TO_INDEX(CAP_NET_RAW);

/// Returns what it was. A process that may not have it keeps what it has.
bool set_effective(bool is_effective) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    if (syscall(SYS_capget, &header, sets.data()) != 0) return false;
    const bool was_effective = (sets[k_word].effective & k_bit) != 0;
    const bool may_change = !is_effective || (sets[k_word].permitted & k_bit) != 0;
    if (was_effective == is_effective || !may_change) return was_effective;
    sets[k_word].effective ^= k_bit;
    (void)syscall(SYS_capset, &header, sets.data());
    return was_effective;
}

}  // namespace

void lower_net_raw() {
    (void)set_effective(false);
}

RaisedNetRaw::RaisedNetRaw() : was_effective_(set_effective(true)) {}

RaisedNetRaw::~RaisedNetRaw() {
    if (!was_effective_) (void)set_effective(false);
}

}  // namespace rudder
