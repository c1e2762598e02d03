// SPDX-License-Identifier: Apache-2.0
#include "linear_rules.hpp"

#include <algorithm>

namespace rudder::bench {
namespace {

std::uint64_t big_endian(const std::uint8_t* bytes, unsigned count) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < count; ++i) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/// The upper `length` bits of a word of `bits` bits.
std::uint64_t mask_of(int length, int bits) {
    const int kept = std::clamp(length, 0, bits);
    return kept == 0 ? 0 : ~std::uint64_t{0} >> (64 - bits) << (bits - kept);
}

void set_address(const std::vector<IpPrefix>& prefixes, __u32& value, __u32& mask) {
    if (!prefixes.empty()) {
        value = static_cast<std::uint32_t>(big_endian(prefixes[0].address.bytes.data(), 4));
        mask = static_cast<std::uint32_t>(mask_of(prefixes[0].length, 32));
    }
}

void set_address(const std::vector<IpPrefix>& prefixes, __u64 (&value)[2], __u64 (&mask)[2]) {
    for (int half = 0; half < 2 && !prefixes.empty(); ++half) {
        value[half] = big_endian(prefixes[0].address.bytes.data() + 8 * half, 8);
        mask[half] = mask_of(prefixes[0].length - 64 * half, 64);
    }
}

bench_ports ports_of(const Match& match, std::uint32_t rank) {
    bench_ports ports{};
    const PortRange src = match.src_ports.empty() ? PortRange{} : match.src_ports[0];
    const PortRange dst = match.dst_ports.empty() ? PortRange{} : match.dst_ports[0];
    ports.src_port_first = src.first;
    ports.src_port_last = src.last;
    ports.dst_port_first = dst.first;
    ports.dst_port_last = dst.last;
    ports.protocol = match.ip_proto.value_or(0);
    ports.protocol_mask = match.ip_proto ? 0xff : 0;
    ports.rank = rank;
    return ports;
}

bench_rest rest_of(const Match& match, std::uint16_t hook_class) {
    bench_rest rest{};
    rest.dscp = match.dscp;
    rest.hook_first = hook_class;
    rest.hook_last = hook_class;
    rest.flag_mask = RUDDER_PKT_TAGGED | RUDDER_PKT_SPECIAL;
    if (!match.src_ports.empty() || !match.dst_ports.empty()) {
        rest.flag_mask |= RUDDER_PKT_HAS_PORTS;
        rest.flag_value |= RUDDER_PKT_HAS_PORTS;
    }
    return rest;
}

template <class Tuple, class Rule>
void fill(Tuple (&tuples)[BENCH_LINEAR_RULES], Rule (&rules)[BENCH_LINEAR_RULES], const Policy& policy,
          std::uint16_t hook_class) {
    for (std::uint32_t i = 0; i < BENCH_LINEAR_RULES; ++i) {
        const auto rank = static_cast<std::uint32_t>(i % policy.rules.size());
        const Match& match = policy.rules[rank].match;
        set_address(match.src, tuples[i].src, tuples[i].src_mask);
        set_address(match.dst, tuples[i].dst, tuples[i].dst_mask);
        tuples[i].ports = ports_of(match, rank);
        rules[i] = {tuples[i], rest_of(match, hook_class)};
    }
}

}  // namespace

bench_linear linear_rules(const Policy& policy, IpFamily family, std::uint16_t hook_class) {
    bench_linear linear{};
    if (family == IpFamily::v4) {
        fill(linear.tuples_v4, linear.rules_v4, policy, hook_class);
    } else {
        fill(linear.tuples_v6, linear.rules_v6, policy, hook_class);
    }
    return linear;
}

}  // namespace rudder::bench
