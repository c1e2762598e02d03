// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/array_mapping.hpp"

#include "shell/kernel/group_tables.hpp"
#include "shell/kernel/next_hop_table.hpp"
#include "shell/os/unique_fd.hpp"

#include <rudder_abi.h>

#include <catch2/catch.hpp>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

namespace rudder {
namespace {

UniqueFd memory(std::size_t bytes) {
    UniqueFd file(memfd_create("array", MFD_CLOEXEC));
    REQUIRE(ftruncate(file.get(), static_cast<off_t>(bytes)) == 0);
    return file;
}

template <class Record>
Record record_in(const UniqueFd& file, std::size_t index) {
    Record record;
    REQUIRE(pread(file.get(), &record, sizeof(record), static_cast<off_t>(index * sizeof(record))) == sizeof(record));
    return record;
}

/// Bytes of "array" that this process has mapped.
std::size_t mapped_bytes() {
    std::ifstream maps("/proc/self/maps");
    std::size_t bytes = 0;
    for (std::string line; std::getline(maps, line);) {
        if (line.find("memfd:array") != std::string::npos) {
            const std::size_t dash = line.find('-');
            bytes += std::stoull(line.substr(dash + 1), nullptr, 16) - std::stoull(line.substr(0, dash), nullptr, 16);
        }
    }
    return bytes;
}

}  // namespace

TEST_CASE("a window begins at any byte") {
    const UniqueFd file = memory(3 * 65536);
    const Result<MapWindow> written = MapWindow::map(file.get(), 65540, 70000, MapAccess::write);
    REQUIRE(written.is_ok());
    std::memset(written->data(), 1, 70000);
    const Result<MapWindow> read = MapWindow::map(file.get(), 65539, 70002, MapAccess::read);
    REQUIRE(read.is_ok());
    CHECK(read->data()[0] == 0);
    CHECK(read->data()[1] == 1);
    CHECK(read->data()[70000] == 1);
    CHECK(read->data()[70001] == 0);
}

TEST_CASE("an array is mapped as far as it is written") {
    const UniqueFd file = memory(65536 * sizeof(rudder_next_hop));
    {
        Result<NextHopTable> table = NextHopTable::map(file.get(), 65536);
        REQUIRE(table.is_ok());
        NextHopEntry entry;
        for (const std::uint32_t slot : {0U, 1U, 1023U, 1024U, 65535U, 1U}) {
            entry.ifindex = slot + 1;
            REQUIRE(table->write(slot, entry));
            CHECK(record_in<rudder_next_hop>(file, slot).ifindex == slot + 1);
        }
        CHECK(record_in<rudder_next_hop>(file, 2).ifindex == 0);
        CHECK(mapped_bytes() <= std::size_t{3} * 65536);
        CHECK(table->write(65536, entry).error().code == ERANGE);
    }
    CHECK(mapped_bytes() == 0);
}

TEST_CASE("a group's table lies at its slot") {
    const UniqueFd file = memory(20 * sizeof(rudder_group_table));
    Result<GroupTables> tables = GroupTables::map(file.get(), 20);
    REQUIRE(tables.is_ok());
    for (const std::uint32_t slot : {0U, 9U, 19U}) {
        REQUIRE(tables->write(slot, GroupEntry{}));  // no member: RUDDER_NO_MEMBER everywhere
        const auto table = record_in<rudder_group_table>(file, slot);
        CHECK(table.member[0] == RUDDER_NO_MEMBER);
        CHECK(table.member[RUDDER_GROUP_ENTRIES - 1] == RUDDER_NO_MEMBER);
        CHECK(table.reserved[0] == 0);
    }
    CHECK(record_in<rudder_group_table>(file, 10).member[0] == 0);
    CHECK(tables->write(20, GroupEntry{}).error().code == ERANGE);
}

TEST_CASE("an array that cannot be mapped is refused at once") {
    CHECK_FALSE(NextHopTable::map(-1, 1));
    CHECK_FALSE(GroupTables::map(-1, 1));
}

}  // namespace rudder
