// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/group_tables.hpp"

#include "shell/os/os_error.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace rudder {
namespace {

std::size_t mapped_bytes(std::uint32_t slots) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    return (slots * sizeof(rudder_group_table) + page - 1) / page * page;
}

}  // namespace

Result<GroupTables> GroupTables::map(int map_fd, std::uint32_t slots) {
    void* address = mmap(nullptr, mapped_bytes(slots), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    if (address == MAP_FAILED) {
        return os_error("map the group tables", errno);
    }
    return GroupTables(static_cast<rudder_group_table*>(address), slots);
}

GroupTables::GroupTables(GroupTables&& other) noexcept
    : tables_(std::exchange(other.tables_, nullptr)), slots_(other.slots_) {}

GroupTables& GroupTables::operator=(GroupTables&& other) noexcept {
    std::swap(tables_, other.tables_);
    std::swap(slots_, other.slots_);
    return *this;
}

GroupTables::~GroupTables() {
    if (tables_ != nullptr) {
        munmap(tables_, mapped_bytes(slots_));
    }
}

Status GroupTables::write(std::uint32_t slot, const GroupEntry& entry) {
    if (slot >= slots_) {
        return Error{"write group slot " + std::to_string(slot) + ": there are " + std::to_string(slots_), ERANGE};
    }
    const std::vector<std::uint16_t> wanted = group_table(entry);
    std::uint16_t* present = tables_[slot].member;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        __atomic_store_n(present + i, wanted[i], __ATOMIC_RELEASE);
    }
    return {};
}

}  // namespace rudder
