// SPDX-License-Identifier: Apache-2.0
#include "core/base/reason.hpp"

#include "rudder_abi.h"

#include <array>

namespace rudder {
namespace {

struct ReasonEntry {
    std::uint32_t reason;
    std::string_view name;
    std::string_view text;
};

constexpr std::array k_reasons = {
    ReasonEntry{RUDDER_REASON_NONE, "none", "nothing went wrong"},
    ReasonEntry{RUDDER_REASON_SHORT, "short", "the packet ends inside its headers; it was passed untouched"},
    ReasonEntry{RUDDER_REASON_MALFORMED, "malformed",
                "the IP version, a length or the header checksum is wrong; the packet was passed untouched"},
    ReasonEntry{RUDDER_REASON_NOT_FOR_US, "not-for-us",
                "the frame is addressed to another host; it was passed untouched"},
    ReasonEntry{RUDDER_REASON_TTL_EXPIRED, "ttl-expired",
                "the TTL or hop limit has run out; the packet was left to the kernel, which tells the sender"},
    ReasonEntry{RUDDER_REASON_NO_NEIGHBOUR, "no-neighbour", "the link-layer address of the next hop is not known"},
    ReasonEntry{RUDDER_REASON_NO_ROUTE, "no-route", "the kernel has no route to the destination out of the interface"},
    ReasonEntry{RUDDER_REASON_LINK_DOWN, "link-down", "the egress interface is down or has no carrier"},
    ReasonEntry{RUDDER_REASON_NO_DEVICE, "no-device", "the egress interface does not exist"},
    ReasonEntry{RUDDER_REASON_TOO_BIG, "too-big", "the packet is larger than the MTU of the egress interface"},
    ReasonEntry{RUDDER_REASON_CLONE_FAILED, "clone-failed", "the kernel could not copy or queue the packet"},
    ReasonEntry{RUDDER_REASON_NOT_WRITABLE, "not-writable", "the kernel could not make the headers writable"},
    ReasonEntry{RUDDER_REASON_NO_PORTS, "no-ports", "a port is to be rewritten and the packet has none"},
    ReasonEntry{RUDDER_REASON_OWN_COPY, "own-copy",
                "a packet that rudder sent met a hook that must not treat it again; it was passed untouched"},
    ReasonEntry{RUDDER_REASON_BAD_POLICY, "bad-policy",
                "the published image refers outside itself, which is a bug; the packet was passed untouched"},
    ReasonEntry{RUDDER_REASON_HIDDEN_TRANSPORT, "hidden-transport",
                "an address is to be rewritten, and extension headers hide the checksum that covers it"},
    ReasonEntry{RUDDER_REASON_LOOP, "loop", "rudder has sent the packet on 64 times within this host; it was dropped"},
    ReasonEntry{RUDDER_REASON_RATE_LIMITED, "rate-limited", "the limit of the rule or target is exceeded"},
    ReasonEntry{RUDDER_REASON_NO_MEMBER, "no-member", "no member of the group is up"},
    ReasonEntry{RUDDER_REASON_NO_ADDRESS, "no-address", "the egress interface has no address of the packet's family"},
    ReasonEntry{RUDDER_REASON_FORWARDING_OFF, "forwarding-off",
                "the kernel forwards nothing that comes in through the interface, so its routing table was not asked"},
    ReasonEntry{RUDDER_REASON_ICMP_SENT, "icmp-sent",
                "the sender of a packet that was too big or whose TTL had run out was told by ICMP"},
    ReasonEntry{RUDDER_REASON_ICMP_LIMITED, "icmp-limited",
                "the sender of a packet that was too big or whose TTL had run out was not told: more than 1000 a second"},
};

constexpr bool is_indexed_by_reason() {
    for (std::size_t i = 0; i < k_reasons.size(); ++i) {
        if (k_reasons[i].reason != i) return false;
    }
    return true;
}

static_assert(k_reasons.size() == RUDDER_REASON_COUNT, "every reason has a name and a text");
static_assert(is_indexed_by_reason());

}  // namespace

std::string_view reason_name(std::uint32_t reason) {
    return reason < k_reasons.size() ? k_reasons[reason].name : "unknown";
}

std::string_view reason_text(std::uint32_t reason) {
    return reason < k_reasons.size() ? k_reasons[reason].text : "a reason this version does not know";
}

}  // namespace rudder
