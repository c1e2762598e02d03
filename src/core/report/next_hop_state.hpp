// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/report/report_json.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace rudder {

/// "up", "link-down", "no-route", "no-neighbour", or "by-packet" when the kernel resolves each packet's own
/// destination.
[[nodiscard]] std::string next_hop_state(const NextHopEntry& entry);

/// The RUDDER_NH_* bits as words: "link-up", "mac-valid", ...
[[nodiscard]] std::vector<std::string> next_hop_flag_names(std::uint16_t flags);

}  // namespace rudder
