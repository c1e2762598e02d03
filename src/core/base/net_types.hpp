// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rudder {

enum class IpFamily : std::uint8_t { v4 = 4, v6 = 6 };

/// An IPv4 or IPv6 address. *Byte order*: network; IPv4 uses bytes[0..3], the rest is zero.
struct IpAddress {
    IpFamily family = IpFamily::v4;
    std::array<std::uint8_t, 16> bytes{};

    friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

    [[nodiscard]] unsigned bits() const { return family == IpFamily::v4 ? 32 : 128; }
    [[nodiscard]] bool is_unspecified() const;
    [[nodiscard]] bool is_multicast() const;          ///< 224/4, ff00::/8
    [[nodiscard]] bool is_link_local() const;         ///< 169.254/16, fe80::/10
    [[nodiscard]] bool is_loopback() const;           ///< 127/8, ::1
    [[nodiscard]] bool is_limited_broadcast() const;  ///< 255.255.255.255
};

/// Dotted quad or RFC 4291 text, without scope or prefix length. *Source*: inet_pton(3) semantics.
[[nodiscard]] std::optional<IpAddress> parse_ip_address(std::string_view text);
[[nodiscard]] std::string to_string(const IpAddress& address);

/// A prefix whose host bits are zero. *Units*: length in bits, 0..32 or 0..128.
struct IpPrefix {
    IpAddress address;
    std::uint8_t length = 0;

    friend auto operator<=>(const IpPrefix&, const IpPrefix&) = default;
    [[nodiscard]] bool contains(const IpAddress& other) const;
    [[nodiscard]] bool contains(const IpPrefix& other) const;
};

/// The prefix of that length which `address` is in. *Units*: bits, at most those of the address.
[[nodiscard]] IpPrefix prefix_around(const IpAddress& address, std::uint8_t length);

enum class PrefixError { syntax, length, host_bits };

/// What parse_ip_prefix found: a prefix, or why not (for host_bits: with `fixed` the prefix that was meant).
struct PrefixParse {
    std::optional<IpPrefix> prefix;
    PrefixError error = PrefixError::syntax;
    std::optional<IpPrefix> fixed;
};

/// "10.0.0.0/8", "2001:db8::/32" or a bare address (a host prefix). Non-zero host bits are an error.
[[nodiscard]] PrefixParse parse_ip_prefix(std::string_view text);
[[nodiscard]] std::string to_string(const IpPrefix& prefix);

struct MacAddress {
    std::array<std::uint8_t, 6> bytes{};
    friend auto operator<=>(const MacAddress&, const MacAddress&) = default;
    [[nodiscard]] bool is_zero() const;
    [[nodiscard]] bool is_group() const;  ///< multicast or broadcast bit
};

/// Six hexadecimal octets separated by ':' or '-'.
[[nodiscard]] std::optional<MacAddress> parse_mac_address(std::string_view text);
[[nodiscard]] std::string to_string(const MacAddress& mac);

/// Inclusive range of ports.
struct PortRange {
    std::uint16_t first = 0;
    std::uint16_t last = 65535;
    friend auto operator<=>(const PortRange&, const PortRange&) = default;
};

/// Inclusive range of numbers: VLAN ids, lengths, hook classes, ...
struct ValueRange {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    friend auto operator<=>(const ValueRange&, const ValueRange&) = default;
};

/// "5" or "5-9" with numbers up to `maximum`. Empty if it is neither or the range is empty.
[[nodiscard]] std::optional<ValueRange> parse_value_range(std::string_view text, std::uint32_t maximum);
[[nodiscard]] std::string to_string(const ValueRange& range);

/// "5000" or "5000-5010". Empty if it is neither or the range is empty.
[[nodiscard]] std::optional<PortRange> parse_port_range(std::string_view text);
[[nodiscard]] std::string to_string(const PortRange& range);

/// DSCP by name: cs0..cs7, af11..af43, ef, va, le, df/be. *Source*: RFC 2474, 2597, 3246, 5865, 8622.
[[nodiscard]] std::optional<std::uint8_t> parse_dscp_name(std::string_view text);
/// "ef" for 46; the number where there is no name.
[[nodiscard]] std::string dscp_to_string(std::uint8_t dscp);

/// IP protocol by name: tcp, udp, icmp, icmp6, igmp, gre, esp, ah, sctp, udplite, dccp, ospf, vrrp, pim, ipip, ipv6, l2tp.
[[nodiscard]] std::optional<std::uint8_t> parse_ip_protocol_name(std::string_view text);
[[nodiscard]] std::string ip_protocol_to_string(std::uint8_t protocol);
/// True for TCP, UDP, UDP-Lite, SCTP and DCCP.
[[nodiscard]] bool ip_protocol_has_ports(std::uint8_t protocol);

}  // namespace rudder
