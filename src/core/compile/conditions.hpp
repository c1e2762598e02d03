// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/compile/statement.hpp"

#include <compare>
#include <cstdint>
#include <vector>

/// The conditions of a rule that no lane of a leaf entry compares: they stand in a rudder_conditions of the blob.
namespace rudder {

struct Conditions {
    std::vector<ValueRange> vlans;  ///< of rudder_vlan_of(); empty: any

    friend auto operator<=>(const Conditions&, const Conditions&) = default;
    [[nodiscard]] bool is_empty() const { return vlans.empty(); }
};

/// The conditions of a match with one piece of its statement.
[[nodiscard]] Conditions conditions_of(const Match& match, const Statement& piece);

}  // namespace rudder
