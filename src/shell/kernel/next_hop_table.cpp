// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/next_hop_table.hpp"

#include <cstddef>
#include <cstring>
#include <utility>

namespace rudder {
namespace {

std::uint64_t mac_word(const MacAddress& mac, std::uint16_t flags) {
    std::uint64_t word = 0;
    std::memcpy(&word, mac.bytes.data(), mac.bytes.size());
    std::memcpy(reinterpret_cast<char*>(&word) + mac.bytes.size(), &flags, sizeof(flags));
    return word;
}

void store(std::uint64_t* words, std::size_t offset, std::uint64_t value) {
    __atomic_store_n(words + offset / sizeof(std::uint64_t), value, __ATOMIC_RELEASE);
}

}  // namespace

rudder_next_hop next_hop_layout(const NextHopEntry& entry) {
    rudder_next_hop layout{};
    layout.dst = mac_word(entry.dst_mac, entry.flags);
    layout.src = mac_word(entry.src_mac, 0);
    layout.ifindex = entry.ifindex;
    layout.mtu = entry.mtu;
    if (entry.gateway) {
        const std::size_t bytes = entry.gateway->bits() / 8;
        std::memcpy(&layout.gateway_be[0], entry.gateway->bytes.data(), bytes);
    }
    return layout;
}

Result<NextHopTable> NextHopTable::map(int map_fd, std::uint32_t entries) {
    Result<ArrayMapping> slots = ArrayMapping::map(map_fd, sizeof(rudder_next_hop), entries);
    if (!slots) {
        return slots.error().within("next-hop table");
    }
    return NextHopTable(std::move(slots).value());
}

Status NextHopTable::write(std::uint32_t slot, const NextHopEntry& entry) {
    const Result<char*> place = slots_.entry(slot);
    if (!place) {
        return place.error().within("write the next-hop table");
    }
    const rudder_next_hop wanted = next_hop_layout(entry);
    std::uint64_t wanted_words[sizeof(rudder_next_hop) / sizeof(std::uint64_t)];
    std::memcpy(wanted_words, &wanted, sizeof(wanted));
    auto* words = reinterpret_cast<std::uint64_t*>(*place);
    const auto& present = *reinterpret_cast<const rudder_next_hop*>(*place);
    const bool is_same_way = present.ifindex == wanted.ifindex &&
                             std::memcmp(present.gateway_be, wanted.gateway_be, sizeof(wanted.gateway_be)) == 0;
    if (!is_same_way) {
        // More than one word changes: the flags go first, so that a packet sees "not usable" rather than a mixture.
        store(words, offsetof(rudder_next_hop, dst), 0);
    }
    for (std::size_t offset = offsetof(rudder_next_hop, src); offset < sizeof(wanted); offset += sizeof(std::uint64_t)) {
        store(words, offset, wanted_words[offset / sizeof(std::uint64_t)]);
    }
    store(words, offsetof(rudder_next_hop, dst), wanted.dst);
    return {};
}

}  // namespace rudder
