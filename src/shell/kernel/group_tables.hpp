// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/compile/group_table.hpp"

#include <rudder_abi.h>

#include <cstdint>

namespace rudder {

/// The group tables of rudder_abi.h, mapped into this process and read by packets at the same time.
/// *Ownership*: the mapping; the map's descriptor stays with the caller.
class GroupTables {
public:
    /// Maps `slots` tables of the map behind `map_fd`. *Errors*: the kernel cannot map arrays (before 5.5), ENOMEM.
    static Result<GroupTables> map(int map_fd, std::uint32_t slots);

    GroupTables(GroupTables&& other) noexcept;
    GroupTables& operator=(GroupTables&& other) noexcept;
    GroupTables(const GroupTables&) = delete;
    GroupTables& operator=(const GroupTables&) = delete;
    ~GroupTables();

    /// Fills one table, each entry in one store; no system call. *Errors*: no such slot (ERANGE).
    Status write(std::uint32_t slot, const GroupEntry& entry);

private:
    GroupTables(rudder_group_table* tables, std::uint32_t slots) : tables_(tables), slots_(slots) {}

    rudder_group_table* tables_ = nullptr;
    std::uint32_t slots_ = 0;
};

}  // namespace rudder
