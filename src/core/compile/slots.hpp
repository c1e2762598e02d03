// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/image.hpp"

#include <algorithm>
#include <iterator>
#include <optional>

/// Hands out counter and next-hop slots (invariant I6).
namespace rudder {

/// Gives each key its previous slot, and new keys the lowest slot that neither the previous nor this generation uses.
/// `held` are numbers not to be handed out although nobody owns them. `Map`: from keys to slots.
template <class Map>
class SlotAssignment {
public:
    using Key = typename Map::key_type;

    SlotAssignment(const Map& previous, const std::set<std::uint32_t>& held)
        : previous_(previous) {
        for (const auto& entry : previous) {
            mark(entry.second);
        }
        for (const std::uint32_t slot : held) {
            mark(slot);
        }
    }

    /// So many keys are to come.
    void reserve(std::size_t keys) { assigned_.reserve(keys); }

    std::uint32_t assign(Key key) {
        const auto [assigned, is_new] = assigned_.try_emplace(std::move(key), 0);
        if (is_new) {
            const auto before = previous_slot(assigned->first);
            assigned->second = before ? *before : take_lowest();
            end_ = std::max(end_, assigned->second + 1);
        }
        return assigned->second;
    }

    /// One above the highest slot that this generation uses.
    [[nodiscard]] std::uint32_t end() const { return end_; }
    [[nodiscard]] Map take() { return std::move(assigned_); }

private:
    /// Keys mostly come in the order of the time before.
    std::optional<std::uint32_t> previous_slot(const Key& key) {
        const bool is_expected = expected_ != previous_.end() && expected_->first == key;
        const auto found = is_expected ? expected_ : previous_.find(key);
        if (found == previous_.end()) {
            return std::nullopt;
        }
        expected_ = std::next(found);
        return found->second;
    }

    void mark(std::uint32_t slot) {
        if (slot >= is_taken_.size()) {
            is_taken_.resize(slot + 1, false);
        }
        is_taken_[slot] = true;
    }

    std::uint32_t take_lowest() {
        while (next_ < is_taken_.size() && is_taken_[next_]) {
            ++next_;
        }
        return next_++;
    }

    const Map& previous_;
    typename Map::const_iterator expected_ = previous_.begin();
    Map assigned_;
    std::vector<bool> is_taken_;
    std::uint32_t next_ = 0;
    std::uint32_t end_ = 0;
};

}  // namespace rudder
