// SPDX-License-Identifier: Apache-2.0
#include "core/compile/own_addresses.hpp"

#include "rudder_own_source.h"

#include <bit>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace rudder {
namespace {

constexpr std::size_t k_max_entries = std::size_t{1} << 17;

struct OwnAddress {
    rudder_own_address key{};
    std::uint32_t hash = 0;
    std::uint64_t bit = 0;
};

OwnAddress own_address(const IpAddress& address) {
    const std::uint32_t family = address.family == IpFamily::v4 ? 4 : 6;
    std::uint32_t words[4];
    std::memcpy(words, address.bytes.data(), sizeof(words));
    OwnAddress result;
    rudder_own_key(&result.key, words, family);
    result.hash = rudder_own_hash(words, family);
    result.bit = rudder_own_bit(words, family);
    return result;
}

/// Link-local ones belong to their link alone and are special anyway; a tentative one may be somebody else's.
bool is_own(const LinkAddress& candidate) {
    return candidate.scope != AddressScope::link && !candidate.is_tentative;
}

std::set<IpAddress> own_addresses(const Topology& topology) {
    std::set<IpAddress> result;
    for (const auto& [ifindex, link] : topology.links) {
        for (const LinkAddress& candidate : link.addresses) {
            if (is_own(candidate)) {
                result.insert(candidate.address);
            }
        }
    }
    return result;
}

bool is_empty(const rudder_own_address& place) {
    return (place.address_be[0] | place.address_be[1] | place.address_be[2] | place.address_be[3]) == 0;
}

/// The table with `size` entries; empty if some address would lie too far from its place.
std::optional<std::vector<rudder_own_address>> hash_addresses(const std::vector<OwnAddress>& addresses, std::size_t size) {
    std::vector<rudder_own_address> table(size);
    for (const OwnAddress& own : addresses) {
        std::size_t probe = 0;
        while (probe < RUDDER_OWN_PROBES && !is_empty(table[(own.hash + probe) & (size - 1)])) {
            ++probe;
        }
        if (probe == RUDDER_OWN_PROBES) {
            return std::nullopt;
        }
        table[(own.hash + probe) & (size - 1)] = own.key;
    }
    return table;
}

}  // namespace

Status write_own_addresses(BlobWriter& blob, const Topology& topology, rudder_blob_header& header) {
    std::vector<OwnAddress> addresses;
    for (const IpAddress& address : own_addresses(topology)) {
        addresses.push_back(own_address(address));
        (address.family == IpFamily::v4 ? header.own_v4 : header.own_v6) |= addresses.back().bit;
    }
    std::size_t size = std::bit_ceil(2 * addresses.size() + 1);
    auto table = hash_addresses(addresses, size);
    while (!table && size < k_max_entries) {
        size *= 2;
        table = hash_addresses(addresses, size);
    }
    if (!table) {
        return Error{"the " + std::to_string(addresses.size()) + " addresses of this host do not fit their table"};
    }
    header.own_offset = static_cast<std::uint32_t>(blob.align(16));
    header.own_mask = static_cast<std::uint32_t>(size - 1);
    for (const rudder_own_address& place : *table) {
        blob.append(place);
    }
    return {};
}

}  // namespace rudder
