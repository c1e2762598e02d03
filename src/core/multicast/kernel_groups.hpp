// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/multicast/membership.hpp"

#include <string_view>

/// The kernel's own list of multicast groups, from the text of its proc files. Lines that do not have the known shape
/// are passed over.
namespace rudder {

/// *Source*: /proc/net/igmp, net/ipv4/igmp.c igmp_mc_seq_show: hexadecimal groups indented below their device, each the
/// number that the four bytes in wire order make on this machine.
void add_igmp_groups(std::string_view text, KernelGroups& groups);

/// *Source*: /proc/net/igmp6, net/ipv6/mcast.c igmp6_mc_seq_show: one line "ifindex device group ..." each.
void add_igmp6_groups(std::string_view text, KernelGroups& groups);

}  // namespace rudder
