// SPDX-License-Identifier: Apache-2.0
#include "core/compile/counter_slots.hpp"

#include <algorithm>
#include <cassert>

namespace rudder {
namespace {

std::size_t hash_of(const CounterKey& key) {
    return std::hash<std::string_view>()(key.rule) + static_cast<std::size_t>(key.target) +
           static_cast<std::size_t>(key.member);
}

}  // namespace

CounterSlots::CounterSlots(std::initializer_list<value_type> entries) {
    for (const auto& [key, slot] : entries) {
        try_emplace(key, slot);
    }
}

CounterSlots::const_iterator CounterSlots::find(const CounterKey& key) const {
    const std::uint32_t place = place_of(key, hash_of(key));
    return place == HashIndex::k_none ? end() : begin() + place;
}

std::uint32_t CounterSlots::at(const CounterKey& key) const {
    const auto found = find(key);
    assert(found != end());
    return found->second;
}

void CounterSlots::reserve(std::size_t entries) {
    entries_.reserve(entries);
    index_.reserve(entries);
}

std::pair<std::vector<CounterSlots::value_type>::iterator, bool> CounterSlots::try_emplace(CounterKey key,
                                                                                           std::uint32_t slot) {
    const std::size_t hash = hash_of(key);
    const std::uint32_t known = place_of(key, hash);
    if (known != HashIndex::k_none) {
        return {entries_.begin() + known, false};
    }
    index_.add(hash, static_cast<std::uint32_t>(entries_.size()));
    entries_.emplace_back(std::move(key), slot);
    return {entries_.end() - 1, true};
}

std::uint32_t CounterSlots::place_of(const CounterKey& key, std::size_t hash) const {
    return index_.find(hash, [&](std::uint32_t place) { return entries_[place].first == key; });
}

bool operator==(const CounterSlots& a, const CounterSlots& b) {
    return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&b](const auto& entry) {
               const auto found = b.find(entry.first);
               return found != b.end() && found->second == entry.second;
           });
}

}  // namespace rudder
