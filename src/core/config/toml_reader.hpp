// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/config/prescan.hpp"
#include "core/config/syntax.hpp"

namespace rudder {

/// Appends the entries of one chunk (or of a whole file as one chunk) to `root`, as toml++ reads them; false after a
/// syntax error, which is reported with its code and place. *Precondition*: the file passed prescan.
[[nodiscard]] bool read_toml(const SourceFile& file, const Chunk& chunk, ConfigTable& root, Diagnostics& diagnostics);

}  // namespace rudder
