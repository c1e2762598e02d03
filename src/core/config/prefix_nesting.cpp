// SPDX-License-Identifier: Apache-2.0
#include "core/config/prefix_nesting.hpp"

#include <algorithm>
#include <tuple>

namespace rudder {
namespace {

std::uint64_t half_of(const IpAddress& address, std::size_t first) {
    std::uint64_t half = 0;
    for (std::size_t i = first; i < first + 8; ++i) half = half << 8 | address.bytes[i];
    return half;
}

/// The upper bits of a half.
std::uint64_t mask(int length) {
    if (length <= 0) return 0;
    return length >= 64 ? ~std::uint64_t{0} : ~(~std::uint64_t{0} >> length);
}

}  // namespace

void PrefixNesting::add(std::uint32_t sort, const IpPrefix& prefix) {
    const auto index = static_cast<std::uint32_t>(added_.size());
    added_.push_back(
        {half_of(prefix.address, 0), half_of(prefix.address, 8), sort, index, prefix.address.family, prefix.length});
}

bool PrefixNesting::contains(const Added& outer, const Added& inner) {
    return outer.sort == inner.sort && outer.family == inner.family && outer.length <= inner.length &&
           ((outer.upper ^ inner.upper) & mask(outer.length)) == 0 &&
           ((outer.lower ^ inner.lower) & mask(outer.length - 64)) == 0;
}

void PrefixNesting::settle() {
    const auto key = [](const Added& prefix) {
        return std::tie(prefix.sort, prefix.family, prefix.upper, prefix.lower, prefix.length);
    };
    std::sort(added_.begin(), added_.end(), [&](const Added& a, const Added& b) { return key(a) < key(b); });
    numbers_.resize(added_.size());
    std::vector<const Added*> open;  // those that contain the present one, from outside to inside
    for (const Added& prefix : added_) {
        while (!open.empty() && !contains(*open.back(), prefix)) open.pop_back();
        const std::uint32_t outer = open.empty() ? k_none : numbers_[open.back()->index];
        if (outer != k_none && key(*open.back()) == key(prefix)) {
            numbers_[prefix.index] = outer;
            continue;
        }
        numbers_[prefix.index] = static_cast<std::uint32_t>(around_.size());
        around_.push_back(outer);
        open.push_back(&prefix);
    }
    added_ = {};
}

}  // namespace rudder
