// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/compile/blob_writer.hpp"
#include "core/compile/boxes.hpp"
#include "core/compile/extensions.hpp"

#include "rudder_abi.h"

namespace rudder {

/// Appends what finds the first box of this family that a packet lies in, and says in `header` where it is: bit vectors if that is
/// cheaper for packets, else a forest.
/// *Errors*: as build_forest.
[[nodiscard]] Status write_classifier(BlobWriter& blob, const BoxSet& set, Extensions& extensions, rudder_blob_header& header);

}  // namespace rudder
