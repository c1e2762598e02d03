// SPDX-License-Identifier: Apache-2.0
#include "core/compile/target_state.hpp"

#include "rudder_abi.h"

namespace rudder {
namespace {

IpFamily family_of(const Rule& rule) { return rule.match.family_v4 ? IpFamily::v4 : IpFamily::v6; }

/// Where packets of the target go from its device, as far as the policy says.
std::optional<IpAddress> next_of(const Target& target, IpFamily family) {
    if (target.next_hop && target.next_hop->family == family) return target.next_hop;
    return target.rewrite.dst_ip;
}

}  // namespace

TargetState target_state(const Rule& rule, const Target& target, const LinkIndex& links) {
    TargetState state;
    state.link = links.find(target.via);
    if (state.link == nullptr) {
        state.reason = RUDDER_REASON_NO_DEVICE;
    } else if (target.rewrite.is_src_of_interface) {
        const IpFamily family = family_of(rule);
        const LinkAddress* own = source_address(*state.link, family, next_of(target, family));
        if (own != nullptr) {
            state.src_ip = own->address;
        } else {
            state.reason = RUDDER_REASON_NO_ADDRESS;
        }
    }
    return state;
}

std::string deferral(const Rule& rule, const Target& target, std::uint32_t reason) {
    switch (reason) {
        case RUDDER_REASON_NO_DEVICE: return "no interface " + target.via;
        case RUDDER_REASON_NO_ADDRESS:
            return std::string("no ") + (family_of(rule) == IpFamily::v4 ? "IPv4" : "IPv6") + " address on " + target.via;
        default: return {};
    }
}

}  // namespace rudder
