// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace rudder {

/// Finds the entries of a list by their hashes. The list belongs to the caller, who knows when two entries are equal;
/// here are places in it alone, eight bytes each, side by side: a look-up touches one line of memory and nothing is
/// allocated for an entry. There is no order to walk it in, so that nothing can depend on one.
class HashIndex {
public:
    static constexpr std::uint32_t k_none = ~std::uint32_t{0};

    /// So many entries are to come.
    void reserve(std::size_t entries) {
        if (entries * 2 > places_.size()) resize(std::bit_ceil(entries * 2));
    }

    /// The place that was added with this hash and for which is_equal(place) is true; k_none if there is none.
    template <class IsEqual>
    [[nodiscard]] std::uint32_t find(std::size_t hash, IsEqual is_equal) const {
        if (places_.empty()) return k_none;
        const std::uint32_t tag = tag_of(hash);
        for (std::size_t at = first(tag); places_[at].index != k_none; at = next(at)) {
            if (places_[at].tag == tag && is_equal(places_[at].index)) return places_[at].index;
        }
        return k_none;
    }

    /// `index` is not k_none.
    void add(std::size_t hash, std::uint32_t index) {
        reserve(++size_);
        put({tag_of(hash), index});
    }

private:
    struct Place {
        std::uint32_t tag = 0;
        std::uint32_t index = k_none;
    };

    /// Also of hashes whose lower or upper bits alone differ.
    static std::uint32_t tag_of(std::size_t hash) {
        return static_cast<std::uint32_t>((std::uint64_t{hash} * 0x9e3779b97f4a7c15U) >> 32);
    }
    [[nodiscard]] std::size_t first(std::uint32_t tag) const { return tag & (places_.size() - 1); }
    [[nodiscard]] std::size_t next(std::size_t at) const { return (at + 1) & (places_.size() - 1); }

    void put(const Place& place) {
        std::size_t at = first(place.tag);
        while (places_[at].index != k_none) at = next(at);
        places_[at] = place;
    }

    void resize(std::size_t places) {
        const std::vector<Place> before = std::exchange(places_, std::vector<Place>(places));
        for (const Place& place : before) {
            if (place.index != k_none) put(place);
        }
    }

    std::vector<Place> places_;  ///< a power of two, at most half of them taken
    std::size_t size_ = 0;
};

}  // namespace rudder
