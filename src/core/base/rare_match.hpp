// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/net_types.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The fields of a match that few rules state: their values and how they are written.
namespace rudder {

/// TCP flags that must be set and that must be clear. *Shape*: bits as in the TCP header, FIN is bit 0, CWR bit 7.
struct TcpFlags {
    std::uint8_t set = 0;
    std::uint8_t clear = 0;
    friend auto operator<=>(const TcpFlags&, const TcpFlags&) = default;
};

/// Marks that agree with `value` in the bits of `mask`. *Shape*: value has no bit outside the mask.
struct MarkPattern {
    std::uint32_t value = 0;
    std::uint32_t mask = 0xffffffff;
    friend auto operator<=>(const MarkPattern&, const MarkPattern&) = default;
};

inline constexpr MacAddress k_whole_mac{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

/// Addresses that agree with `value` in the bits of `mask`. *Shape*: value has no bit outside the mask.
struct MacPattern {
    MacAddress value;
    MacAddress mask = k_whole_mac;
    friend auto operator<=>(const MacPattern&, const MacPattern&) = default;
};

/// Bits of RareMatch::fragment.
inline constexpr std::uint8_t k_fragment_none = 1;
inline constexpr std::uint8_t k_fragment_first = 2;
inline constexpr std::uint8_t k_fragment_later = 4;
inline constexpr std::uint8_t k_fragment_any = 7;
inline constexpr std::uint8_t k_ecn_any = 0xf;
inline constexpr std::uint32_t k_highest_icmp = 0xffff;

/// A list that is empty says nothing. *Shape*: ranges sorted, disjoint, not adjacent; other lists sorted, unique.
struct RareMatch {
    std::vector<ValueRange> icmp_types;       ///< type * 256 + code, of the rule's `ip_proto`
    std::vector<TcpFlags> tcp_flags;          ///< one of them must hold
    std::uint8_t fragment = k_fragment_any;   ///< k_fragment_*
    std::vector<ValueRange> lengths;          ///< bytes of the IP packet
    std::vector<ValueRange> ttls;
    std::uint8_t ecn = k_ecn_any;             ///< bit n set: ECN n matches
    std::vector<MarkPattern> fwmarks;
    std::vector<MacPattern> src_macs;
    std::vector<MacPattern> dst_macs;
    friend bool operator==(const RareMatch&, const RareMatch&) = default;
};

/// Some destination address to match is one of a group (multicast or broadcast), whatever its other bits are.
[[nodiscard]] bool has_group_mac(const RareMatch& match);

/// "8", "8-10", "3/4" (type and code) or the name of a type: "echo-request". Names are those of ICMPv6 if `is_v6`.
[[nodiscard]] std::optional<ValueRange> parse_icmp_type(std::string_view text, bool is_v6);
[[nodiscard]] std::string icmp_type_to_string(const ValueRange& range, bool is_v6);
/// The names of types of one family.
[[nodiscard]] std::vector<std::string_view> icmp_type_names(bool is_v6);

/// "syn,!ack": set and clear flags of fin, syn, rst, psh, ack, urg, ece, cwr. Empty if a word is none, or stands twice.
[[nodiscard]] std::optional<TcpFlags> parse_tcp_flags(std::string_view text);
[[nodiscard]] std::string to_string(const TcpFlags& flags);

/// "0x10" or "0x10/0xff", each decimal or hexadecimal. Bits outside the mask are an error.
[[nodiscard]] std::optional<MarkPattern> parse_mark_pattern(std::string_view text);
[[nodiscard]] std::string to_string(const MarkPattern& pattern);

/// "02:00:00:00:00:01" or "02:00:00:00:00:00/ff:ff:ff:00:00:00". Bits outside the mask are an error.
[[nodiscard]] std::optional<MacPattern> parse_mac_pattern(std::string_view text);
[[nodiscard]] std::string to_string(const MacPattern& pattern);

/// "ect0" for 2. *Source*: RFC 3168.
[[nodiscard]] std::optional<std::uint8_t> parse_ecn_name(std::string_view text);
[[nodiscard]] std::string ecn_to_string(std::uint8_t ecn);

/// One stated field: its key in the language, and its values as they may be written there.
struct FieldTexts {
    std::string_view key;
    std::vector<std::string> values;
};

/// The stated fields, in the order of the struct. `is_v6`: ICMP types are those of ICMPv6.
[[nodiscard]] std::vector<FieldTexts> field_texts(const RareMatch& match, bool is_v6);

}  // namespace rudder
