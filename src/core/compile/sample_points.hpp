// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/boxes.hpp"

#include "rudder_classifier.h"

#include <array>
#include <cstdint>
#include <vector>

/// Packets to try ways of classification on.
namespace rudder {

/// A packet, as the look-up sees it and as values of the dimensions.
struct SamplePoint {
    std::array<std::uint32_t, k_max_dimensions> values{};
    rudder_key key{};
};

/// Points in up to some hundreds of the boxes, and the same to other destinations. Deterministic.
[[nodiscard]] std::vector<SamplePoint> sample_points(const BoxSet& set);

/// Does a packet there match for sure? It lies in the box, and the box asks for nothing that is no dimension and excludes nothing.
[[nodiscard]] bool is_match(const BoxSet& set, std::uint32_t box, const SamplePoint& point);

}  // namespace rudder
