// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "random_frame.hpp"

#include "core/base/policy.hpp"

namespace rudder::test {

/// Rules of every type for any device, with groups. Their devices are those of the harness, and some that only the
/// topology of the test knows, or that nobody knows: "down", "small", "tunnel", "narrow" and "gone".
[[nodiscard]] Policy random_rules(Random& random);

}  // namespace rudder::test
