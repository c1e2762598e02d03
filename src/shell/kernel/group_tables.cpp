// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/group_tables.hpp"

#include <rudder_abi.h>

#include <cstddef>
#include <utility>
#include <vector>

namespace rudder {

Result<GroupTables> GroupTables::map(int map_fd, std::uint32_t slots) {
    Result<ArrayMapping> tables = ArrayMapping::map(map_fd, sizeof(rudder_group_table), slots);
    if (!tables) {
        return tables.error().within("group tables");
    }
    return GroupTables(std::move(tables).value());
}

Status GroupTables::write(std::uint32_t slot, const GroupEntry& entry) {
    const Result<char*> place = tables_.entry(slot);
    if (!place) {
        return place.error().within("write a group's table");
    }
    const std::vector<std::uint16_t> wanted = group_table(entry);
    auto* present = reinterpret_cast<rudder_group_table*>(*place)->member;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        __atomic_store_n(present + i, wanted[i], __ATOMIC_RELEASE);
    }
    return {};
}

}  // namespace rudder
