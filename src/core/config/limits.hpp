// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace rudder {

/// Bounds on what a set of files may contain, so that no input can exhaust the daemon. May be configured down.
/// *Units*: as the names say; nesting counts `[` and `{` that are open at one place, the brackets of headers included.
struct Limits {
    std::size_t files = 1024;
    std::size_t file_bytes = std::size_t{16} << 20;
    std::size_t set_bytes = std::size_t{64} << 20;
    std::size_t rules = 200'000;
    std::size_t targets = 64;
    std::size_t groups = 1024;   ///< RUDDER_GROUP_SLOTS: what a reload needs besides is refused when it is compiled
    std::size_t members = 64;    ///< RUDDER_MAX_MEMBERS
    std::size_t probes = 4096;   ///< members of groups with [group.health]: each may hold a socket
    std::size_t probes_per_second = 5000;
    std::size_t line_bytes = std::size_t{1} << 20;
    std::size_t nesting = 16;
    std::size_t key_segments = 8;
    std::size_t document_dots = 50'000;    ///< of dotted keys and headers between two [[table]] headers
    std::size_t list_entries = 4'000'000;  ///< prefixes and port ranges of all rules, named sets expanded
    std::size_t joins = 16'384;            ///< multicast groups times their sources of all rules with `join`
    std::size_t errors = 1000;             ///< reading stops after that many
    std::size_t warnings = 1000;           ///< more are counted, not kept: they reject nothing
};

}  // namespace rudder
