// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/compile/image.hpp"
#include "shell/kernel/array_mapping.hpp"

#include <rudder_abi.h>

#include <cstdint>
#include <utility>

namespace rudder {

/// The next-hop table of rudder_abi.h, mapped into this process and read by packets at the same time.
/// *Ownership*: the mapping; the map's descriptor stays with the caller, who keeps it open.
class NextHopTable {
public:
    /// A table of `entries` slots in the map behind `map_fd`. *Errors*: the kernel cannot map arrays (before 5.5), ENOMEM.
    static Result<NextHopTable> map(int map_fd, std::uint32_t entries);

    /// Writes one slot. *Errors*: no such slot (ERANGE); ENOMEM for the first write to a part of the table.
    Status write(std::uint32_t slot, const NextHopEntry& entry);

private:
    explicit NextHopTable(ArrayMapping slots) : slots_(std::move(slots)) {}

    ArrayMapping slots_;
};

/// The entry in the layout of the table. *Byte order*: MACs and gateway network, the rest host.
[[nodiscard]] rudder_next_hop next_hop_layout(const NextHopEntry& entry);

}  // namespace rudder
