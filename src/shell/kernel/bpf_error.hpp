// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"

#include <string>

namespace rudder {

/// "operation: Operation not permitted". *Units*: `code` is an errno of either sign (libbpf returns it negative).
[[nodiscard]] Error errno_error(const std::string& operation, int code);

}  // namespace rudder
