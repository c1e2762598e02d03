// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/net_types.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rudder {

/// Which of many prefixes lie inside which others. Prefixes of different sorts lie beside each other, whatever they
/// are. First all of them are added, then settle() is called, then the questions may be asked.
class PrefixNesting {
public:
    static constexpr std::uint32_t k_none = ~std::uint32_t{0};

    void reserve(std::size_t prefixes) { added_.reserve(prefixes); }
    void add(std::uint32_t sort, const IpPrefix& prefix);
    /// Sorts them: a prefix comes right before all that it contains.
    void settle();

    /// How many different ones there are.
    [[nodiscard]] std::size_t count() const { return around_.size(); }
    /// The number, below count(), of the prefix that was added as the index-th, counted from 0. Equal ones have the
    /// same.
    [[nodiscard]] std::uint32_t number_of(std::size_t index) const { return numbers_[index]; }
    /// The number of the longest other prefix that contains this one; k_none if there is none.
    [[nodiscard]] std::uint32_t around(std::uint32_t number) const { return around_[number]; }

private:
    struct Added {
        std::uint64_t upper = 0;  ///< halves of the address as numbers
        std::uint64_t lower = 0;
        std::uint32_t sort = 0;
        std::uint32_t index = 0;
        IpFamily family = IpFamily::v4;
        std::uint8_t length = 0;
    };

    [[nodiscard]] static bool contains(const Added& outer, const Added& inner);

    std::vector<Added> added_;
    std::vector<std::uint32_t> numbers_;  ///< [index]
    std::vector<std::uint32_t> around_;   ///< [number]
};

}  // namespace rudder
