// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/blob_writer.hpp"
#include "core/compile/extensions.hpp"
#include "core/compile/sample_points.hpp"

#include "rudder_abi.h"

#include <cstdint>
#include <optional>
#include <vector>

/// A small set by octets of the key: see rudder_vectors.h.
namespace rudder {

struct BitVectors {
    struct Column {
        std::uint8_t octet = 0;  ///< offset in rudder_key
        rudder_column boxes{};
    };
    std::vector<Column> columns;  ///< whole groups
    double price = 0;             ///< of a packet, to compare with forest_price
};

/// The columns that spare `packets` the most comparisons; as many groups of them as pay. Nothing for an empty set, and for one of more
/// than RUDDER_VECTOR_BOXES boxes.
[[nodiscard]] std::optional<BitVectors> build_bit_vectors(const BoxSet& set, const std::vector<SamplePoint>& packets);

/// Appends columns and entries to the blob.
[[nodiscard]] rudder_vectors write_bit_vectors(BlobWriter& blob, const BoxSet& set, const BitVectors& vectors,
                                               Extensions& extensions);

}  // namespace rudder
