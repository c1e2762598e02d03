// SPDX-License-Identifier: Apache-2.0
#include "ruleset_generator.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <random>
#include <tuple>

namespace rudder::bench {
namespace {

using Random = std::mt19937_64;

std::uint32_t below(Random& random, std::uint32_t limit) {
    return static_cast<std::uint32_t>((random() >> 32) * limit >> 32);
}

/// A choice with weights; the index.
template <std::size_t N>
std::size_t weighted(Random& random, const std::array<std::uint32_t, N>& weights) {
    std::uint32_t sum = 0;
    for (const std::uint32_t weight : weights) {
        sum += weight;
    }
    std::uint32_t at = below(random, sum);
    std::size_t i = 0;
    while (at >= weights[i]) {
        at -= weights[i++];
    }
    return i;
}

enum PortClass { any_port, low_ports, high_ports, range_of_ports, one_port, port_classes };

/// Shape of one kind of set. Weights, in percent where they are five or seven.
struct Profile {
    std::array<std::uint32_t, 7> src_length;  ///< any, 1-8, 9-15, 16-23, 24, 25-31, host
    std::array<std::uint32_t, 7> dst_length;
    std::array<std::uint32_t, port_classes> src_port;
    std::array<std::uint32_t, port_classes> dst_port;
    std::array<std::uint32_t, 5> protocol;    ///< TCP, UDP, ICMP, other, any
    std::uint32_t reuse;                      ///< percent of addresses taken from a network already seen
};

Profile profile_of(Kind kind) {
    switch (kind) {
        case Kind::acl:
            return {{3, 1, 1, 12, 15, 28, 40}, {1, 0, 1, 10, 12, 26, 50}, {98, 0, 1, 0, 1}, {12, 1, 8, 14, 65}, {76, 16, 3, 1, 4}, 85};
        case Kind::fw:
            return {{32, 5, 2, 8, 15, 13, 25}, {30, 2, 2, 6, 10, 15, 35}, {80, 1, 9, 3, 7}, {28, 2, 12, 13, 45}, {60, 22, 6, 6, 6}, 75};
        case Kind::ipc: break;
    }
    return {{12, 3, 3, 14, 16, 17, 35}, {10, 2, 3, 14, 14, 17, 40}, {85, 1, 3, 3, 8}, {50, 1, 4, 7, 38}, {45, 25, 6, 4, 20}, 80};
}

/// A rule for all addresses names a service: else it would match most headers, and hardly one could miss.
constexpr std::array<std::uint32_t, port_classes> k_one_port = {0, 0, 0, 0, 1};
constexpr std::array<std::uint16_t, 16> k_services = {80, 443, 22, 53, 25, 110, 143, 21, 23, 123, 161, 389, 1433, 1521, 3306, 8080};
constexpr std::array<PortRange, 8> k_service_ranges = {{{20, 21}, {67, 68}, {135, 139}, {161, 162}, {6000, 6063}, {5060, 5061}, {33434, 33600}, {8000, 8100}}};

class Generator {
public:
    explicit Generator(const Ruleset& wanted)
        : wanted_(wanted), profile_(profile_of(wanted.kind)), random_(wanted.seed * 1000003 + wanted.rules) {}

