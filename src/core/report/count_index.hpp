// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/report/report_json.hpp"

#include <cstdint>
#include <map>

namespace rudder {

/// Looks up what was counted for a rule or target. *Ownership*: keeps a reference to the snapshot.
class CountIndex {
public:
    explicit CountIndex(const Snapshot& snapshot);

    /// Adds `packets`, `bytes` and `failures` ({"no-neighbour": packets}, without zeros). Unknown keys count zero.
    void add_counts(Json& object, const CounterKey& key) const;
    /// The same for target `index` of a rule, what the members of its group sent included. Nothing for the target of a
    /// steer rule: the rule's counter says it all.
    void add_target_counts(Json& object, const Rule& rule, std::size_t index) const;
    [[nodiscard]] CounterValue value(const CounterKey& key) const;

private:
    const Snapshot& snapshot_;
    std::map<std::uint32_t, std::map<std::uint32_t, std::uint64_t>> failures_;  ///< slot -> reason -> packets
};

/// The key of target `index` of a rule.
[[nodiscard]] CounterKey target_key(const Rule& rule, std::size_t index);

}  // namespace rudder
