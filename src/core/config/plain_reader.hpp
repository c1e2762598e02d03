// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/config/prescan.hpp"
#include "core/config/syntax.hpp"

namespace rudder {

/// Reads the part of TOML that nearly all rules are written in: a `[[name]]` header and headers below it, bare keys,
/// strings without escapes, decimal integers, booleans, lists and inline tables of these. Appends the entries of the
/// chunk to `root` as read_toml would, with the same places, an order of magnitude faster; or returns false and
/// leaves `root` alone: the chunk holds something else, mistakes included, which is left to read_toml.
/// *Precondition*: the file passed prescan.
[[nodiscard]] bool read_plain(const SourceFile& file, const Chunk& chunk, ConfigTable& root);

}  // namespace rudder
