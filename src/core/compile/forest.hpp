// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/compile/blob_writer.hpp"
#include "core/compile/extensions.hpp"
#include "core/compile/tree_builder.hpp"

#include "rudder_abi.h"

#include <array>

namespace rudder {

/// Trees over the boxes of one family, by long or short source and destination prefix: boxes that are wide in one
/// dimension would otherwise be copied into every narrow cell of it. A part that is still hard is divided once more by
/// narrow and wide port ranges, as long as there are trees left. IPv4 sets that are not very large have boxes with both prefixes long
/// in one tree with a part that has one, unless they cross too much; small sets get fewer trees where that is cheaper.
/// `is_patient`: boxes that overlap in very many ways are worth long work and large leaves.
/// *Errors*: no forest within the memory that this many boxes may take.
[[nodiscard]] Result<std::vector<Tree>> build_forest(const BoxSet& set, bool is_patient = true);

/// Appends nodes and leaves to the blob.
[[nodiscard]] std::array<rudder_tree, RUDDER_MAX_TREES> write_forest(BlobWriter& blob, const BoxSet& set,
                                                                     const std::vector<Tree>& forest,
                                                                     Extensions& extensions);

}  // namespace rudder
