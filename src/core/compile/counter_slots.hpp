// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/hash_index.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rudder {

/// Name of a counter: a rule (target -1), one of its targets, or a member of that target's group.
struct CounterKey {
    std::string rule;
    std::int32_t target = -1;
    std::uint64_t member = 0;  ///< member_identity()
    friend auto operator<=>(const CounterKey&, const CounterKey&) = default;
};

/// Who owns which slot: a map that only grows, with its entries side by side in the order in which they came. There is
/// one for each rule, and each load asks for all of them.
class CounterSlots {
public:
    using key_type = CounterKey;
    using value_type = std::pair<CounterKey, std::uint32_t>;
    using const_iterator = std::vector<value_type>::const_iterator;

    CounterSlots() = default;
    CounterSlots(std::initializer_list<value_type> entries);

    [[nodiscard]] const_iterator begin() const { return entries_.begin(); }
    [[nodiscard]] const_iterator end() const { return entries_.end(); }
    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    [[nodiscard]] bool empty() const { return entries_.empty(); }

    [[nodiscard]] const_iterator find(const CounterKey& key) const;
    [[nodiscard]] bool contains(const CounterKey& key) const { return find(key) != end(); }
    /// *Errors*: a bug if the key is not there.
    [[nodiscard]] std::uint32_t at(const CounterKey& key) const;

    void reserve(std::size_t entries);
    /// The entry of the key and whether it is new; `slot` is for a new one. Valid until the next one is added.
    std::pair<std::vector<value_type>::iterator, bool> try_emplace(CounterKey key, std::uint32_t slot);

    /// The same slots for the same keys, whenever they came.
    friend bool operator==(const CounterSlots& a, const CounterSlots& b);

private:
    [[nodiscard]] std::uint32_t place_of(const CounterKey& key, std::size_t hash) const;

    std::vector<value_type> entries_;
    HashIndex index_;
};

}  // namespace rudder
