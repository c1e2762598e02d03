// SPDX-License-Identifier: Apache-2.0
#include "core/config/read_rare.hpp"

#include "core/config/codes.hpp"
#include "core/config/normalise.hpp"
#include "core/config/text.hpp"
#include "core/config/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rudder {
namespace {

constexpr std::uint8_t k_icmp = 1;
constexpr std::uint8_t k_tcp = 6;
constexpr std::uint8_t k_icmp6 = 58;

void report_value(const Reading& reading, const KeySpec& spec, const ConfigValue& value) {
    reading.error(spec.code, value.span, fmt::format("{} is no value for `{}`", quoted(*value.as_string()), spec.key));
}

void tidy(std::vector<ValueRange>& ranges) {
    normalise(ranges);
}

template <class Pattern>
void tidy(std::vector<Pattern>& patterns) {
    std::sort(patterns.begin(), patterns.end());
    patterns.erase(std::unique(patterns.begin(), patterns.end()), patterns.end());
}

class RareReader {
public:
    RareReader(const Reading& reading, RuleScope& scope, const ConfigTable& table, const Match& match)
        : reading_(reading), scope_(scope), table_(table), match_(match) {}

    RareMatch read() {
        RareMatch rare;
        read_icmp(rare.icmp_types);
        list("tcp_flags", rare.tcp_flags, [&](const KeySpec& spec, const ConfigValue& value) {
            return text<TcpFlags>(spec, value, parse_tcp_flags);
        });
        bits("fragment", rare.fragment, [&](const KeySpec& spec, const ConfigValue& value) {
            return read_word(reading_, spec, value);
        });
        const auto range = [&](const KeySpec& spec, const ConfigValue& value) { return read_range(reading_, spec, value); };
        list("length", rare.lengths, range);
        list("ttl", rare.ttls, range);
        bits("ecn", rare.ecn, [&](const KeySpec& spec, const ConfigValue& value) { return ecn(spec, value); });
        list("fwmark", rare.fwmarks, [&](const KeySpec& spec, const ConfigValue& value) {
            return value.as_integer() != nullptr
                       ? std::optional(MarkPattern{static_cast<std::uint32_t>(*value.as_integer())})
                       : text<MarkPattern>(spec, value, parse_mark_pattern);
        });
        for (auto [key, macs] : {std::pair("src_mac", &rare.src_macs), std::pair("dst_mac", &rare.dst_macs)})
            list(key, *macs, [&](const KeySpec& spec, const ConfigValue& value) {
                return text<MacPattern>(spec, value, parse_mac_pattern);
            });
        check_protocol(rare);
        return rare;
    }

    void check_fragment(const RareMatch& rare) {
        if (rare.fragment != k_fragment_later) return;
        const bool wants_more = !match_.src_ports.empty() || !match_.dst_ports.empty() || !rare.icmp_types.empty() ||
                                !rare.tcp_flags.empty();
        if (wants_more)
            reading_.error(code::later_fragment, find_entry(table_, "fragment")->value.span,
                           "nothing can match: later fragments have no ports, ICMP type or TCP flags");
    }

private:
    /// Calls read(spec, value) for each value of a key; a list with a mistake stays empty.
    template <class Entry, class Read>
    void list(std::string_view key, std::vector<Entry>& entries, Read read) {
        const ConfigEntry* stated = find_entry(table_, key);
        if (stated == nullptr) return;
        const KeySpec& spec = *find_key(k_match, key);
        const bool is_ok = for_each_scalar(reading_, spec, stated->value, [&](const ConfigValue& value) {
            const auto entry = read(spec, value);
            if (!entry || !scope_.entries.take(1, reading_, value.span)) return false;
            entries.push_back(*entry);
            return true;
        });
        if (!is_ok) entries.clear();
        tidy(entries);
    }

    template <class Read>
    void bits(std::string_view key, std::uint8_t& mask, Read read) {
        const ConfigEntry* stated = find_entry(table_, key);
        if (stated == nullptr) return;
        const KeySpec& spec = *find_key(k_match, key);
        unsigned wanted = 0;
        const bool is_ok = for_each_scalar(reading_, spec, stated->value, [&](const ConfigValue& value) {
            const auto bit = read(spec, value);
            if (bit) wanted |= 1u << *bit;
            return bit.has_value();
        });
        if (is_ok) mask = static_cast<std::uint8_t>(wanted);
    }

    template <class Value, class Parse>
    std::optional<Value> text(const KeySpec& spec, const ConfigValue& value, Parse parse) {
        std::optional<Value> parsed = parse(*value.as_string());
        if (!parsed) report_value(reading_, spec, value);
        return parsed;
    }

    std::optional<std::uint8_t> ecn(const KeySpec& spec, const ConfigValue& value) {
        if (value.as_integer() != nullptr) return static_cast<std::uint8_t>(*value.as_integer());
        const auto number = parse_ecn_name(*value.as_string());
        if (!number) report_word(reading_, spec, value);
        return number;
    }

