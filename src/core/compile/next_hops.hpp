// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/image.hpp"

/// From a target to the identity of its next hop.
namespace rudder {

/// The next hop of `target` out of `link`. A multicast destination has its group MAC (RFC 1112, RFC 2464) and needs
/// no resolution; a fixed destination is routed by the kernel; without either, each packet's own destination counts.
[[nodiscard]] NextHopKey next_hop_key(const Target& target, const Link& link);

/// What a slot of this key must hold under this topology.
[[nodiscard]] NextHopEntry next_hop_entry(const NextHopKey& key, const Topology& topology);

/// The question behind a key; empty when there is nothing to resolve.
[[nodiscard]] std::optional<NextHopQuery> query_of(const NextHopKey& key, const Topology& topology);

}  // namespace rudder
