// SPDX-License-Identifier: Apache-2.0
#include "frame.hpp"

#include <algorithm>
#include <cstdlib>

namespace rudder::test {
namespace {

void put16(Frame& frame, std::size_t at, std::uint32_t value) {
    frame[at] = static_cast<std::uint8_t>(value >> 8);
    frame[at + 1] = static_cast<std::uint8_t>(value);
}

void prepend(Frame& frame, const Frame& header) { frame.insert(frame.begin(), header.begin(), header.end()); }

/// What has been built so far, from the inside out.
struct Inner {
    Frame bytes;
    std::uint8_t protocol = 59;                  ///< of what `bytes` begins with
    std::size_t transport = 0;                   ///< where the transport header begins
    std::uint8_t transport_protocol = 0;         ///< with a pseudo-header, else 0
    std::optional<std::size_t> checksum;         ///< offset from `transport` of the field to fill
    std::uint16_t ethertype = 0;
    bool is_later_fragment = false;
};

void transport(Inner& inner, Frame header, std::uint8_t protocol, std::optional<std::size_t> checksum, bool has_pseudo) {
    prepend(inner.bytes, header);
    inner.protocol = protocol;
    inner.transport = 0;
    inner.transport_protocol = has_pseudo ? protocol : 0;
    inner.checksum = checksum;
}

void fill_checksum(Inner& inner, const IpAddress& src, const IpAddress& dst) {
    if (!inner.checksum || inner.is_later_fragment) {
        return;
    }
    const auto size = static_cast<std::uint32_t>(inner.bytes.size() - inner.transport);
    std::uint32_t sum = sum16(inner.bytes.data() + inner.transport, size);
    if (inner.transport_protocol != 0) {
        sum = sum16(src.bytes.data(), src.bits() / 8, sum);
        sum = sum16(dst.bytes.data(), dst.bits() / 8, sum);
        sum += inner.transport_protocol + size;
    }
    auto value = static_cast<std::uint16_t>(~fold16(sum));
    if (value == 0 && (inner.transport_protocol == 17 || inner.transport_protocol == 136)) {
        value = 0xffff;
    }
    put16(inner.bytes, inner.transport + *inner.checksum, value);
}

Frame ports(std::uint16_t src, std::uint16_t dst, std::size_t size) {
    Frame header(size);
    put16(header, 0, src);
    put16(header, 2, dst);
    return header;
}

Frame icmp(std::uint8_t type, std::uint8_t code, std::uint32_t rest) {
    Frame header(8);
    header[0] = type;
    header[1] = code;
    put16(header, 4, rest >> 16);
    put16(header, 6, rest & 0xffff);
    return header;
}

struct Wrap {
    Inner& inner;

