// SPDX-License-Identifier: Apache-2.0
#include "core/compile/flow_mask.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace rudder {
namespace {

/// Four kilobytes: an eighth of the smallest first-level cache.
constexpr std::size_t k_least_places = 64;
/// For each cache line of the image. *Source*: 64 and 1,000 rules, 4,096 flows, places from 64 to 16,384: see HACKING.
constexpr std::size_t k_places_per_line = 8;

/// By its first octet a packet's address may be special or a group's: it is always in the key.
constexpr std::uint8_t k_least_length = 8;

/// What the rules of one family look at.
struct Seen {
    std::uint8_t src_length = k_least_length;  ///< of the longest prefix
    std::uint8_t dst_length = k_least_length;
    bool has_src_port = false;
    bool has_dst_port = false;
    bool has_dscp = false;
    bool has_conditions = false;  ///< ECN among them
};

bool is_stated(const BoxSet& set, std::uint32_t box, std::size_t dimension) {
    const ValueRange whole = set.layout().dimensions[dimension].whole();
    const ValueRange& span = set.spans_of(box)[dimension];
    return set.list_of(box, dimension) != nullptr || span.first != whole.first || span.last != whole.last;
}

void see(Seen& seen, const BoxSet& set, std::uint32_t index) {
    const Box& box = set.boxes[index];
    const auto whole = static_cast<std::uint8_t>(box.src.address.bits());
    seen.src_length = std::max(seen.src_length, box.not_src == k_nothing_excluded ? box.src.length : whole);
    seen.dst_length = std::max(seen.dst_length, box.not_dst == k_nothing_excluded ? box.dst.length : whole);
    seen.has_src_port = seen.has_src_port || is_stated(set, index, set.layout().src_port());
    seen.has_dst_port = seen.has_dst_port || is_stated(set, index, set.layout().dst_port());
    seen.has_dscp = seen.has_dscp || is_stated(set, index, set.layout().dscp());
    seen.has_conditions = seen.has_conditions || set.fields_of(index).conditions != k_no_conditions;
}

using AddressMask = std::array<std::uint8_t, 16>;

AddressMask address_mask(std::uint8_t length) {
    AddressMask mask{};
    for (std::size_t i = 0; i < length; ++i) {
        mask[i / 8] = static_cast<std::uint8_t>(mask[i / 8] | 0x80 >> i % 8);
    }
    return mask;
}

std::uint64_t fields_mask(const Seen& seen) {
    const std::array<std::uint16_t, 2> ports{static_cast<std::uint16_t>(seen.has_src_port ? 0xffff : 0),
                                             static_cast<std::uint16_t>(seen.has_dst_port ? 0xffff : 0)};
    std::uint32_t ports_be = 0;
    std::memcpy(&ports_be, ports.data(), sizeof(ports_be));
    const auto tos = static_cast<std::uint8_t>((seen.has_dscp ? 0xfc : 0) | (seen.has_conditions ? 0xff : 0));
    return rudder_flow_fields(ports_be, tos, 0xff, 0xff, 0xff);
}

}  // namespace

void write_flow_mask(const BoxSet& set, rudder_blob_header& header) {
    if ((header.fields & ~RUDDER_FIELD_VLAN) != 0) {
        return;
    }
    Seen seen;
    for (std::uint32_t box = 0; box < set.boxes.size(); ++box) {
        see(seen, set, box);
    }
    const AddressMask src = address_mask(seen.src_length);
    const AddressMask dst = address_mask(seen.dst_length);
    if (set.family == IpFamily::v4) {
        std::memcpy(&header.flow_v4.address, src.data(), 4);
        std::memcpy(reinterpret_cast<char*>(&header.flow_v4.address) + 4, dst.data(), 4);
        header.flow_v4.fields = fields_mask(seen);
    } else {
        std::memcpy(header.flow_v6.address, src.data(), 16);
        std::memcpy(header.flow_v6.address + 2, dst.data(), 16);
        header.flow_v6.fields = fields_mask(seen);
    }
}

std::uint32_t flow_places(std::size_t image_bytes) {
    const std::size_t affordable = std::bit_ceil(k_places_per_line * image_bytes / sizeof(rudder_flow));
    return static_cast<std::uint32_t>(std::clamp<std::size_t>(affordable, k_least_places, RUDDER_CPU_FLOWS)) - 1;
}

}  // namespace rudder
