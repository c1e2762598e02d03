// SPDX-License-Identifier: Apache-2.0
#include "core/compile/own_addresses.hpp"

#include "rudder_own_source.h"

#include <catch2/catch.hpp>

#include <bit>
#include <cstring>
#include <random>
#include <set>

using namespace rudder;

namespace {

using Random = std::mt19937;

/// Addresses of one network, as hosts have them, or of anywhere.
IpAddress some_address(Random& random, bool is_near) {
    IpAddress result;
    result.family = random() % 2 == 0 ? IpFamily::v4 : IpFamily::v6;
    const std::size_t bytes = result.family == IpFamily::v4 ? 4 : 16;
    const std::size_t fixed = is_near ? bytes - 2 : 0;
    for (std::size_t i = 0; i < bytes; i++) {
        result.bytes[i] = i < fixed ? static_cast<std::uint8_t>(10 + i) : static_cast<std::uint8_t>(random());
    }
    return result;
}

Topology host_with(const std::set<IpAddress>& addresses) {
    Topology topology;
    Link& link = topology.links[7];
    for (const IpAddress& address : addresses) {
        LinkAddress own;
        own.address = address;
        link.addresses.push_back(own);
    }
    return topology;
}

struct Table {
    rudder_blob_header header{};
    std::vector<std::uint8_t> blob;
};

Table table_of(const std::set<IpAddress>& addresses) {
    Table result;
    BlobWriter writer;
    writer.reserve<rudder_blob_header>(1);
    REQUIRE(write_own_addresses(writer, host_with(addresses), result.header));
    writer.put(0, result.header);
    result.blob = writer.take();
    return result;
}

rudder_packet from(const IpAddress& source) {
    rudder_packet packet{};
    packet.family = source.family == IpFamily::v4 ? 4 : 6;
    std::memset(packet.src_be, 0xa5, sizeof(packet.src_be));  // words of the other family are as they were
    std::memcpy(packet.src_be, source.bytes.data(), source.family == IpFamily::v4 ? 4 : 16);
    return packet;
}

bool is_own(const Table& table, const IpAddress& source) {
    const rudder_packet packet = from(source);
    return rudder_may_be_own(&table.header, &packet) &&
           rudder_has_own_source(reinterpret_cast<const char*>(table.blob.data()), static_cast<__u32>(table.blob.size()), &packet);
}

}  // namespace

TEST_CASE("own sources are those of the set, whatever its size") {
    Random random(20);
    for (const std::size_t size : {0u, 1u, 2u, 5u, 20u, 64u, 300u, 5000u}) {
        std::set<IpAddress> own;
        while (own.size() < size) {
            own.insert(some_address(random, random() % 4 != 0));
        }
        const Table table = table_of(own);
        INFO(size << " addresses in " << table.blob.size() << " bytes");
        std::size_t wrong = 0;
        for (const IpAddress& address : own) {
            wrong += is_own(table, address) ? 0 : 1;
        }
        for (int i = 0; i < 50000; i++) {
            const IpAddress source = some_address(random, i % 4 != 0);
            wrong += is_own(table, source) != own.contains(source) ? 1 : 0;
        }
        CHECK(wrong == 0);
    }
}

TEST_CASE("a host of few addresses looks most packets up in the header alone") {
    Random random(21);
    std::set<IpAddress> own;
    while (own.size() < 8) {
        own.insert(some_address(random, true));
    }
    const Table table = table_of(own);
    int asked = 0;
    for (int i = 0; i < 100000; i++) {
        const rudder_packet packet = from(some_address(random, i % 2 == 0));
        asked += rudder_may_be_own(&table.header, &packet);
    }
    CHECK(asked < 100000 / 5);
}

TEST_CASE("an IPv4 address is not the IPv6 address with the same bytes") {
    IpAddress v4;
    v4.bytes = {10, 1, 2, 3};
    IpAddress v6 = v4;
    v6.family = IpFamily::v6;
    CHECK(is_own(table_of({v4}), v4));
    CHECK_FALSE(is_own(table_of({v4}), v6));
    CHECK(is_own(table_of({v6}), v6));
    CHECK_FALSE(is_own(table_of({v6}), v4));
}

TEST_CASE("the unspecified address is never own") {
    IpAddress unspecified;
    unspecified.family = IpFamily::v6;
    Random random(22);
    for (int i = 0; i < 300; i++) {
        std::set<IpAddress> own;
        while (own.size() < 20) {
            own.insert(some_address(random, false));
        }
        REQUIRE_FALSE(is_own(table_of(own), unspecified));
    }
}

TEST_CASE("the table of a whole network stays small") {
    std::set<IpAddress> v4, v6;
    for (unsigned host = 1; host < 255; host++) {
        IpAddress address;
        address.bytes = {192, 0, 2, static_cast<std::uint8_t>(host)};
        v4.insert(address);
        address.family = IpFamily::v6;
        address.bytes = {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(host)};
        v6.insert(address);
    }
    CHECK(table_of(v4).header.own_mask < 1024);
    CHECK(table_of(v6).header.own_mask < 1024);
}

TEST_CASE("addresses of a link alone and tentative ones are not own") {
    IpAddress address;
    address.bytes = {10, 1, 2, 3};
    Topology topology = host_with({address});
    LinkAddress& own = topology.links[7].addresses.front();
    const auto count = [&] {
        BlobWriter writer;
        rudder_blob_header header{};
        REQUIRE(write_own_addresses(writer, topology, header));
        return std::popcount(header.own_v4);
    };
    CHECK(count() == 1);
    own.is_tentative = true;
    CHECK(count() == 0);
    own.is_tentative = false;
    own.scope = AddressScope::link;
    CHECK(count() == 0);
}

TEST_CASE("a table that refers outside the blob has nobody in it") {
    IpAddress v4;
    v4.bytes = {10, 1, 2, 3};
    Table table = table_of({v4});
    table.header.own_offset = 0xfffffff0;
    std::memcpy(table.blob.data(), &table.header, sizeof(table.header));
    CHECK_FALSE(is_own(table, v4));
}
