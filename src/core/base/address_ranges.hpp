// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/net_types.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

/// Addresses as numbers of 128 bits, and sorted lists of them: what a rule excludes by prefixes.
namespace rudder {

/// The bits of an IPv6 address; those of an IPv4 address are the upper 32, followed by whatever the context says.
struct AddressNumber {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    friend auto operator<=>(const AddressNumber&, const AddressNumber&) = default;
};

struct AddressRange {
    AddressNumber first;
    AddressNumber last;
    friend auto operator<=>(const AddressRange&, const AddressRange&) = default;
};

/// *Shape*: ascending, disjoint, not adjacent.
using AddressRanges = std::vector<AddressRange>;

[[nodiscard]] AddressRange range_of(const IpPrefix& prefix);

/// The smallest range around the addresses whose words lie in `words`, one range each.
[[nodiscard]] AddressRange range_around(std::span<const ValueRange> words);

/// The addresses of the prefixes of one family.
[[nodiscard]] AddressRanges address_ranges(const std::vector<IpPrefix>& prefixes, IpFamily family);

/// Some address of `range` lies in one of `ranges`.
[[nodiscard]] bool meets(const AddressRanges& ranges, const AddressRange& range);

/// All addresses of `range` do.
[[nodiscard]] bool holds(const AddressRanges& ranges, const AddressRange& range);

/// The first of `ranges` that meets `range`, clipped to it. None: meets() is false.
[[nodiscard]] std::optional<AddressRange> first_meeting(const AddressRanges& ranges, const AddressRange& range);

/// How many of `ranges` meet `range`.
[[nodiscard]] std::size_t count_meeting(const AddressRanges& ranges, const AddressRange& range);

/// A 32-bit word of an address, the most significant is 0.
[[nodiscard]] std::uint32_t word_of(const AddressNumber& number, std::size_t word);

}  // namespace rudder
