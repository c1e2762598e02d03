// SPDX-License-Identifier: Apache-2.0
#include "core/config/values.hpp"

#include "core/config/codes.hpp"
#include "core/config/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace rudder {
namespace {

constexpr std::size_t k_altname_bytes = 127;  // ALTIFNAMSIZ - 1

bool is_name_byte(char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '.' || byte == '_' || byte == '-';
}

/// Why a text cannot name an interface; empty if it can. Source: dev_valid_name() of the kernel, with the length of
/// altnames.
std::string_view device_name_flaw(std::string_view text) {
    if (text.empty()) return "is empty";
    if (text.size() > k_altname_bytes) return "is longer than 127 bytes";
    if (text == "." || text == "..") return "is no interface name";
    const auto is_bad = [](char byte) {
        return static_cast<unsigned char>(byte) <= 0x20 || byte == 0x7f || byte == '/';
    };
    if (std::any_of(text.begin(), text.end(), is_bad)) return "holds a blank, a control character or a slash";
    return {};
}

bool has_any_of(std::string_view text, std::string_view bytes) {
    return text.find_first_of(bytes) != std::string_view::npos;
}

std::string prefix_help(std::string_view text) {
    if (text.starts_with('@')) return "a set cannot refer to another set";
    if (text.find('%') != std::string_view::npos)
        return "write the address without its scope; `interface` selects the link";
    if (text.find('-') != std::string_view::npos) return "write a range of addresses as a list of prefixes";
    return {};
}

void report_reversed(const Reading& reading, const ConfigValue& value, const ValueRange& fixed) {
    reading.error(code::reversed_range, value.span,
                  fmt::format("the range {} ends before it starts", quoted(*value.as_string())),
                  fmt::format("did you mean \"{}\"?", to_string(fixed)));
}

/// The numbers of a range that is written the wrong way round.
std::optional<ValueRange> reversed_range(std::string_view text, std::uint32_t maximum) {
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto low = parse_value_range(text.substr(0, dash), maximum);
    const auto high = parse_value_range(text.substr(dash + 1), maximum);
    const bool is_reversed = low && high && low->first == low->last && high->first == high->last;
    return is_reversed ? std::optional(ValueRange{high->first, low->first}) : std::nullopt;
}

}  // namespace

std::optional<std::string> read_name(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    const std::string& text = *value.as_string();
    const auto length = static_cast<std::int64_t>(text.size());
    if (length >= spec.minimum && length <= spec.maximum && std::all_of(text.begin(), text.end(), is_name_byte))
        return text;
    reading.error(spec.code, value.span,
                  fmt::format("{} is no name; allowed are {} to {} letters, digits, `.`, `_` and `-`", quoted(text),
                              spec.minimum, spec.maximum));
    return std::nullopt;
}

std::optional<IpPrefix> read_prefix(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    const std::string& text = *value.as_string();
    const PrefixParse parse = parse_ip_prefix(text);
    if (parse.prefix) return parse.prefix;
    if (parse.error == PrefixError::length)
        reading.error(
            code::prefix_length, value.span,
            fmt::format("the length of prefix {} is out of range; allowed are 0 to 32 for IPv4, 0 to 128 for IPv6",
                        quoted(text)));
    else if (parse.error == PrefixError::host_bits)
        reading.error(code::host_bits, value.span, fmt::format("prefix {} has host bits set", quoted(text)),
                      parse.fixed ? fmt::format("did you mean \"{}\"?", to_string(*parse.fixed)) : "");
    else
        reading.error(spec.code, value.span,
                      fmt::format("{} is no IPv4 or IPv6 prefix, such as 10.0.0.0/8 or 2001:db8::/32", quoted(text)),
                      prefix_help(text));
    return std::nullopt;
}

std::optional<IpAddress> read_address(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    const std::string& text = *value.as_string();
    std::optional<IpAddress> address = parse_ip_address(text);
    if (address) return address;
    std::string help;
    if (text.find('/') != std::string::npos) help = "one address, without a prefix length";
    if (text.find('%') != std::string::npos) help = "write the address without its scope; `via` names the interface";
    const std::string word = spec.words.empty() ? "" : fmt::format(", and not \"{}\"", spec.words.front());
    reading.error(spec.code, value.span,
                  fmt::format("`{}` is {}, which is no IPv4 or IPv6 address{}", spec.key, quoted(text), word),
                  std::move(help));
    return std::nullopt;
}

std::optional<IpAddress> read_source_address(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    const auto address = read_address(reading, spec, value);
    if (!address) return address;
    if (!address->is_multicast() && !address->is_unspecified() && !address->is_loopback() &&
        !address->is_limited_broadcast())
        return address;
    reading.error(code::unusable_address, value.span,
                  fmt::format("{} cannot be the source of a packet on a link", quoted(*value.as_string())));
    return std::nullopt;
}

std::optional<MacAddress> read_mac(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    const std::string& text = *value.as_string();
    const std::optional<MacAddress> mac = parse_mac_address(text);
    if (!mac) {
        reading.error(spec.code, value.span,
                      fmt::format("{} is no MAC address, such as 02:00:00:00:00:01", quoted(text)));
        return std::nullopt;
    }
    if (!mac->is_zero() && !mac->is_group()) return mac;
    reading.error(code::mac_not_unicast, value.span,
                  fmt::format("{} is {}; a next hop has a unicast address", quoted(text),
                              mac->is_zero() ? "all zero" : "a multicast or broadcast address"));
    return std::nullopt;
}

