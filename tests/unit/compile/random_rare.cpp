// SPDX-License-Identifier: Apache-2.0
#include "random_rare.hpp"

#include <algorithm>
#include <array>

namespace rudder::test {
namespace {

std::vector<ValueRange> random_values(Random& random, std::uint32_t many, std::uint32_t highest) {
    std::vector<ValueRange> ranges;
    std::uint32_t next = pick(random, highest);
    for (std::uint32_t i = chance(random, many) ? 2 + pick(random, 12) : 1; i > 0 && next <= highest; --i) {
        const std::uint32_t last = std::min(highest, next + (chance(random, 60) ? pick(random, highest / 4 + 1) : 0));
        ranges.push_back({next, last});
        next = last + 2 + pick(random, highest / 16 + 1);
    }
    return ranges;
}

std::uint32_t random_mark(Random& random) { return chance(random, 60) ? pick(random, 64) : static_cast<std::uint32_t>(random()); }

MacAddress random_mac(Random& random) {
    return {{2, 0, 0, 0, static_cast<std::uint8_t>(pick(random, 3)), static_cast<std::uint8_t>(pick(random, 40))}};
}

std::vector<MarkPattern> random_marks(Random& random, std::uint32_t many) {
    static constexpr std::array<std::uint32_t, 5> k_masks = {0xffffffff, 0xffffffff, 0xff, 0xfffffff0, 0x00010001};
    std::vector<MarkPattern> patterns;
    for (std::uint32_t i = chance(random, many) ? 2 + pick(random, 60) : 1; i > 0; --i) {
        const std::uint32_t mask = k_masks[pick(random, 5)];
        patterns.push_back({random_mark(random) & mask, mask});
    }
    std::sort(patterns.begin(), patterns.end());
    return patterns;
}

std::vector<MacPattern> random_macs(Random& random, std::uint32_t many) {
    std::vector<MacPattern> patterns;
    for (std::uint32_t i = chance(random, many) ? 2 + pick(random, 60) : 1; i > 0; --i) {
        MacPattern pattern{random_mac(random)};
        if (chance(random, 20)) pattern = {{{2, 0, 0, 0, 0, 0}}, {{0xff, 0xff, 0xff, 0xff, 0, 0}}};
        if (chance(random, 10)) pattern = {{{0, 0, 0, 0, 0, pattern.value.bytes[5]}}, {{0, 0, 0, 0, 0, 0xff}}};
        if (chance(random, 5)) pattern = {{{1, 0, 0, 0, 0, 0}}, {{1, 0, 0, 0, 0, 0}}};
        patterns.push_back(pattern);
    }
    std::sort(patterns.begin(), patterns.end());
    return patterns;
}

std::uint32_t value_of(Random& random, const std::vector<ValueRange>& ranges, std::uint32_t highest) {
    if (ranges.empty() || chance(random, 10)) return pick(random, highest + 1);
    const ValueRange& range = ranges[pick(random, static_cast<std::uint32_t>(ranges.size()))];
    if (chance(random, 10)) return std::min(highest, range.last + 1);
    return range.first + pick(random, range.last - range.first + 1);
}

std::uint64_t mac_of(Random& random, const std::vector<MacPattern>& patterns) {
    MacAddress mac = random_mac(random);
    if (!patterns.empty() && chance(random, 80)) {
        const MacPattern& pattern = patterns[pick(random, static_cast<std::uint32_t>(patterns.size()))];
        for (unsigned i = 0; i < 6; ++i)
            mac.bytes[i] = static_cast<std::uint8_t>((mac.bytes[i] & ~unsigned{pattern.mask.bytes[i]}) | pattern.value.bytes[i]);
    }
    std::uint64_t number = 1;
    for (const std::uint8_t byte : mac.bytes) number = number << 8 | byte;
    return chance(random, 3) ? 0 : number;
}

}  // namespace

HeapOptional<RareMatch> random_rare(Random& random, std::uint32_t odds, std::uint32_t many, std::optional<std::uint8_t> protocol) {
    RareMatch rare;
    const auto states = [&] { return chance(random, odds); };
    if (protocol == 1 && states()) rare.icmp_types = random_values(random, many, k_highest_icmp);
    if (protocol == 6 && states()) {
        const auto set = static_cast<std::uint8_t>(pick(random, 256) & pick(random, 256));
        rare.tcp_flags.push_back({set, static_cast<std::uint8_t>(pick(random, 256) & ~unsigned{set})});
    }
    if (states()) rare.fragment = static_cast<std::uint8_t>(1 + pick(random, 7));
    if (states()) rare.lengths = random_values(random, many, 1600);
    if (states()) rare.ttls = random_values(random, many, 255);
    if (states()) rare.ecn = static_cast<std::uint8_t>(1 + pick(random, 15));
    if (states()) rare.fwmarks = random_marks(random, many);
    if (states()) rare.src_macs = random_macs(random, many);
    if (states()) rare.dst_macs = random_macs(random, many);
    return rare == RareMatch{} ? HeapOptional<RareMatch>() : HeapOptional<RareMatch>(rare);
}

void set_rare(Random& random, const RareMatch& rare, rudder_packet& packet) {
    packet.l3_bytes = static_cast<std::uint16_t>(value_of(random, rare.lengths, 1600));
    packet.ttl = static_cast<std::uint8_t>(value_of(random, rare.ttls, 255));
    if (packet.protocol == 1 && packet.family == 4 && chance(random, 95)) {
        packet.has = RUDDER_HAS_ICMP;
        packet.icmp = static_cast<std::uint16_t>(value_of(random, rare.icmp_types, k_highest_icmp));
    }
    if (packet.protocol == 6 && chance(random, 95)) {
        packet.has = RUDDER_HAS_TCP_FLAGS;
        packet.tcp_flags = static_cast<std::uint8_t>(pick(random, 256));
        if (!rare.tcp_flags.empty() && chance(random, 80))
            packet.tcp_flags = static_cast<std::uint8_t>((packet.tcp_flags | rare.tcp_flags[0].set) & ~unsigned{rare.tcp_flags[0].clear});
    }
    if (chance(random, 25)) packet.flags |= RUDDER_PKT_FRAGMENT;
    if ((packet.flags & RUDDER_PKT_FRAGMENT) != 0 && chance(random, 50)) packet.flags |= RUDDER_PKT_LATER_FRAGMENT;
    packet.mark = random_mark(random);
    if (!rare.fwmarks.empty() && chance(random, 80)) {
        const MarkPattern& pattern = rare.fwmarks[pick(random, static_cast<std::uint32_t>(rare.fwmarks.size()))];
        packet.mark = (packet.mark & ~pattern.mask) | pattern.value;
    }
    packet.src_mac = mac_of(random, rare.src_macs);
    packet.dst_mac = mac_of(random, rare.dst_macs);
}

}  // namespace rudder::test
