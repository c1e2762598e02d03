// SPDX-License-Identifier: Apache-2.0
#include "core/compile/image.hpp"

namespace rudder {

const std::vector<Tier>& tiers() {
    static const std::vector<Tier> all = {
        {256u << 10, 1u << 12},   // 1,000 steer rules with room to spare: their first load is no change of tier
        {(3u << 20) / 2, 1u << 14},  // 10,000
        {(4u << 20) - (64u << 10), 1u << 16},  // below 4 MiB with the map's own header
        {8u << 20, 1u << 17},   // 100,000
        {16u << 20, 1u << 18},
        {64u << 20, 1u << 20},  // 200,000 steer rules with a target each, twice: all renamed in one reload
    };
    return all;
}

}  // namespace rudder
