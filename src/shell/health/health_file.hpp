// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"

#include <string>
#include <string_view>

/// The file in the runtime directory by which one daemon tells the next what it knew of the members.
namespace rudder {

/// *Errors*: errno; none, and empty, if there is no such file.
[[nodiscard]] Result<std::string> read_health_file(const std::string& path);

/// A reader finds the old text or the new one, whole. *Errors*: errno; the old file is still there then.
[[nodiscard]] Status write_health_file(const std::string& path, std::string_view text);

}  // namespace rudder
