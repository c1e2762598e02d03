// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

/// Phrases that more than one message uses.
namespace rudder {

/// "1 rule", "2 rules".
[[nodiscard]] inline std::string counted(std::size_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

[[nodiscard]] inline std::string counted(std::size_t count, std::string_view noun, std::string_view plural) {
    return fmt::format("{} {}", count, count == 1 ? noun : plural);
}

/// After something was refused; generation 0 is none.
[[nodiscard]] inline std::string what_stays(std::uint64_t generation) {
    return generation == 0 ? "nothing is active" : fmt::format("generation {} stays active", generation);
}

}  // namespace rudder