    void operator()(const Bytes& layer) const { prepend(inner.bytes, layer.bytes); }
    void operator()(const Udp& layer) const {
        Frame header = ports(layer.src_port, layer.dst_port, 8);
        put16(header, 4, static_cast<std::uint32_t>(inner.bytes.size() + 8));
        put16(header, 6, layer.checksum.value_or(0));
        transport(inner, header, layer.protocol, layer.checksum ? std::nullopt : std::optional<std::size_t>(6), true);
    }
    void operator()(const Tcp& layer) const {
        Frame header = ports(layer.src_port, layer.dst_port, 20 + layer.option_bytes);
        header[12] = static_cast<std::uint8_t>(header.size() / 4 << 4);
        header[13] = 0x10;
        std::fill(header.begin() + 20, header.end(), std::uint8_t{1});
        transport(inner, header, 6, 16, true);
    }
    void operator()(const Sctp& layer) const {
        Frame header = ports(layer.src_port, layer.dst_port, 12);
        put16(header, 8, 0xabcd);
        transport(inner, header, 132, std::nullopt, false);
    }
    void operator()(const Dccp& layer) const {
        Frame header = ports(layer.src_port, layer.dst_port, 16);
        header[4] = 4;
        transport(inner, header, 33, 6, true);
    }
    void operator()(const Icmp& layer) const {
        transport(inner, icmp(layer.type, layer.code, layer.rest), 1, 2, false);
    }
    void operator()(const Icmp6& layer) const {
        transport(inner, icmp(layer.type, layer.code, layer.rest), 58, 2, true);
    }
    void operator()(const Extension& layer) const {
        const std::size_t size = layer.type == 44 ? 8 : layer.type == 51 ? (layer.units + 2) * 4 : (layer.units + 1) * 8;
        Frame header(size);
        header[0] = layer.next.value_or(inner.protocol);
        header[1] = static_cast<std::uint8_t>(layer.type == 44 ? 0 : layer.units);
        if (layer.type == 44) {
            put16(header, 2, layer.fragment);
            inner.is_later_fragment |= (layer.fragment & 0xfff8) != 0;
        }
        if (layer.type == 43) {
            header[3] = layer.segments_left;
        }
        prepend(inner.bytes, header);
        inner.transport += size;
        inner.protocol = layer.type;
    }
    void operator()(const Ipv4& layer) const {
        const IpAddress src = address(layer.src);
        const IpAddress dst = address(layer.dst);
        inner.is_later_fragment |= (layer.fragment & 0x1fff) != 0;
        fill_checksum(inner, src, dst);
        Frame header(20 + layer.option_bytes);
        header[0] = layer.version_ihl.value_or(static_cast<std::uint8_t>(0x40 | header.size() / 4));
        header[1] = layer.tos;
        put16(header, 2, layer.total_length.value_or(static_cast<std::uint16_t>(header.size() + inner.bytes.size())));
        put16(header, 4, layer.identification);
        put16(header, 6, layer.fragment);
        header[8] = layer.ttl;
        header[9] = layer.protocol.value_or(inner.protocol);
        std::copy_n(src.bytes.begin(), 4, header.begin() + 12);
        std::copy_n(dst.bytes.begin(), 4, header.begin() + 16);
        std::fill(header.begin() + 20, header.end(), std::uint8_t{1});
        put16(header, 10, layer.checksum.value_or(static_cast<std::uint16_t>(~fold16(sum16(header.data(), header.size())))));
        prepend(inner.bytes, header);
        inner.ethertype = 0x0800;
    }
    void operator()(const Ipv6& layer) const {
        const IpAddress src = address(layer.src);
        const IpAddress dst = address(layer.dst);
        fill_checksum(inner, src, dst);
        Frame header(40);
        const std::uint32_t first = 6u << 28 | static_cast<std::uint32_t>(layer.traffic_class) << 20 | layer.flow_label;
        put16(header, 0, first >> 16);
        put16(header, 2, first & 0xffff);
        put16(header, 4, layer.payload_length.value_or(static_cast<std::uint16_t>(inner.bytes.size())));
        header[6] = layer.next_header.value_or(inner.protocol);
        header[7] = layer.hop_limit;
        std::copy(src.bytes.begin(), src.bytes.end(), header.begin() + 8);
        std::copy(dst.bytes.begin(), dst.bytes.end(), header.begin() + 24);
        prepend(inner.bytes, header);
        inner.ethertype = 0x86dd;
    }
    void operator()(const Vlan& layer) const {
        Frame header(4);
        put16(header, 0, layer.tci);
        put16(header, 2, inner.ethertype);
        prepend(inner.bytes, header);
        inner.ethertype = layer.tpid;
    }
    void operator()(const Ethernet& layer) const {
        Frame header(14);
        std::copy(layer.dst.bytes.begin(), layer.dst.bytes.end(), header.begin());
        std::copy(layer.src.bytes.begin(), layer.src.bytes.end(), header.begin() + 6);
        put16(header, 12, layer.type.value_or(inner.ethertype));
        prepend(inner.bytes, header);
    }
};

}  // namespace

Frame Stack::build() const {
    Inner inner;
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
        std::visit(Wrap{inner}, *layer);
    }
    return inner.bytes;
}

Bytes payload(std::size_t size) {
    Bytes result{Frame(size)};
    for (std::size_t i = 0; i < size; i++) {
        result.bytes[i] = static_cast<std::uint8_t>(i);
    }
    return result;
}

Frame padded(Frame frame, std::size_t size) {
    frame.resize(frame.size() + size);
    return frame;
}

std::uint32_t sum16(const std::uint8_t* data, std::size_t size, std::uint32_t start) {
    std::uint32_t sum = start;
    for (std::size_t i = 0; i < size; i += 2) {
        sum += static_cast<std::uint32_t>(data[i]) << 8 | (i + 1 < size ? data[i + 1] : 0u);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

std::uint16_t fold16(std::uint32_t sum) {
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(sum);
}

IpAddress address(const std::string& text) {
    const auto parsed = parse_ip_address(text);
    if (!parsed) {
        std::abort();
    }
    return *parsed;
}

std::string hex(const Frame& frame) {
    static constexpr char k_digits[] = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : frame) {
        text += k_digits[byte >> 4];
        text += k_digits[byte & 15];
    }
    return text;
}

}  // namespace rudder::test
