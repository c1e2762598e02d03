// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/next_hop_table.hpp"

#include "shell/os/os_error.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace rudder {
namespace {

std::size_t mapped_bytes(std::uint32_t entries) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    return (entries * sizeof(rudder_next_hop) + page - 1) / page * page;
}

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
    void* address = mmap(nullptr, mapped_bytes(entries), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    if (address == MAP_FAILED) {
        return os_error("map the next-hop table", errno);
    }
    return NextHopTable(static_cast<rudder_next_hop*>(address), entries);
}

NextHopTable::NextHopTable(NextHopTable&& other) noexcept
    : slots_(std::exchange(other.slots_, nullptr)), entries_(other.entries_) {}

NextHopTable& NextHopTable::operator=(NextHopTable&& other) noexcept {
    std::swap(slots_, other.slots_);
    std::swap(entries_, other.entries_);
    return *this;
}

NextHopTable::~NextHopTable() {
    if (slots_ != nullptr) {
        munmap(slots_, mapped_bytes(entries_));
    }
}

Status NextHopTable::write(std::uint32_t slot, const NextHopEntry& entry) {
    if (slot >= entries_) {
        return Error{"write next-hop slot " + std::to_string(slot) + ": the table has " + std::to_string(entries_), ERANGE};
    }
    const rudder_next_hop wanted = next_hop_layout(entry);
    std::uint64_t wanted_words[sizeof(rudder_next_hop) / sizeof(std::uint64_t)];
    std::memcpy(wanted_words, &wanted, sizeof(wanted));
    auto* words = reinterpret_cast<std::uint64_t*>(slots_ + slot);
    const rudder_next_hop& present = slots_[slot];
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
