// SPDX-License-Identifier: Apache-2.0
#include "random_frame.hpp"

#include <iterator>

namespace rudder::test {
namespace {

bool one_in(Random& random, unsigned n) { return below(random, n) == 0; }

void add_transport(Random& random, Stack& stack, bool is_v6) {
    const auto src = static_cast<std::uint16_t>(4000 + below(random, 4));
    const auto dst = static_cast<std::uint16_t>(5000 + below(random, 4));
    switch (below(random, 9)) {
        case 0: stack.layers.emplace_back(Tcp{src, dst, 4 * below(random, 11)}); break;
        case 1: stack.layers.emplace_back(Udp{src, dst, std::uint16_t{0}}); break;
        case 2: stack.layers.emplace_back(Udp{src, dst, {}, 136}); break;
        case 3: stack.layers.emplace_back(Sctp{src, dst}); break;
        case 4: stack.layers.emplace_back(Dccp{src, dst}); break;
        case 5: is_v6 ? stack.layers.emplace_back(Icmp6{}) : stack.layers.emplace_back(Icmp{}); break;
        default: stack.layers.emplace_back(Udp{src, dst}); break;
    }
}

std::uint16_t random_fragment(Random& random) {
    switch (below(random, 8)) {
        case 0: return 0x2000;                                                  // first
        case 1: return static_cast<std::uint16_t>(0x2000 | (1 + below(random, 100)));
        case 2: return static_cast<std::uint16_t>(1 + below(random, 100));      // last
        case 3: return 0x4000;                                                  // do not fragment
        default: return 0;
    }
}

void add_v4(Random& random, Stack& stack) {
    Ipv4 ip;
    ip.src = to_string(random_address(random, IpFamily::v4));
    ip.dst = to_string(random_address(random, IpFamily::v4));
    ip.ttl = static_cast<std::uint8_t>(one_in(random, 8) ? below(random, 3) : below(random, 256));
    ip.tos = static_cast<std::uint8_t>(below(random, 256));
    ip.fragment = random_fragment(random);
    ip.option_bytes = one_in(random, 4) ? 4 * below(random, 11) : 0;
    if (one_in(random, 40)) {
        ip.checksum = static_cast<std::uint16_t>(below(random, 65536));
    }
    stack.layers.emplace_back(ip);
}

void add_v6(Random& random, Stack& stack) {
    static constexpr std::uint8_t k_types[] = {0, 43, 44, 51, 60};
    Ipv6 ip;
    ip.src = to_string(random_address(random, IpFamily::v6));
    ip.dst = to_string(random_address(random, IpFamily::v6));
    ip.hop_limit = static_cast<std::uint8_t>(one_in(random, 8) ? below(random, 3) : below(random, 256));
    ip.traffic_class = static_cast<std::uint8_t>(below(random, 256));
    stack.layers.emplace_back(ip);
    const unsigned count = one_in(random, 2) ? 0 : below(random, 8);
    for (unsigned i = 0; i < count; i++) {
        Extension extension;
        extension.type = k_types[below(random, 5)];
        extension.units = one_in(random, 20) ? below(random, 80) : below(random, 4);
        extension.fragment = static_cast<std::uint16_t>(one_in(random, 2) ? 0 : one_in(random, 2) ? 1 : below(random, 100) * 8);
        extension.segments_left = one_in(random, 4) ? 1 : 0;
        stack.layers.emplace_back(extension);
    }
}

/// A first fragment that ends within its transport header, or soon after.
void make_tiny(Random& random, Stack& stack, bool is_v6) {
    static constexpr std::uint8_t k_protocols[] = {6, 6, 17, 132, 33};
    const std::uint8_t protocol = k_protocols[below(random, 5)];
    stack.layers.resize(1);
    if (is_v6) {
        stack.layers.emplace_back(Ipv6{.next_header = std::uint8_t{44}});
        stack.layers.emplace_back(Bytes{{protocol, 0, 0, 1, 0, 0, 0, 7}});
    } else {
        stack.layers.emplace_back(Ipv4{.fragment = 0x2000, .protocol = protocol});
    }
    Bytes start{{0x0f, 0xa0, 0x13, 0x88}};  // ports 4000 and 5000
    start.bytes.resize(8 * below(random, 5), 0x5a);
    stack.layers.emplace_back(start);
}

void damage(Random& random, Frame& frame) {
    if (one_in(random, 20)) {
        frame.resize(15 + below(random, static_cast<unsigned>(frame.size() - 14)));
    }
    if (one_in(random, 20)) {
        frame[12 + below(random, static_cast<unsigned>(frame.size() - 12))] ^= static_cast<std::uint8_t>(1u << below(random, 8));
    }
    if (one_in(random, 10)) {
        frame = padded(frame, below(random, 50));
    }
}

}  // namespace

unsigned below(Random& random, unsigned limit) { return limit == 0 ? 0 : static_cast<unsigned>(random() % limit); }

IpAddress random_address(Random& random, IpFamily family) {
    static const char* const k_v4[] = {
        "10.0.0.1",  "10.0.0.2",  "10.1.2.3",    "192.0.2.7", "198.51.100.255", "255.254.253.252", "239.1.1.1",
        "224.0.0.5", "127.0.0.1", "169.254.3.4", "0.1.2.3",   "172.16.0.1",     "192.0.2.255",     "255.255.255.255"};
    static const char* const k_v6[] = {"2001:db8::1", "2001:db8::2", "2001:db8:1::3", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
                                       "fd00::1", "ff0e::1", "ff02::1", "fe80::1", "::1", "2001:db8:2::"};
    if (one_in(random, 4)) {
        IpAddress any;
        any.family = family;
        for (unsigned i = 0; i < any.bits() / 8; i++) {
            any.bytes[i] = static_cast<std::uint8_t>(below(random, 256));
        }
        return any;
    }
    return address(family == IpFamily::v4 ? k_v4[below(random, std::size(k_v4))]
                                          : k_v6[below(random, std::size(k_v6))]);
}

Frame random_frame(Random& random, const MacAddress& dst) {
    Stack stack;
    Ethernet ethernet;
    const MacAddress to_many =
        one_in(random, 2) ? MacAddress{{1, 0, 0x5e, 1, 1, 1}} : MacAddress{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    ethernet.dst = one_in(random, 10) ? to_many : dst;
    stack.layers.emplace_back(ethernet);
    for (unsigned tags = one_in(random, 6) ? 1 + below(random, 3) : 0; tags > 0; tags--) {
        static constexpr std::uint16_t k_tcis[] = {0xe000, 0x6005, 5, 100, 4095};
        stack.layers.emplace_back(Vlan{k_tcis[below(random, 5)], static_cast<std::uint16_t>(one_in(random, 2) ? 0x8100 : 0x88a8)});
    }
    const bool is_v6 = one_in(random, 3);
    is_v6 ? add_v6(random, stack) : add_v4(random, stack);
    add_transport(random, stack, is_v6);
    stack.layers.emplace_back(payload(one_in(random, 25) ? below(random, 1600) : below(random, 80)));
    if (one_in(random, 16)) {
        make_tiny(random, stack, is_v6);
    }
    Frame frame = stack.build();
    damage(random, frame);
    return frame;
}

Frame variant_of(Random& random, Frame frame) {
    if (frame.size() < 34 || one_in(random, 3)) {
        return frame;
    }
    const unsigned at = 6 + below(random, static_cast<unsigned>(std::min<std::size_t>(frame.size(), 60)) - 6);
    frame[at] = static_cast<std::uint8_t>(frame[at] ^ 1u << below(random, 8));
    const std::size_t header = (frame[14] & 0xfu) * 4;
    if (be16(frame, 12) == 0x0800 && at >= 14 && 14 + header <= frame.size() && !one_in(random, 8)) {
        store16(frame, 24, 0);
        store16(frame, 24, static_cast<std::uint16_t>(~fold16(sum16(frame.data() + 14, header))));
    }
    return frame;
}

Rewrite random_rewrite(Random& random, IpFamily family) {
    Rewrite rewrite;
    if (one_in(random, 2)) {
        rewrite.dst_ip = random_address(random, family);
    }
    if (one_in(random, 3)) {
        rewrite.src_ip = random_address(random, family);
    }
    if (one_in(random, 4)) {
        rewrite.dst_port = static_cast<std::uint16_t>(below(random, 65536));
    }
    if (one_in(random, 4)) {
        rewrite.src_port = static_cast<std::uint16_t>(below(random, 65536));
    }
    if (one_in(random, 3)) {
        rewrite.dscp = static_cast<std::uint8_t>(below(random, 64));
    }
    if (one_in(random, 3)) {
        rewrite.ttl.mode = one_in(random, 2) ? TtlAction::Mode::keep : TtlAction::Mode::set;
        rewrite.ttl.value = static_cast<std::uint8_t>(1 + below(random, 255));
    }
    if (one_in(random, 5)) {
        rewrite.vlan = static_cast<std::uint16_t>(one_in(random, 2) ? 0 : 1 + below(random, 4094));
    }
    return rewrite;
}

}  // namespace rudder::test
