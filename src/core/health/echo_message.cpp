// SPDX-License-Identifier: Apache-2.0
#include "core/health/echo_message.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace rudder {
namespace {

constexpr std::uint8_t k_request4 = 8;
constexpr std::uint8_t k_reply4 = 0;
constexpr std::uint8_t k_request6 = 128;
constexpr std::uint8_t k_reply6 = 129;
constexpr std::size_t k_header_bytes = 8;
constexpr std::size_t k_least_ipv4_header_bytes = 20;

std::uint8_t high(std::uint16_t value) {
    return static_cast<std::uint8_t>(value >> 8);
}

std::uint8_t low(std::uint16_t value) {
    return static_cast<std::uint8_t>(value & 0xff);
}

/// *Source*: RFC 1071; for an even number of bytes.
std::uint16_t checksum(std::span<const std::uint8_t> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); i += 2) sum += (std::uint32_t{bytes[i]} << 8) + bytes[i + 1];
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

}  // namespace

std::vector<std::uint8_t> echo_request(IpFamily family, const Echo& echo) {
    const std::uint8_t type = family == IpFamily::v4 ? k_request4 : k_request6;
    const std::array<std::uint8_t, k_header_bytes> header = {
        type, 0, 0, 0, high(echo.identifier), low(echo.identifier), high(echo.sequence), low(echo.sequence)};
    std::vector<std::uint8_t> message(header.size() + echo.nonce.size());
    std::copy(echo.nonce.begin(), echo.nonce.end(), std::copy(header.begin(), header.end(), message.begin()));
    if (family == IpFamily::v4) {
        const std::uint16_t sum = checksum(message);
        message[2] = high(sum);
        message[3] = low(sum);
    }
    return message;
}

bool is_echo_reply(IpFamily family, std::span<const std::uint8_t> message, const Echo& echo, bool compares_identifier) {
    if (message.size() != k_header_bytes + echo.nonce.size()) return false;
    const bool is_reply = message[0] == (family == IpFamily::v4 ? k_reply4 : k_reply6) && message[1] == 0;
    const bool has_identifier = message[4] == high(echo.identifier) && message[5] == low(echo.identifier);
    const bool has_sequence = message[6] == high(echo.sequence) && message[7] == low(echo.sequence);
    return is_reply && (has_identifier || !compares_identifier) && has_sequence &&
           std::equal(echo.nonce.begin(), echo.nonce.end(), message.begin() + k_header_bytes);
}

std::span<const std::uint8_t> without_ipv4_header(std::span<const std::uint8_t> packet) {
    if (packet.size() < k_least_ipv4_header_bytes || packet[0] >> 4 != 4) return {};
    const std::size_t header_bytes = std::size_t{4} * (packet[0] & 0xf);
    if (header_bytes < k_least_ipv4_header_bytes || header_bytes > packet.size()) return {};
    return packet.subspan(header_bytes);
}

}  // namespace rudder