    void read_icmp(std::vector<ValueRange>& types) {
        list("icmp_type", types, [&](const KeySpec& spec, const ConfigValue& value) -> std::optional<ValueRange> {
            const auto parsed = parse_icmp_type(
                value.as_integer() != nullptr ? fmt::format("{}", *value.as_integer()) : *value.as_string(), is_icmp6(match_));
            if (!parsed) report_icmp(spec, value);
            return parsed;
        });
    }

    void report_icmp(const KeySpec& spec, const ConfigValue& value) {
        const std::string meant = did_you_mean(*value.as_string(), icmp_type_names(is_icmp6(match_)));
        reading_.error(spec.code, value.span,
                       fmt::format("{} is no type of {}", quoted(*value.as_string()), is_icmp6(match_) ? "ICMPv6" : "ICMP"),
                       meant.empty() ? "" : fmt::format("did you mean \"{}\"?", meant));
    }

    void check_protocol(const RareMatch& rare) {
        const ConfigEntry* type = find_entry(table_, "icmp_type");
        if (type != nullptr && match_.ip_proto != k_icmp && match_.ip_proto != k_icmp6)
            reading_.error(code::icmp_without_protocol, type->key_span,
                           "`icmp_type` needs `ip_proto` to be \"icmp\" or \"icmp6\"");
        if (!rare.tcp_flags.empty() && match_.ip_proto && match_.ip_proto != k_tcp)
            reading_.error(code::flags_without_tcp, find_entry(table_, "tcp_flags")->key_span,
                           fmt::format("`tcp_flags` cannot match: the rule is for protocol {}",
                                       ip_protocol_to_string(*match_.ip_proto)));
    }

    const Reading& reading_;
    RuleScope& scope_;
    const ConfigTable& table_;
    const Match& match_;
};

// ---- what covers what ----------------------------------------------------------------------------

bool covers(const std::vector<ValueRange>& outer, const std::vector<ValueRange>& inner) {
    if (outer.empty()) return true;
    return !inner.empty() && std::all_of(inner.begin(), inner.end(), [&](const ValueRange& range) {
        return std::any_of(outer.begin(), outer.end(), [&](const ValueRange& wide) {
            return wide.first <= range.first && range.last <= wide.last;
        });
    });
}

bool holds(const TcpFlags& outer, const TcpFlags& inner) {
    return (outer.set & ~inner.set) == 0 && (outer.clear & ~inner.clear) == 0;
}

bool holds(const MarkPattern& outer, const MarkPattern& inner) {
    return (outer.mask & ~inner.mask) == 0 && (inner.value & outer.mask) == outer.value;
}

bool holds(const MacPattern& outer, const MacPattern& inner) {
    for (std::size_t i = 0; i < outer.mask.bytes.size(); ++i) {
        if ((outer.mask.bytes[i] & ~inner.mask.bytes[i]) != 0 ||
            (inner.value.bytes[i] & outer.mask.bytes[i]) != outer.value.bytes[i])
            return false;
    }
    return true;
}

template <class Pattern>
bool covers(const std::vector<Pattern>& outer, const std::vector<Pattern>& inner) {
    if (outer.empty()) return true;
    return !inner.empty() && std::all_of(inner.begin(), inner.end(), [&](const Pattern& narrow) {
        return std::any_of(outer.begin(), outer.end(), [&](const Pattern& wide) { return holds(wide, narrow); });
    });
}

bool covers(const RareMatch& outer, const RareMatch& inner) {
    return covers(outer.icmp_types, inner.icmp_types) && covers(outer.tcp_flags, inner.tcp_flags) &&
           (inner.fragment & ~outer.fragment) == 0 && covers(outer.lengths, inner.lengths) &&
           covers(outer.ttls, inner.ttls) && (inner.ecn & ~outer.ecn) == 0 && covers(outer.fwmarks, inner.fwmarks) &&
           covers(outer.src_macs, inner.src_macs) && covers(outer.dst_macs, inner.dst_macs);
}

}  // namespace

void read_rare(const Reading& reading, RuleScope& scope, const ConfigTable& table, Match& match) {
    static constexpr std::string_view k_keys[] = {"icmp_type", "tcp_flags", "fragment", "length", "ttl",
                                                  "ecn",       "fwmark",    "src_mac",  "dst_mac"};
    const bool has_any = std::any_of(table.begin(), table.end(), [](const ConfigEntry& entry) {
        return std::find(std::begin(k_keys), std::end(k_keys), entry.key) != std::end(k_keys);
    });
    if (!has_any) return;
    RareReader reader(reading, scope, table, match);
    RareMatch rare = reader.read();
    reader.check_fragment(rare);
    if (rare != RareMatch{}) match.rare = std::move(rare);
}

RareMatch read_excluded_rare(const Reading& reading, RuleScope& scope, const ConfigTable& table, const Match& match) {
    return RareReader(reading, scope, table, match).read();
}

bool covers(const HeapOptional<RareMatch>& outer, const HeapOptional<RareMatch>& inner) {
    if (!outer) return true;
    return covers(*outer, inner ? *inner : RareMatch{});
}

}  // namespace rudder
