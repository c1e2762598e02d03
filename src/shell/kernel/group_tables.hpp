// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/compile/group_table.hpp"
#include "shell/kernel/array_mapping.hpp"

#include <cstdint>
#include <utility>

namespace rudder {

/// The group tables of rudder_abi.h, mapped into this process and read by packets at the same time.
/// *Ownership*: the mapping; the map's descriptor stays with the caller, who keeps it open.
class GroupTables {
public:
    /// `slots` tables in the map behind `map_fd`. *Errors*: the kernel cannot map arrays (before 5.5), ENOMEM.
    static Result<GroupTables> map(int map_fd, std::uint32_t slots);

    /// Fills one table, each entry in one store. *Errors*: no such slot (ERANGE); ENOMEM for the first write to some slots.
    Status write(std::uint32_t slot, const GroupEntry& entry);

private:
    explicit GroupTables(ArrayMapping tables) : tables_(std::move(tables)) {}

    ArrayMapping tables_;
};

}  // namespace rudder
