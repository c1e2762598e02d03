// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/node_view.hpp"

#include <cstdint>
#include <memory>
#include <optional>

/// What a box excludes by prefixes, seen from one node of a tree: most often nothing of the node's region.
namespace rudder {

/// What a leaf of `region` must compare; null: no packet of the region that lies in the box is excluded on that side.
struct ExcludedHere {
    std::shared_ptr<const AddressRanges> src;
    std::shared_ptr<const AddressRanges> dst;
};
[[nodiscard]] ExcludedHere excluded_here(const BoxSet& set, std::uint32_t box, const Region& region);

/// How many address ranges the box excludes that meet the region.
[[nodiscard]] std::size_t count_holes(const BoxSet& set, std::uint32_t box, const Region& region);

/// Some packet of the region that lies in the box may be excluded.
[[nodiscard]] bool excludes_some(const BoxSet& set, std::uint32_t box, const Region& region);

/// Every packet of the region that lies in the box is excluded.
[[nodiscard]] bool is_all_excluded(const BoxSet& set, std::uint32_t box, const Region& region);

/// Of the packets of `region` that match `b`, none is excluded by `a`.
[[nodiscard]] bool excludes_no_more(const BoxSet& set, std::uint32_t a, std::uint32_t b, const Region& region);

/// A split that comes closer to a part of the region in which the box excludes nothing. None: it excludes nothing of
/// the region.
[[nodiscard]] std::optional<Split> split_at_hole(const NodeView& node, std::uint32_t box);

}  // namespace rudder
