// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/boxes.hpp"

#include "rudder_abi.h"

#include <cstddef>
#include <cstdint>

/// What the flow cache must tell apart.
namespace rudder {

/// Puts into the header which bits of a packet some rule of this family looks at. `header.fields` is set. Where rules look at what
/// the cache knows nothing of, it keeps no flow of the family.
void write_flow_mask(const BoxSet& set, rudder_blob_header& header);

/// rudder_blob_header.flow_place_mask of a policy whose image has so many bytes, bit vectors left out: the more of the processor's
/// caches the policy takes, the more of them its flows are worth. Flows that find no place cost more than places without flows.
[[nodiscard]] std::uint32_t flow_places(std::size_t image_bytes);

}  // namespace rudder
