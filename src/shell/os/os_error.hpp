// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"

#include <string>

namespace rudder {

/// "operation: Permission denied" from an errno of either sign (sd-* calls return it negative).
[[nodiscard]] Error os_error(const std::string& operation, int code);
/// Text of an errno, locale-free.
[[nodiscard]] std::string errno_text(int code);

}  // namespace rudder
