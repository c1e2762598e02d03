// SPDX-License-Identifier: Apache-2.0
#include "core/compile/conditions.hpp"

namespace rudder {
namespace {

/// The lane RUDDER_LANE_TAGGED says it all: no packet in a VLAN, or all.
bool is_tag_enough(const VlanMatch& vlan) {
    return vlan.ids.empty() || vlan.ids == k_vlan_any.ids;
}

}  // namespace

Conditions conditions_of(const Match& match, const Statement& piece) {
    Conditions conditions;
    const auto* vlans = find_ranges(piece, Field::vlan);
    if (vlans != nullptr && !is_tag_enough(match.vlan)) {
        conditions.vlans = *vlans;
    }
    return conditions;
}

}  // namespace rudder
