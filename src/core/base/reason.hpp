// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace rudder {

/// Stable word for a reason of rudder_abi.h ("no-neighbour"), for reports, metrics and man pages.
[[nodiscard]] std::string_view reason_name(std::uint32_t reason);
/// One sentence for the operator.
[[nodiscard]] std::string_view reason_text(std::uint32_t reason);

}  // namespace rudder
