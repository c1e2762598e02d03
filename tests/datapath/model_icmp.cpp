// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <algorithm>

namespace rudder::test {
namespace {

void put16(Frame& frame, std::uint32_t value) {
    frame.push_back(static_cast<std::uint8_t>(value >> 8));
    frame.push_back(static_cast<std::uint8_t>(value));
}

void put_address(Frame& frame, const IpAddress& address) {
    frame.insert(frame.end(), address.bytes.begin(), address.bytes.begin() + address.bits() / 8);
}

std::uint16_t checksum(const Frame& bytes) { return static_cast<std::uint16_t>(~fold16(sum16(bytes.data(), bytes.size()))); }

bool is_host(const IpAddress& a) {
    if (a.is_multicast()) {
        return false;
    }
    const bool is_zero = std::all_of(a.bytes.begin(), a.bytes.begin() + a.bits() / 8, [](std::uint8_t b) { return b == 0; });
    if (a.family == IpFamily::v4) {
        return a.bytes[0] != 0 && a.bytes[0] != 127 && a.bytes[0] < 224;
    }
    return !is_zero && a != address("::1");
}

bool is_error_message(const Frame& frame, const ModelPacket& p) {
    const bool is_v4 = p.family == IpFamily::v4;
    if (p.protocol != (is_v4 ? 1 : 58)) {
        return false;
    }
    if (p.transport == 0 || p.transport >= frame.size()) {
        return true;  // it cannot be seen not to be one
    }
    const unsigned type = frame[p.transport];
    return is_v4 ? type == 3 || type == 4 || type == 5 || type == 11 || type == 12 : type < 128 || type == 137;
}

std::optional<IpAddress> own_address(const Topology& topology, const Link& link, IpFamily family) {
    const LinkAddress* own = source_address(link, family, std::nullopt);
    for (const auto& [ifindex, other] : topology.links) {
        own = own == nullptr ? source_address(other, family, std::nullopt) : own;
    }
    return own == nullptr ? std::nullopt : std::optional(own->address);
}

Frame message_v4(const Frame& quote, std::uint32_t mtu, const IpAddress& src, const IpAddress& dst) {
    Frame icmp{static_cast<std::uint8_t>(mtu != 0 ? 3 : 11), static_cast<std::uint8_t>(mtu != 0 ? 4 : 0), 0, 0, 0, 0};
    put16(icmp, mtu);
    icmp.insert(icmp.end(), quote.begin(), quote.end());
    const std::uint16_t icmp_sum = checksum(icmp);
    icmp[2] = static_cast<std::uint8_t>(icmp_sum >> 8);
    icmp[3] = static_cast<std::uint8_t>(icmp_sum);
    Frame ip{0x45, 0xc0};
    put16(ip, static_cast<std::uint32_t>(20 + icmp.size()));
    ip.insert(ip.end(), {0, 0, 0x40, 0, 64, 1, 0, 0});
    put_address(ip, src);
    put_address(ip, dst);
    const std::uint16_t ip_sum = checksum(ip);
    ip[10] = static_cast<std::uint8_t>(ip_sum >> 8);
    ip[11] = static_cast<std::uint8_t>(ip_sum);
    ip.insert(ip.end(), icmp.begin(), icmp.end());
    return ip;
}

Frame message_v6(const Frame& quote, std::uint32_t mtu, const IpAddress& src, const IpAddress& dst) {
    const auto size = static_cast<std::uint32_t>(8 + quote.size());
    Frame icmp{static_cast<std::uint8_t>(mtu != 0 ? 2 : 3), 0, 0, 0};
    put16(icmp, mtu >> 16);
    put16(icmp, mtu & 0xffff);
    icmp.insert(icmp.end(), quote.begin(), quote.end());
    Frame covered;
    put_address(covered, src);
    put_address(covered, dst);
    put16(covered, 0);
    put16(covered, size);
    covered.insert(covered.end(), {0, 0, 0, 58});
    covered.insert(covered.end(), icmp.begin(), icmp.end());
    const std::uint16_t sum = checksum(covered);
    icmp[2] = static_cast<std::uint8_t>(sum >> 8);
    icmp[3] = static_cast<std::uint8_t>(sum);
    Frame ip{0x60, 0, 0, 0};
    put16(ip, size);
    ip.insert(ip.end(), {58, 64});
    put_address(ip, src);
    put_address(ip, dst);
    ip.insert(ip.end(), icmp.begin(), icmp.end());
    return ip;
}

}  // namespace

std::optional<Frame> model_icmp(const Frame& frame, const ModelPacket& p, const Topology& topology, const Link& link,
                                Direction direction, std::uint32_t mtu) {
    const bool is_v4 = p.family == IpFamily::v4;
    const std::size_t size = std::min(p.ip_bytes, frame.size() - p.ip);
    const bool is_behind_tag = !link.is_layer3 && model_tags(p) > (p.is_tag_beside ? 1u : 0u);
    if (is_behind_tag || p.is_group || p.is_later_fragment || !is_host(p.src) || is_error_message(frame, p)) {
        return std::nullopt;
    }
    if (!is_v4 && mtu != 0 && frame.size() - p.ip <= 1280) {
        return std::nullopt;  // nobody need send less
    }
    const auto source = direction == Direction::egress ? std::optional(p.dst) : own_address(topology, link, p.family);
    if (!source) {
        return std::nullopt;
    }
    const auto first = frame.begin() + static_cast<std::ptrdiff_t>(p.ip);
    const Frame quote(first, first + static_cast<std::ptrdiff_t>(std::min<std::size_t>(size, is_v4 ? 548 : 1232)));
    const Frame message = is_v4 ? message_v4(quote, mtu, *source, p.src)
                                : message_v6(quote, mtu == 0 ? 0 : std::max(mtu, 1280u), *source, p.src);
    Frame result(frame.begin(), first);
    if (!link.is_layer3) {
        std::copy_n(frame.begin() + 6, 6, result.begin());
        std::copy_n(frame.begin(), 6, result.begin() + 6);
    }
    result.insert(result.end(), message.begin(), message.end());
    return result;
}

}  // namespace rudder::test
