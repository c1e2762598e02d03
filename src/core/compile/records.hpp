// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/base/result.hpp"
#include "core/compile/blob_writer.hpp"
#include "core/compile/extensions.hpp"
#include "core/compile/hooks.hpp"
#include "core/compile/target_state.hpp"

#include "rudder_abi.h"

/// Policy values as records of rudder_abi.h.
namespace rudder {

/// The record without first target, counter slot and limit.
[[nodiscard]] rudder_rule encode_rule(const Rule& rule);

/// The record without counter slot, and without next hop unless the target is deferred.
[[nodiscard]] rudder_target encode_target(const Rule& rule, const Target& target, const TargetState& now);

/// Says the target of a steer rule once more in the rule's own record, if that has room for all that there is to say and the
/// short way can be open at all: it needs a next hop, and an Ethernet header. `link`: its device, null if there is none.
void note_forwarding(const Target& target, const Link* link, const rudder_target& record, rudder_rule& rule);

/// The hash table of hooks, grown until no search takes more than RUDDER_HOOK_PROBES steps, and the sources of ICMP
/// errors behind it. `has_tables`: some rule sends by a routing table, which may lead to any device.
/// *Errors*: no reasonable size gives that.
Status write_hook_table(BlobWriter& blob, const HookTable& hooks, const Topology& topology, bool has_tables,
                        rudder_blob_header& header);

void write_extensions(BlobWriter& blob, const Extensions& extensions, rudder_blob_header& header);
void write_hook_sets(BlobWriter& blob, const HookSets& sets, std::size_t class_count, rudder_blob_header& header);

}  // namespace rudder
