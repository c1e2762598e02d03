// SPDX-License-Identifier: Apache-2.0
#include "core/base/address_ranges.hpp"

#include <algorithm>

namespace rudder {
namespace {

constexpr std::uint64_t k_ones = ~std::uint64_t{0};

std::uint64_t load(const std::uint8_t* bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/// The bits of one half behind a prefix of `length` bits.
std::uint64_t host_bits(unsigned length) {
    return length >= 64 ? 0 : k_ones >> length;
}

AddressNumber next(const AddressNumber& number) {
    return {number.high + (number.low == k_ones ? 1 : 0), number.low + 1};
}

bool is_highest(const AddressNumber& number) {
    return number.high == k_ones && number.low == k_ones;
}

/// The first range that ends at `number` or behind it.
AddressRanges::const_iterator first_from(const AddressRanges& ranges, const AddressNumber& number) {
    return std::partition_point(ranges.begin(), ranges.end(),
                                [&](const AddressRange& range) { return range.last < number; });
}

}  // namespace

AddressRange range_of(const IpPrefix& prefix) {
    AddressNumber first{load(&prefix.address.bytes[0]), 0};
    AddressNumber last{first.high | host_bits(prefix.length), k_ones};
    if (prefix.address.family == IpFamily::v6) {
        first.low = load(&prefix.address.bytes[8]);
        last.low = first.low | host_bits(std::max<unsigned>(prefix.length, 64) - 64);
    } else {
        first.high &= k_ones << 32;
        last.high |= host_bits(32);
    }
    return {first, last};
}

AddressRange range_around(std::span<const ValueRange> words) {
    AddressRange range{{0, 0}, {k_ones, k_ones}};
    for (std::size_t word = 0; word < words.size(); ++word) {
        const unsigned shift = word % 2 == 0 ? 32 : 0;
        const std::uint64_t clear = ~(std::uint64_t{0xffffffff} << shift);
        std::uint64_t& first = word < 2 ? range.first.high : range.first.low;
        std::uint64_t& last = word < 2 ? range.last.high : range.last.low;
        first = (first & clear) | std::uint64_t{words[word].first} << shift;
        last = (last & clear) | std::uint64_t{words[word].last} << shift;
    }
    return range;
}

AddressRanges address_ranges(const std::vector<IpPrefix>& prefixes, IpFamily family) {
    AddressRanges ranges;
    for (const IpPrefix& prefix : prefixes) {
        if (prefix.address.family == family) {
            ranges.push_back(range_of(prefix));
        }
    }
    std::sort(ranges.begin(), ranges.end());
    AddressRanges merged;
    for (const AddressRange& range : ranges) {
        const bool is_joined =
            !merged.empty() && (is_highest(merged.back().last) || range.first <= next(merged.back().last));
        if (is_joined) {
            merged.back().last = std::max(merged.back().last, range.last);
        } else {
            merged.push_back(range);
        }
    }
    return merged;
}

bool meets(const AddressRanges& ranges, const AddressRange& range) {
    const auto found = first_from(ranges, range.first);
    return found != ranges.end() && found->first <= range.last;
}

bool holds(const AddressRanges& ranges, const AddressRange& range) {
    const auto found = first_from(ranges, range.first);
    return found != ranges.end() && found->first <= range.first && range.last <= found->last;
}

std::optional<AddressRange> first_meeting(const AddressRanges& ranges, const AddressRange& range) {
    const auto found = first_from(ranges, range.first);
    if (found == ranges.end() || found->first > range.last) {
        return std::nullopt;
    }
    return AddressRange{std::max(found->first, range.first), std::min(found->last, range.last)};
}

std::size_t count_meeting(const AddressRanges& ranges, const AddressRange& range) {
    const auto begin = first_from(ranges, range.first);
    const auto end =
        std::partition_point(begin, ranges.end(), [&](const AddressRange& other) { return other.first <= range.last; });
    return static_cast<std::size_t>(end - begin);
}

std::uint32_t word_of(const AddressNumber& number, std::size_t word) {
    const std::uint64_t half = word < 2 ? number.high : number.low;
    return static_cast<std::uint32_t>(word % 2 == 0 ? half >> 32 : half);
}

}  // namespace rudder
