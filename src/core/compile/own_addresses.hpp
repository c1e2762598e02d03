// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/base/topology.hpp"
#include "core/compile/blob_writer.hpp"

#include "rudder_abi.h"

/// The addresses of this host, as the datapath asks for them.
namespace rudder {

/// The hash table of own addresses in use, whatever device or VRF they are of, but for link-local ones; grown until no search takes more than RUDDER_OWN_PROBES steps, and their bits in
/// the header.
/// *Errors*: no reasonable size gives that.
Status write_own_addresses(BlobWriter& blob, const Topology& topology, rudder_blob_header& header);

}  // namespace rudder
