// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/net_types.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

/// ICMP echo messages. *Source*: RFC 792, RFC 4443 section 4.
namespace rudder {

/// What an answer must bring back.
struct Echo {
    std::uint16_t identifier = 0;
    std::uint16_t sequence = 0;
    std::array<std::uint8_t, 8> nonce{};  ///< random: nobody off the path can answer
    friend bool operator==(const Echo&, const Echo&) = default;
};

/// The ICMP message, without IP header. The checksum of ICMPv6 is left to the kernel.
[[nodiscard]] std::vector<std::uint8_t> echo_request(IpFamily family, const Echo& echo);

/// True for the reply to that request. A ping socket replaces the identifier and checks it: then it is not compared.
[[nodiscard]] bool is_echo_reply(IpFamily family, std::span<const std::uint8_t> message, const Echo& echo,
                                 bool compares_identifier);

/// The payload of an IPv4 packet as a raw socket gives it; empty if there is none.
[[nodiscard]] std::span<const std::uint8_t> without_ipv4_header(std::span<const std::uint8_t> packet);

}  // namespace rudder
