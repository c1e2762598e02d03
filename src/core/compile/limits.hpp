// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

/// What one image may hold. Every limit has an error in words for the operator in compile().
namespace rudder {

/// Pairs of source and destination prefix of all rules of one address family.
inline constexpr std::size_t k_max_boxes = 1'000'000;
/// Devices times directions.
inline constexpr std::size_t k_max_hooks = 60'000;
/// Entries of the hook table.
inline constexpr std::size_t k_max_hook_entries = 1u << 20;
/// Different sets of hooks that are not ranges of hook classes.
inline constexpr std::size_t k_max_hook_sets = 65'535;
inline constexpr std::size_t k_max_hook_set_bytes = 16u << 20;
/// Entries of a next-hop table.
inline constexpr std::size_t k_max_next_hops = 65'536;

}  // namespace rudder