    Policy run() {
        Policy policy;
        std::map<std::tuple<std::vector<IpPrefix>, std::vector<IpPrefix>, std::vector<PortRange>, std::vector<PortRange>, int>, bool> seen;
        while (policy.rules.size() < wanted_.rules) {
            Rule rule = make_rule();
            const Match& m = rule.match;
            const int protocol = m.ip_proto ? *m.ip_proto : -1;
            if (seen.try_emplace({m.src, m.dst, m.src_ports, m.dst_ports, protocol}, true).second) {
                policy.rules.push_back(std::move(rule));
            }
        }
        put_wide_rules_last(policy);
        return policy;
    }

private:
    Rule make_rule() {
        Rule rule;
        rule.type = RuleType::drop;
        Match& match = rule.match;
        match.interface.any = true;
        match.family_v4 = wanted_.family == IpFamily::v4;
        match.family_v6 = !match.family_v4;
        add_prefix(match.src, profile_.src_length, src_networks_);
        add_prefix(match.dst, profile_.dst_length, dst_networks_);
        static constexpr std::array<std::uint8_t, 3> k_others = {47, 50, 89};
        switch (weighted(random_, profile_.protocol)) {
            case 0: match.ip_proto = 6; break;
            case 1: match.ip_proto = 17; break;
            case 2: match.ip_proto = wanted_.family == IpFamily::v4 ? 1 : 58; break;
            case 3: match.ip_proto = k_others[below(random_, 3)]; break;
            default: break;
        }
        const bool is_from_anywhere_to_anywhere = match.src.empty() && match.dst.empty();
        if (is_from_anywhere_to_anywhere) {
            match.ip_proto = std::uint8_t{6};
        }
        if (match.ip_proto && ip_protocol_has_ports(*match.ip_proto)) {
            add_ports(match.src_ports, profile_.src_port);
            add_ports(match.dst_ports, is_from_anywhere_to_anywhere ? k_one_port : profile_.dst_port);
        }
        return rule;
    }

    void add_prefix(std::vector<IpPrefix>& prefixes, const std::array<std::uint32_t, 7>& lengths,
                    std::vector<IpAddress>& networks) {
        static constexpr std::array<std::array<std::uint8_t, 2>, 7> k_spans = {
            {{0, 0}, {4, 8}, {9, 15}, {16, 23}, {24, 24}, {25, 31}, {32, 32}}};
        const auto span = k_spans[weighted(random_, lengths)];
        unsigned length = span[0] + below(random_, span[1] - span[0] + 1u);
        if (length == 0) {
            return;
        }
        if (wanted_.family == IpFamily::v6) {
            // As IPv6 is assigned: providers from /20 on, sites /32-/48, parts of sites; below /16 all addresses look alike.
            length = length == 32 ? 128 : length < 16 ? 16 + length : length * 2;
        }
        IpPrefix prefix{make_address(networks), static_cast<std::uint8_t>(length)};
        for (unsigned bit = length; bit < prefix.address.bits(); ++bit) {
            prefix.address.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> (bit % 8)));
        }
        prefixes.push_back(prefix);
    }

    /// Mostly near an address seen before: the same network, other low bits.
    IpAddress make_address(std::vector<IpAddress>& networks) {
        const unsigned size = wanted_.family == IpFamily::v4 ? 4 : 16;
        IpAddress address;
        address.family = wanted_.family;
        unsigned kept = 0;
        if (!networks.empty() && below(random_, 100) < profile_.reuse) {
            address = networks[below(random_, static_cast<std::uint32_t>(networks.size()))];
            kept = size == 4 ? 1 + below(random_, 3) : 4 + below(random_, 5);
        }
        for (unsigned i = kept; i < size; ++i) {
            address.bytes[i] = static_cast<std::uint8_t>(below(random_, 256));
        }
        if (kept == 0) {
            address.bytes[0] = size == 4 ? static_cast<std::uint8_t>(1 + below(random_, 126)) : std::uint8_t{0x20};
            address.bytes[0] = address.bytes[0] == 127 || address.bytes[0] == 0 ? std::uint8_t{10} : address.bytes[0];
        }
        networks.push_back(address);
        return address;
    }

    void add_ports(std::vector<PortRange>& ports, const std::array<std::uint32_t, port_classes>& weights) {
        switch (weighted(random_, weights)) {
            case any_port: return;
            case low_ports: ports.push_back({0, 1023}); return;
            case high_ports: ports.push_back({1024, 65535}); return;
            case range_of_ports: ports.push_back(make_range()); return;
            default: break;
        }
        const auto port = below(random_, 100) < 60 ? k_services[below(random_, k_services.size())]
                                                   : static_cast<std::uint16_t>(1024 + below(random_, 10000));
        ports.push_back({port, port});
    }

    PortRange make_range() {
        if (below(random_, 100) < 50) {
            return k_service_ranges[below(random_, k_service_ranges.size())];
        }
        const std::uint32_t first = 1024 + below(random_, 50000);
        return {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(std::min(65535u, first + below(random_, 2000)))};
    }

