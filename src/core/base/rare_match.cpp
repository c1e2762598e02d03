// SPDX-License-Identifier: Apache-2.0
#include "core/base/rare_match.hpp"

#include "core/base/parse_number.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <system_error>

namespace rudder {
namespace {

struct TypeName {
    std::string_view name;
    std::uint8_t type;
};

/// *Source*: IANA, ICMP and ICMPv6 parameters.
constexpr TypeName k_icmp4_types[] = {
    {"echo-reply", 0},           {"destination-unreachable", 3}, {"redirect", 5},
    {"echo-request", 8},         {"router-advertisement", 9},    {"router-solicitation", 10},
    {"time-exceeded", 11},       {"parameter-problem", 12},      {"timestamp-request", 13},
    {"timestamp-reply", 14},
};
constexpr TypeName k_icmp6_types[] = {
    {"destination-unreachable", 1}, {"packet-too-big", 2},         {"time-exceeded", 3},
    {"parameter-problem", 4},       {"echo-request", 128},         {"echo-reply", 129},
    {"mld-query", 130},             {"mld-report", 131},           {"mld-done", 132},
    {"router-solicitation", 133},   {"router-advertisement", 134}, {"neighbour-solicitation", 135},
    {"neighbour-advertisement", 136}, {"redirect", 137},           {"mld2-report", 143},
};
constexpr std::string_view k_tcp_flags[] = {"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"};
constexpr std::string_view k_ecn_names[] = {"not-ect", "ect1", "ect0", "ce"};
constexpr std::string_view k_fragment_names[] = {"none", "first", "later"};
constexpr std::uint32_t k_highest_octet = 255;

bool is_same(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char left, char right) {
        return (left >= 'A' && left <= 'Z' ? static_cast<char>(left - 'A' + 'a') : left) == right;
    });
}

template <std::size_t N>
std::optional<std::uint8_t> index_of(const std::string_view (&names)[N], std::string_view text) {
    const auto* found = std::find_if(std::begin(names), std::end(names),
                                     [text](std::string_view name) { return is_same(text, name); });
    if (found == std::end(names)) return std::nullopt;
    return static_cast<std::uint8_t>(found - std::begin(names));
}

const TypeName* begin_of_types(bool is_v6) {
    return is_v6 ? std::begin(k_icmp6_types) : std::begin(k_icmp4_types);
}

const TypeName* end_of_types(bool is_v6) {
    return is_v6 ? std::end(k_icmp6_types) : std::end(k_icmp4_types);
}

/// Decimal, or hexadecimal after "0x".
std::optional<std::uint32_t> parse_mark(std::string_view text) {
    if (!text.starts_with("0x") && !text.starts_with("0X")) return parse_number(text, 0xffffffff).value;
    std::uint32_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, code] = std::from_chars(text.data() + 2, end, value, 16);
    if (code != std::errc{} || stop != end || text.size() == 2) return std::nullopt;
    return value;
}

std::vector<std::string> named_bits(std::uint8_t bits, const std::string_view* names, unsigned count) {
    std::vector<std::string> texts;
    for (unsigned bit = 0; bit < count; ++bit)
        if ((bits >> bit & 1) != 0) texts.emplace_back(names[bit]);
    return texts;
}

template <class T>
std::vector<std::string> texts_of(const std::vector<T>& values) {
    std::vector<std::string> texts;
    for (const T& value : values) texts.push_back(to_string(value));
    return texts;
}

}  // namespace

bool has_group_mac(const RareMatch& match) {
    return std::any_of(match.dst_macs.begin(), match.dst_macs.end(),
                       [](const MacPattern& pattern) { return (pattern.value.bytes[0] & 1) != 0; });
}

std::optional<ValueRange> parse_icmp_type(std::string_view text, bool is_v6) {
    const auto* named = std::find_if(begin_of_types(is_v6), end_of_types(is_v6),
                                     [text](const TypeName& known) { return is_same(text, known.name); });
    if (named != end_of_types(is_v6)) return ValueRange{named->type * 256u, named->type * 256u + k_highest_octet};
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) {
        const auto types = parse_value_range(text, k_highest_octet);
        if (!types) return std::nullopt;
        return ValueRange{types->first * 256, types->last * 256 + k_highest_octet};
    }
    const auto type = parse_number(text.substr(0, slash), k_highest_octet).value;
    const auto code = parse_number(text.substr(slash + 1), k_highest_octet).value;
    if (!type || !code) return std::nullopt;
    return ValueRange{*type * 256 + *code, *type * 256 + *code};
}