std::optional<ValueRange> read_range(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    if (const std::int64_t* number = value.as_integer()) {
        const auto single = static_cast<std::uint32_t>(*number);
        return ValueRange{single, single};
    }
    const std::string& text = *value.as_string();
    const auto maximum = static_cast<std::uint32_t>(spec.maximum);
    const auto range = parse_value_range(text, maximum);
    if (range && range->first >= spec.minimum) return range;
    if (const auto fixed = range ? std::nullopt : reversed_range(text, maximum)) {
        report_reversed(reading, value, *fixed);
        return std::nullopt;
    }
    std::string text_of_words;
    for (const std::string_view word : spec.words) text_of_words += fmt::format(", \"{}\"", word);
    reading.error(spec.code, value.span,
                  fmt::format("{} is no number or range for `{}`; allowed are {} to {}, \"lo-hi\"{}", quoted(text),
                              spec.key, spec.minimum, spec.maximum, text_of_words),
                  text.find(',') != std::string::npos ? "write several as a list, such as [1, \"5-9\"]" : "");
    return std::nullopt;
}

std::optional<PortRange> read_ports(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    const auto range = read_range(reading, spec, value);
    if (!range) return std::nullopt;
    return PortRange{static_cast<std::uint16_t>(range->first), static_cast<std::uint16_t>(range->last)};
}

bool read_vlan(const Reading& reading, const KeySpec& spec, const ConfigValue& value, VlanMatch& vlan) {
    const std::string* text = value.as_string();
    if (text != nullptr && is_same_word(*text, "none")) {
        vlan.untagged = true;
        return true;
    }
    if (text != nullptr && is_same_word(*text, "any")) {
        vlan = k_vlan_any;
        return true;
    }
    const auto ids = read_range(reading, spec, value);
    if (ids) vlan.ids.push_back(*ids);
    return ids.has_value();
}

std::optional<std::uint8_t> read_dscp(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    if (const std::int64_t* number = value.as_integer()) return static_cast<std::uint8_t>(*number);
    const std::optional<std::uint8_t> dscp = parse_dscp_name(*value.as_string());
    if (!dscp) report_word(reading, spec, value);
    return dscp;
}

std::optional<RateLimit> read_rate(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    const std::string& text = *value.as_string();
    const std::optional<RateLimit> limit = parse_rate_limit(text);
    if (!limit)
        reading.error(spec.code, value.span,
                      fmt::format("{} is no rate; allowed are 1pps to 1000mpps and 1kbit to 1000gbit", quoted(text)));
    return limit;
}

std::optional<TtlAction> read_ttl(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    if (const std::int64_t* number = value.as_integer())
        return TtlAction{TtlAction::Mode::set, static_cast<std::uint8_t>(*number)};
    if (is_same_word(*value.as_string(), spec.words.front())) return TtlAction{TtlAction::Mode::keep, 0};
    report_word(reading, spec, value);
    return std::nullopt;
}

std::optional<std::uint16_t> read_new_vlan(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    if (const std::int64_t* number = value.as_integer()) return static_cast<std::uint16_t>(*number);
    if (is_same_word(*value.as_string(), spec.words.front())) return std::uint16_t{0};
    report_word(reading, spec, value);
    return std::nullopt;
}

std::optional<std::string> read_device(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    const std::string& text = *value.as_string();
    std::string_view flaw = device_name_flaw(text);
    if (flaw.empty() && has_any_of(text, "*?")) flaw = "is a pattern";
    if (flaw.empty() && (text.starts_with('!') || is_same_word(text, "any")))
        flaw = "selects interfaces instead of naming one";
    if (flaw.empty()) return text;
    reading.error(spec.code, value.span,
                  fmt::format("`{}` names exactly one interface; {} {}", spec.key, quoted(text), flaw));
    return std::nullopt;
}

bool read_protocol(const Reading& reading, const KeySpec& spec, const ConfigValue& value,
                   std::optional<std::uint8_t>& protocol) {
    if (const std::int64_t* number = value.as_integer()) {
        protocol = static_cast<std::uint8_t>(*number);
        return true;
    }
    if (is_same_word(*value.as_string(), "any")) return true;
    protocol = parse_ip_protocol_name(*value.as_string());
    if (!protocol) report_word(reading, spec, value);
    return protocol.has_value();
}

std::optional<std::size_t> read_word(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    const std::string& text = *value.as_string();
    const auto found = std::find_if(spec.words.begin(), spec.words.end(),
                                    [&](std::string_view word) { return is_same_word(text, word); });
    if (found != spec.words.end()) return static_cast<std::size_t>(found - spec.words.begin());
    report_word(reading, spec, value);
    return std::nullopt;
}

bool read_interface(const Reading& reading, const KeySpec& spec, const ConfigValue& value,
                    InterfaceSelector& selector) {
    const std::string& text = *value.as_string();
    const bool is_exclusion = text.starts_with('!');
    const std::string name = is_exclusion ? text.substr(1) : text;
    const bool is_any = is_same_word(name, "any");
    if (is_any && !is_exclusion) {
        selector.any = true;
        return true;
    }
    std::string_view flaw = device_name_flaw(name);
    if (flaw.empty() && has_any_of(name, "[]")) flaw = "holds a character class, which patterns here do not have";
    if (flaw.empty() && has_any_of(name, ",")) flaw = "holds a comma; write several names as a list";
    if (flaw.empty() && (name.starts_with('!') || is_any)) flaw = "excludes everything";
    if (flaw.empty()) {
        (is_exclusion ? selector.exclude : selector.include).push_back(name);
        return true;
    }
    reading.error(spec.code, value.span,
                  fmt::format("{} {}; allowed are names, patterns with `*` and `?`, and \"any\"", quoted(text), flaw));
    return false;
}

}  // namespace rudder
