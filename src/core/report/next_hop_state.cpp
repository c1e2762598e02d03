// SPDX-License-Identifier: Apache-2.0
#include "core/report/next_hop_state.hpp"

#include "rudder_abi.h"

#include <array>
#include <string_view>

namespace rudder {
namespace {

struct FlagName {
    std::uint16_t flag;
    std::string_view name;
};

constexpr std::array k_flag_names = {
    FlagName{RUDDER_NH_LINK_UP, "link-up"},         FlagName{RUDDER_NH_MAC_VALID, "mac-valid"},
    FlagName{RUDDER_NH_LAYER3, "layer3"},           FlagName{RUDDER_NH_GATEWAY4, "gateway4"},
    FlagName{RUDDER_NH_GATEWAY6, "gateway6"},       FlagName{RUDDER_NH_BY_PACKET, "by-packet"},
    FlagName{RUDDER_NH_UNREACHABLE, "unreachable"}, FlagName{RUDDER_NH_FAILED, "failed"},
};

}  // namespace

std::string next_hop_state(const NextHopEntry& entry) {
    const auto has = [&entry](unsigned flag) { return (entry.flags & flag) != 0; };
    if (!has(RUDDER_NH_LINK_UP)) return "link-down";
    if (has(RUDDER_NH_UNREACHABLE)) return "no-route";
    if (has(RUDDER_NH_LAYER3) || has(RUDDER_NH_MAC_VALID)) return "up";
    return has(RUDDER_NH_BY_PACKET) ? "by-packet" : "no-neighbour";
}

std::vector<std::string> next_hop_flag_names(std::uint16_t flags) {
    std::vector<std::string> names;
    for (const FlagName& entry : k_flag_names) {
        if ((flags & entry.flag) != 0) names.emplace_back(entry.name);
    }
    return names;
}

}  // namespace rudder
