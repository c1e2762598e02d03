// SPDX-License-Identifier: Apache-2.0
#include "core/base/net_types.hpp"
#include "core/base/parse_number.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>

namespace rudder {
namespace {

constexpr std::size_t k_v6_groups = 8;
constexpr std::size_t k_group_digits = 4;

using V4Bytes = std::array<std::uint8_t, 4>;

std::optional<V4Bytes> parse_dotted_quad(std::string_view text) {
    V4Bytes bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const bool is_last = i + 1 == bytes.size();
        const std::size_t end = is_last ? text.size() : text.find('.');
        if (end == std::string_view::npos) return std::nullopt;
        const NumberParse number = parse_number(text.substr(0, end), 255);
        if (!number.value) return std::nullopt;
        bytes[i] = static_cast<std::uint8_t>(*number.value);
        if (!is_last) text.remove_prefix(end + 1);
    }
    return bytes;
}

std::optional<std::uint16_t> parse_group(std::string_view text) {
    if (text.empty() || text.size() > k_group_digits) return std::nullopt;
    std::uint16_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// Groups on one side of "::", or of the whole address.
struct Groups {
    std::array<std::uint16_t, k_v6_groups> values{};
    std::size_t count = 0;

    bool add(std::uint16_t value) {
        if (count == values.size()) return false;
        values[count++] = value;
        return true;
    }
};

bool add_dotted_quad(Groups& groups, std::string_view text) {
    const auto quad = parse_dotted_quad(text);
    if (!quad) return false;
    const auto high = static_cast<std::uint16_t>((*quad)[0] << 8 | (*quad)[1]);
    const auto low = static_cast<std::uint16_t>((*quad)[2] << 8 | (*quad)[3]);
    return groups.add(high) && groups.add(low);
}

/// "a:b:c", a dotted quad in last place where `may_end_in_v4`. Empty text has no groups.
std::optional<Groups> parse_groups(std::string_view text, bool may_end_in_v4) {
    Groups groups;
    if (text.empty()) return groups;
    while (true) {
        const std::size_t colon = text.find(':');
        const std::string_view token = text.substr(0, colon);
        const bool is_last = colon == std::string_view::npos;
        if (is_last && may_end_in_v4 && token.find('.') != std::string_view::npos) {
            if (!add_dotted_quad(groups, token)) return std::nullopt;
            return groups;
        }
        const auto group = parse_group(token);
        if (!group || !groups.add(*group)) return std::nullopt;
        if (is_last) return groups;
        text.remove_prefix(colon + 1);
    }
}

IpAddress v6_from_groups(const std::array<std::uint16_t, k_v6_groups>& groups) {
    IpAddress address{IpFamily::v6, {}};
    for (std::size_t i = 0; i < groups.size(); ++i) {
        address.bytes[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
        address.bytes[2 * i + 1] = static_cast<std::uint8_t>(groups[i] & 0xff);
    }
    return address;
}

std::optional<IpAddress> parse_v6(std::string_view text) {
    const std::size_t gap = text.find("::");
    if (gap == std::string_view::npos) {
        const auto groups = parse_groups(text, true);
        if (!groups || groups->count != k_v6_groups) return std::nullopt;
        return v6_from_groups(groups->values);
    }
    const auto head = parse_groups(text.substr(0, gap), false);
    const auto tail = parse_groups(text.substr(gap + 2), true);
    if (!head || !tail || head->count + tail->count >= k_v6_groups) return std::nullopt;
    std::array<std::uint16_t, k_v6_groups> groups{};
    std::copy_n(head->values.begin(), head->count, groups.begin());
    std::copy_n(tail->values.begin(), tail->count, groups.end() - static_cast<std::ptrdiff_t>(tail->count));
    return v6_from_groups(groups);
}

std::string v4_to_string(const std::uint8_t* bytes) {
    return fmt::format("{}.{}.{}.{}", bytes[0], bytes[1], bytes[2], bytes[3]);
}

struct ZeroRun {
    std::size_t first = 0;
    std::size_t count = 0;
};

/// The longest run of zero groups, the first of equals; runs of one group are not shortened (RFC 5952 section 4.2).
ZeroRun longest_zero_run(const std::array<std::uint16_t, k_v6_groups>& groups) {
    ZeroRun best;
    ZeroRun run;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        if (groups[i] != 0) {
            run = {};
            continue;
        }
        if (run.count == 0) run.first = i;
        ++run.count;
        if (run.count > best.count) best = run;
    }
    return best.count > 1 ? best : ZeroRun{};
}

std::string v6_to_string(const std::array<std::uint8_t, 16>& bytes) {
    std::array<std::uint16_t, k_v6_groups> groups{};
    for (std::size_t i = 0; i < groups.size(); ++i) {
        groups[i] = static_cast<std::uint16_t>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
    }
    const ZeroRun gap = longest_zero_run(groups);
    if (gap.first == 0 && gap.count == 5 && groups[5] == 0xffff) return "::ffff:" + v4_to_string(bytes.data() + 12);
    std::string out;
    for (std::size_t i = 0; i < groups.size();) {
        if (gap.count != 0 && i == gap.first) {
            out += "::";
            i += gap.count;
            continue;
        }
        if (!out.empty() && out.back() != ':') out += ':';
        out += fmt::format("{:x}", groups[i++]);
    }
    return out;
}

bool has_zeros(const IpAddress& address, std::size_t first, std::size_t end) {
    return std::all_of(address.bytes.begin() + static_cast<std::ptrdiff_t>(first),
                       address.bytes.begin() + static_cast<std::ptrdiff_t>(end),
                       [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

bool IpAddress::is_unspecified() const {
    return has_zeros(*this, 0, bits() / 8);
}

bool IpAddress::is_multicast() const {
    return family == IpFamily::v4 ? (bytes[0] & 0xf0u) == 0xe0u : bytes[0] == 0xff;
}

bool IpAddress::is_link_local() const {
    if (family == IpFamily::v4) return bytes[0] == 169 && bytes[1] == 254;
    return bytes[0] == 0xfe && (bytes[1] & 0xc0u) == 0x80u;
}

bool IpAddress::is_loopback() const {
    if (family == IpFamily::v4) return bytes[0] == 127;
    return has_zeros(*this, 0, 15) && bytes[15] == 1;
}

bool IpAddress::is_limited_broadcast() const {
    return family == IpFamily::v4 &&
           std::all_of(bytes.begin(), bytes.begin() + 4, [](std::uint8_t byte) { return byte == 0xff; });
}

std::optional<IpAddress> parse_ip_address(std::string_view text) {
    if (text.find(':') != std::string_view::npos) return parse_v6(text);
    const auto quad = parse_dotted_quad(text);
    if (!quad) return std::nullopt;
    IpAddress address;
    std::copy(quad->begin(), quad->end(), address.bytes.begin());
    return address;
}

std::string to_string(const IpAddress& address) {
    return address.family == IpFamily::v4 ? v4_to_string(address.bytes.data()) : v6_to_string(address.bytes);
}

}  // namespace rudder
