// SPDX-License-Identifier: Apache-2.0
#include "core/compile/classifier.hpp"

#include "core/compile/bit_vectors.hpp"
#include "core/compile/forest.hpp"
#include "core/compile/forest_price.hpp"

#include <algorithm>

namespace rudder {

Status write_classifier(BlobWriter& blob, const BoxSet& set, Extensions& extensions, rudder_blob_header& header) {
    const bool is_v4 = set.family == IpFamily::v4;
    const auto packets = sample_points(set);
    const auto vectors = build_bit_vectors(set, packets);
    const auto forest = build_forest(set, !vectors);  // without hard work where there is another way
    if (vectors && (!forest || vectors->price < forest_price(set, *forest, packets))) {
        (is_v4 ? header.vectors_v4 : header.vectors_v6) = write_bit_vectors(blob, set, *vectors, extensions);
        return {};
    }
    if (!forest) {
        return forest.error();
    }
    const auto trees = write_forest(blob, set, *forest, extensions);
    std::copy(trees.begin(), trees.end(), is_v4 ? header.tree_v4 : header.tree_v6);
    return {};
}

}  // namespace rudder
