// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/compile/image.hpp"

#include <rudder_abi.h>

#include <cstddef>
#include <cstdint>

namespace rudder {

/// The next-hop table of rudder_abi.h, mapped into this process and read by packets at the same time.
/// *Ownership*: the mapping; the map's descriptor stays with the caller.
class NextHopTable {
public:
    /// Maps `entries` slots of the map behind `map_fd`. *Errors*: the kernel cannot map arrays (before 5.5), ENOMEM.
    static Result<NextHopTable> map(int map_fd, std::uint32_t entries);

    NextHopTable(NextHopTable&& other) noexcept;
    NextHopTable& operator=(NextHopTable&& other) noexcept;
    NextHopTable(const NextHopTable&) = delete;
    NextHopTable& operator=(const NextHopTable&) = delete;
    ~NextHopTable();

    /// Writes one slot; no system call. *Errors*: no such slot (ERANGE).
    Status write(std::uint32_t slot, const NextHopEntry& entry);

private:
    NextHopTable(rudder_next_hop* slots, std::uint32_t entries) : slots_(slots), entries_(entries) {}

    rudder_next_hop* slots_ = nullptr;
    std::uint32_t entries_ = 0;
};

/// The entry in the layout of the table. *Byte order*: MACs and gateway network, the rest host.
[[nodiscard]] rudder_next_hop next_hop_layout(const NextHopEntry& entry);

}  // namespace rudder
