// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/net_types.hpp"

#include <cstdint>
#include <memory>

struct nl_msg;

/// The questions and wishes this program sends to rtnetlink. Messages carry no sequence number yet.
namespace rudder::netlink {

struct MessageDeleter {
    void operator()(nl_msg* message) const;
};
/// Null when memory ran out; the sender reports that.
using Request = std::unique_ptr<nl_msg, MessageDeleter>;

/// NDA_PROTOCOL of the neighbour entries this program keeps resolved, by which a later run knows them again.
/// *Source*: numbers above RTPROT_STATIC are for user space; this one is not in rt_protos.
inline constexpr std::uint8_t k_neighbour_protocol = 82;

[[nodiscard]] Request link_dump();
[[nodiscard]] Request link_get(std::uint32_t ifindex);
/// Addresses of a device, of all devices for ifindex 0. Kernels before 4.20 list all devices always.
[[nodiscard]] Request address_dump(IpFamily family, std::uint32_t ifindex);
[[nodiscard]] Request neighbour_dump(IpFamily family);
[[nodiscard]] Request neighbour_get(std::uint32_t ifindex, const IpAddress& address);
/// Resolve now and keep resolved: NTF_EXT_MANAGED (Linux 5.16), which older kernels do not see, and NTF_USE, which all do.
/// Must not be sent for a permanent or externally learned entry: the kernel would take those marks from it.
[[nodiscard]] Request neighbour_keep(std::uint32_t ifindex, const IpAddress& address);
/// Undo of neighbour_keep on an existing entry; its address and state stay.
[[nodiscard]] Request neighbour_release(std::uint32_t ifindex, const IpAddress& address);
/// Route to a destination out of a device; `match_only` asks whether the tables hold one at all: without it the
/// IPv4 answer for a device outside all tables is "assume it is on the link".
[[nodiscard]] Request route_get(std::uint32_t ifindex, const IpAddress& destination, bool match_only);

}  // namespace rudder::netlink