    /// Operators write the exceptions first; without this most rules could never match.
    void put_wide_rules_last(Policy& policy) const {
        const auto width = [](const Rule& rule) {
            const auto length = [](const std::vector<IpPrefix>& list) { return list.empty() ? 0u : unsigned{list[0].length}; };
            return length(rule.match.src) + length(rule.match.dst) + (rule.match.dst_ports.empty() ? 0u : 8u) +
                   (rule.match.src_ports.empty() ? 0u : 8u);
        };
        std::stable_sort(policy.rules.begin(), policy.rules.end(),
                         [&](const Rule& a, const Rule& b) { return width(a) / 16 > width(b) / 16; });
        for (std::size_t rank = 0; rank < policy.rules.size(); ++rank) {
            policy.rules[rank].name = "rule-" + std::to_string(rank);
            policy.rules[rank].priority = static_cast<std::uint32_t>(rank);
        }
    }

    Ruleset wanted_;
    Profile profile_;
    Random random_;
    std::vector<IpAddress> src_networks_;
    std::vector<IpAddress> dst_networks_;
};

void fill_address(Random& random, const std::vector<IpPrefix>& prefixes, std::size_t size, std::uint32_t* address_be) {
    std::array<std::uint8_t, 16> bytes{};
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::uint8_t>(random());
    }
    bytes[0] = size == 4 ? static_cast<std::uint8_t>(1 + bytes[0] % 126) : std::uint8_t{0x20};
    for (unsigned bit = 0; !prefixes.empty() && bit < prefixes[0].length; ++bit) {
        const auto mask = static_cast<std::uint8_t>(0x80u >> (bit % 8));
        bytes[bit / 8] = static_cast<std::uint8_t>((bytes[bit / 8] & ~mask) | (prefixes[0].address.bytes[bit / 8] & mask));
    }
    std::memcpy(address_be, bytes.data(), bytes.size());
}

std::uint16_t inside(Random& random, const std::vector<PortRange>& ports) {
    const PortRange range = ports.empty() ? PortRange{} : ports[0];
    return static_cast<std::uint16_t>(range.first + below(random, range.last - range.first + 1u));
}

rudder_packet header_in(Random& random, const Match& match) {
    rudder_packet packet{};
    packet.family = match.family_v4 ? 4 : 6;
    const std::size_t size = match.family_v4 ? 4 : 16;
    fill_address(random, match.src, size, packet.src_be);
    fill_address(random, match.dst, size, packet.dst_be);
    static constexpr std::array<std::uint8_t, 4> k_protocols = {6, 6, 17, 1};
    packet.protocol = match.ip_proto ? *match.ip_proto : k_protocols[below(random, 4)];
    packet.ttl = 64;
    if (ip_protocol_has_ports(packet.protocol) || !match.src_ports.empty() || !match.dst_ports.empty()) {
        packet.flags = RUDDER_PKT_HAS_PORTS;
        packet.src_port = inside(random, match.src_ports);
        packet.dst_port = inside(random, match.dst_ports);
    }
    return packet;
}

}  // namespace

std::string to_string(Kind kind) { return kind == Kind::acl ? "acl" : kind == Kind::fw ? "fw" : "ipc"; }

Policy generate_policy(const Ruleset& wanted) { return Generator(wanted).run(); }

std::vector<rudder_packet> generate_hits(const Policy& policy, std::size_t count, std::uint64_t seed) {
    Random random(seed);
    std::vector<rudder_packet> packets;
    for (std::size_t i = 0; i < count; ++i) {
        packets.push_back(header_in(random, policy.rules[below(random, static_cast<std::uint32_t>(policy.rules.size()))].match));
    }
    return packets;
}

std::vector<rudder_packet> generate_misses(IpFamily family, std::size_t count, std::uint64_t seed) {
    Random random(seed);
    Match anything;
    anything.family_v4 = family == IpFamily::v4;
    std::vector<rudder_packet> packets;
    for (std::size_t i = 0; i < count; ++i) {
        packets.push_back(header_in(random, anything));
    }
    return packets;
}

}  // namespace rudder::bench
