// SPDX-License-Identifier: Apache-2.0
#include "core/base/net_types.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

/// Names of code points in the IP header: DSCP values and protocol numbers.
namespace rudder {
namespace {

struct CodeName {
    std::uint8_t code;
    std::string_view name;
};

// The first name of a code is the one that is shown.
constexpr std::array k_dscp_names = {
    CodeName{0, "cs0"},   CodeName{8, "cs1"},   CodeName{16, "cs2"},  CodeName{24, "cs3"},  CodeName{32, "cs4"},
    CodeName{40, "cs5"},  CodeName{48, "cs6"},  CodeName{56, "cs7"},  CodeName{10, "af11"}, CodeName{12, "af12"},
    CodeName{14, "af13"}, CodeName{18, "af21"}, CodeName{20, "af22"}, CodeName{22, "af23"}, CodeName{26, "af31"},
    CodeName{28, "af32"}, CodeName{30, "af33"}, CodeName{34, "af41"}, CodeName{36, "af42"}, CodeName{38, "af43"},
    CodeName{46, "ef"},   CodeName{44, "va"},   CodeName{1, "le"},    CodeName{0, "df"},    CodeName{0, "be"},
};

constexpr std::uint8_t k_tcp = 6;
constexpr std::uint8_t k_udp = 17;
constexpr std::uint8_t k_dccp = 33;
constexpr std::uint8_t k_sctp = 132;
constexpr std::uint8_t k_udplite = 136;

constexpr std::array k_protocol_names = {
    CodeName{k_tcp, "tcp"},   CodeName{k_udp, "udp"},
    CodeName{1, "icmp"},      CodeName{58, "icmp6"},
    CodeName{2, "igmp"},      CodeName{47, "gre"},
    CodeName{50, "esp"},      CodeName{51, "ah"},
    CodeName{k_sctp, "sctp"}, CodeName{k_udplite, "udplite"},
    CodeName{k_dccp, "dccp"}, CodeName{89, "ospf"},
    CodeName{112, "vrrp"},    CodeName{103, "pim"},
    CodeName{4, "ipip"},      CodeName{41, "ipv6"},
    CodeName{115, "l2tp"},
};

char to_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_same_word(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return to_lower(x) == to_lower(y); });
}

template <std::size_t N>
std::optional<std::uint8_t> code_of(const std::array<CodeName, N>& names, std::string_view text) {
    for (const CodeName& entry : names) {
        if (is_same_word(entry.name, text)) return entry.code;
    }
    return std::nullopt;
}

template <std::size_t N>
std::string name_of(const std::array<CodeName, N>& names, std::uint8_t code) {
    for (const CodeName& entry : names) {
        if (entry.code == code) return std::string(entry.name);
    }
    return fmt::format("{}", code);
}

}  // namespace

std::optional<std::uint8_t> parse_dscp_name(std::string_view text) {
    return code_of(k_dscp_names, text);
}
std::string dscp_to_string(std::uint8_t dscp) {
    return name_of(k_dscp_names, dscp);
}

std::optional<std::uint8_t> parse_ip_protocol_name(std::string_view text) {
    return code_of(k_protocol_names, text);
}
std::string ip_protocol_to_string(std::uint8_t protocol) {
    return name_of(k_protocol_names, protocol);
}

bool ip_protocol_has_ports(std::uint8_t protocol) {
    return protocol == k_tcp || protocol == k_udp || protocol == k_dccp || protocol == k_sctp || protocol == k_udplite;
}

}  // namespace rudder