std::string icmp_type_to_string(const ValueRange& range, bool is_v6) {
    if (range.first == range.last) return fmt::format("{}/{}", range.first / 256, range.first % 256);
    const auto* named = std::find_if(begin_of_types(is_v6), end_of_types(is_v6),
                                     [&](const TypeName& known) { return known.type == range.first / 256; });
    if (range.first / 256 == range.last / 256 && named != end_of_types(is_v6)) return std::string(named->name);
    return to_string(ValueRange{range.first / 256, range.last / 256});
}

std::vector<std::string_view> icmp_type_names(bool is_v6) {
    std::vector<std::string_view> names;
    std::transform(begin_of_types(is_v6), end_of_types(is_v6), std::back_inserter(names),
                   [](const TypeName& known) { return known.name; });
    return names;
}

std::optional<TcpFlags> parse_tcp_flags(std::string_view text) {
    TcpFlags flags;
    while (true) {
        const std::size_t comma = text.find(',');
        std::string_view word = text.substr(0, comma);
        const bool is_clear = word.starts_with('!');
        if (is_clear) word.remove_prefix(1);
        const auto bit = index_of(k_tcp_flags, word);
        if (!bit || ((flags.set | flags.clear) >> *bit & 1) != 0) return std::nullopt;
        std::uint8_t& wanted = is_clear ? flags.clear : flags.set;
        wanted = static_cast<std::uint8_t>(wanted | 1u << *bit);
        if (comma == std::string_view::npos) return flags;
        text.remove_prefix(comma + 1);
    }
}

std::string to_string(const TcpFlags& flags) {
    std::string text;
    for (unsigned bit = 0; bit < std::size(k_tcp_flags); ++bit) {
        if (((flags.set | flags.clear) >> bit & 1) == 0) continue;
        text += fmt::format("{}{}{}", text.empty() ? "" : ",", (flags.clear >> bit & 1) != 0 ? "!" : "", k_tcp_flags[bit]);
    }
    return text;
}

std::optional<MarkPattern> parse_mark_pattern(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto value = parse_mark(text.substr(0, slash));
    const auto mask = slash == std::string_view::npos ? std::optional(0xffffffffu) : parse_mark(text.substr(slash + 1));
    if (!value || !mask || (*value & ~*mask) != 0) return std::nullopt;
    return MarkPattern{*value, *mask};
}

std::string to_string(const MarkPattern& pattern) {
    if (pattern.mask == 0xffffffff) return fmt::format("{:#x}", pattern.value);
    return fmt::format("{:#x}/{:#x}", pattern.value, pattern.mask);
}

std::optional<MacPattern> parse_mac_pattern(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto value = parse_mac_address(text.substr(0, slash));
    const auto mask = slash == std::string_view::npos ? std::optional(k_whole_mac) : parse_mac_address(text.substr(slash + 1));
    if (!value || !mask) return std::nullopt;
    for (std::size_t i = 0; i < value->bytes.size(); ++i)
        if ((value->bytes[i] & ~mask->bytes[i]) != 0) return std::nullopt;
    return MacPattern{*value, *mask};
}

std::string to_string(const MacPattern& pattern) {
    if (pattern.mask == k_whole_mac) return to_string(pattern.value);
    return to_string(pattern.value) + "/" + to_string(pattern.mask);
}

std::optional<std::uint8_t> parse_ecn_name(std::string_view text) {
    return index_of(k_ecn_names, text);
}

std::string ecn_to_string(std::uint8_t ecn) {
    return std::string(k_ecn_names[ecn & 3u]);
}

std::vector<FieldTexts> field_texts(const RareMatch& match, bool is_v6) {
    std::vector<FieldTexts> fields;
    const auto add = [&fields](std::string_view key, std::vector<std::string> values) {
        if (!values.empty()) fields.push_back({key, std::move(values)});
    };
    std::vector<std::string> types;
    for (const ValueRange& range : match.icmp_types) types.push_back(icmp_type_to_string(range, is_v6));
    add("icmp_type", std::move(types));
    add("tcp_flags", texts_of(match.tcp_flags));
    if (match.fragment != k_fragment_any) add("fragment", named_bits(match.fragment, k_fragment_names, 3));
    add("length", texts_of(match.lengths));
    add("ttl", texts_of(match.ttls));
    if (match.ecn != k_ecn_any) add("ecn", named_bits(match.ecn, k_ecn_names, 4));
    add("fwmark", texts_of(match.fwmarks));
    add("src_mac", texts_of(match.src_macs));
    add("dst_mac", texts_of(match.dst_macs));
    return fields;
}

}  // namespace rudder
