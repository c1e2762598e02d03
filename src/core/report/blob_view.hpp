// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rudder_abi.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace rudder {

/// Reads the records of an image's blob back. Every offset is checked: a blob that refers outside itself yields
/// fewer records, never a read outside. *Ownership*: keeps a reference to the bytes.
class BlobView {
public:
    explicit BlobView(const std::vector<std::uint8_t>& blob) : blob_(blob) {}

    [[nodiscard]] std::optional<rudder_blob_header> header() const;
    /// Entries in use, in table order.
    [[nodiscard]] std::vector<rudder_hook> hooks() const;
    [[nodiscard]] std::optional<rudder_rule> rule(std::uint32_t rank) const;
    [[nodiscard]] std::optional<rudder_target> target(std::uint32_t index) const;
    /// Target `index` of the rule with this rank.
    [[nodiscard]] std::optional<rudder_target> target_of(std::uint32_t rank, std::size_t index) const;

private:
    template <class Record>
    [[nodiscard]] std::optional<Record> record_at(std::uint64_t offset) const;

    const std::vector<std::uint8_t>& blob_;
};

}  // namespace rudder
