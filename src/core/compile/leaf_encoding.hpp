// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/extensions.hpp"
#include "core/compile/tree_builder.hpp"

#include "rudder_classifier.h"

#include <string>

namespace rudder {

/// Bytes of the entries of a leaf (rudder_leaf_v4 or rudder_leaf_v6). What a list leaves in the leaf's region is
/// stated in the entry if it is one range; else the entry refers to its rule's extension.
[[nodiscard]] std::string encode_leaf(const BoxSet& set, const TreeLeaf& leaf, Extensions& extensions);

/// Bytes of one entry of that family.
[[nodiscard]] constexpr std::size_t leaf_entry_bytes(IpFamily family) {
    return family == IpFamily::v4 ? sizeof(rudder_leaf_v4) : sizeof(rudder_leaf_v6);
}

}  // namespace rudder
