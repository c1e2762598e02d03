// SPDX-License-Identifier: Apache-2.0
#include "core/base/policy.hpp"

#include <fmt/format.h>

#include <algorithm>

/// Policies in one line of words, for tables and logs.
namespace rudder {
namespace {

// Longer lists are cut: the whole list is in the JSON document of the rules.
constexpr std::size_t k_listed_items = 8;
constexpr std::uint8_t k_dscp_values = 64;

std::string list(const std::vector<std::string>& items, const char* separator) {
    const std::size_t shown = std::min(items.size(), k_listed_items);
    std::string out;
    for (std::size_t i = 0; i < shown; ++i) {
        if (i > 0) out += separator;
        out += items[i];
    }
    if (shown < items.size()) out += fmt::format("{}+{} more", separator, items.size() - shown);
    return out;
}

template <class T>
std::vector<std::string> texts_of(const std::vector<T>& values) {
    std::vector<std::string> texts;
    for (const T& value : values) texts.push_back(to_string(value));
    return texts;
}

std::vector<std::string> dscp_texts(std::uint64_t mask) {
    std::vector<std::string> texts;
    for (std::uint8_t dscp = 0; dscp < k_dscp_values; ++dscp) {
        if ((mask >> dscp & 1u) != 0) texts.push_back(dscp_to_string(dscp));
    }
    return texts;
}

/// Words separated by one blank.
class Words {
public:
    void add(std::string_view word) {
        if (!text_.empty()) text_ += ' ';
        text_ += word;
    }
    void add(std::string_view word, const std::string& value) {
        add(word);
        add(value);
    }
    [[nodiscard]] const std::string& text() const { return text_; }

private:
    std::string text_;
};

bool states_family(const std::vector<IpPrefix>& prefixes, IpFamily family) {
    return !prefixes.empty() && std::all_of(prefixes.begin(), prefixes.end(), [family](const IpPrefix& prefix) {
        return prefix.address.family == family;
    });
}

/// "ipv4" or "ipv6" where the rule is for one family only and its prefixes do not show it.
std::string unstated_family(const Match& match) {
    if (match.family_v4 == match.family_v6) return {};
    const IpFamily family = match.family_v4 ? IpFamily::v4 : IpFamily::v6;
    if (states_family(match.src, family) || states_family(match.dst, family)) return {};
    return family == IpFamily::v4 ? "ipv4" : "ipv6";
}

std::string endpoint_to_string(const IpAddress& address, std::optional<std::uint16_t> port) {
    if (!port) return to_string(address);
    if (address.family == IpFamily::v4) return fmt::format("{}:{}", to_string(address), *port);
    return fmt::format("[{}]:{}", to_string(address), *port);
}

std::string ttl_to_string(const TtlAction& ttl) {
    return ttl.mode == TtlAction::Mode::keep ? "keep" : fmt::format("{}", ttl.value);
}

std::string rewrite_to_string(const Rewrite& rewrite) {
    Words words;
    if (rewrite.dst_ip) words.add("dst", to_string(*rewrite.dst_ip));
    if (rewrite.dst_port) words.add("dport", fmt::format("{}", *rewrite.dst_port));
    if (rewrite.src_ip) words.add("src", to_string(*rewrite.src_ip));
    if (rewrite.is_src_of_interface) words.add("src", "interface");
    if (rewrite.src_port) words.add("sport", fmt::format("{}", *rewrite.src_port));
    if (rewrite.dscp) words.add("dscp", dscp_to_string(*rewrite.dscp));
    if (rewrite.ttl.mode != TtlAction::Mode::decrement) words.add("ttl", ttl_to_string(rewrite.ttl));
    if (rewrite.vlan) words.add("vlan", *rewrite.vlan == 0 ? "none" : fmt::format("{}", *rewrite.vlan));
    return words.text();
}

void add_way_out(Words& words, const Target& target) {
    if (target.group.empty()) words.add("via");
    words.add(way_to_string(target));
    if (target.next_hop) words.add("next-hop", to_string(*target.next_hop));
    if (target.next_hop_mac) words.add("mac", to_string(*target.next_hop_mac));
}

void add_rewrite(Words& words, const Rewrite& rewrite) {
    const std::string text = rewrite_to_string(rewrite);
    if (!text.empty()) words.add("set", text);
}

std::string steer_to_string(const Rule& rule) {
    Words words;
    for (const Target& target : rule.targets) {
        add_way_out(words, target);
        add_rewrite(words, target.rewrite);
    }
    if (rule.failure_drops) words.add("on-failure drop");
    return words.text();
}

/// "join" or "join from 10.0.0.1,10.0.0.2".
std::string join_to_string(const Join& join) {
    return join.sources.empty() ? "join" : "join from " + list(texts_of(join.sources), ",");
}

/// The new destination first, for it is what tells the copies apart.
std::string copy_to_string(const Target& target) {
    Words words;
    Rewrite rest = target.rewrite;
    if (rest.dst_ip) {
        words.add(endpoint_to_string(*rest.dst_ip, rest.dst_port));
        rest.dst_ip.reset();
        rest.dst_port.reset();
    }
    add_way_out(words, target);
    add_rewrite(words, rest);
    if (target.sample != 1) words.add("sample", fmt::format("1/{}", target.sample));
    if (target.limit) words.add("limit", to_string(*target.limit));
    return words.text();
}

std::string replicate_to_string(const Rule& rule) {
    std::vector<std::string> copies;
    for (const Target& target : rule.targets) copies.push_back(copy_to_string(target));
    const char* noun = copies.size() == 1 ? "target" : "targets";
    const char* original = rule.original_passes ? "; original passes" : "";
    return fmt::format("{} {}: {}{}", copies.size(), noun, list(copies, "; "), original);
}

std::string mirror_to_string(const Rule& rule) {
    std::vector<std::string> devices;
    for (const Target& target : rule.targets) devices.push_back(target.via);
    std::string text = "to " + list(devices, ",");
    if (rule.targets.empty()) return text;
    const Target& copy = rule.targets.front();
    if (copy.snap != 0) text += fmt::format(" snap {}", copy.snap);
    return copy.sample == 1 ? text : text + fmt::format(" sample 1/{}", copy.sample);
}

std::string limit_to_string(const Rule& rule) {
    const char* excess = rule.type == RuleType::mirror ? "" : rule.excess_drops ? ", excess drop" : ", excess pass";
    return "limit " + to_string(*rule.limit) + excess;
}

}  // namespace

std::string to_string(RuleType type) {
    switch (type) {
        case RuleType::pass:
            return "pass";
        case RuleType::drop:
            return "drop";
        case RuleType::steer:
            return "steer";
        case RuleType::replicate:
            return "replicate";
        case RuleType::mirror:
            return "mirror";
    }
    return "unknown";
}

std::string to_string(Direction direction) {
    return direction == Direction::ingress ? "ingress" : "egress";
}

std::string to_string(const InterfaceSelector& selector) {
    std::vector<std::string> patterns;
    if (selector.any) patterns.emplace_back("any");
    patterns.insert(patterns.end(), selector.include.begin(), selector.include.end());
    for (const std::string& pattern : selector.exclude) patterns.push_back("!" + pattern);
    return list(patterns, ",");
}

std::string way_to_string(const Target& target) {
    if (!target.group.empty()) return "group " + target.group;
    return target.table ? fmt::format("table {}", *target.table) : target.via;
}

namespace {

void add_excluded(Words& words, const Match& match) {
    const Exclusion& excluded = *match.excluded;
    const auto add = [&words](std::string_view key, const std::vector<std::string>& values) {
        if (!values.empty()) words.add("not " + std::string(key), list(values, ","));
    };
    add("dscp", dscp_texts(excluded.dscp));
    add("src", texts_of(excluded.src));
    add("dst", texts_of(excluded.dst));
    if (excluded.ip_proto) add("proto", {ip_protocol_to_string(*excluded.ip_proto)});
    add("sport", texts_of(excluded.src_ports));
    add("dport", texts_of(excluded.dst_ports));
    add("vlan", vlan_texts(excluded.vlan));
    for (const FieldTexts& field : field_texts(excluded.rare, is_icmp6(match))) add(field.key, field.values);
}

}  // namespace

std::string match_to_string(const Match& match) {
    Words words;
    const std::string family = unstated_family(match);
    if (!family.empty()) words.add(family);
    if (match.dscp != k_dscp_any) words.add("dscp", list(dscp_texts(match.dscp), ","));
    if (!match.src.empty()) words.add("src", list(texts_of(match.src), ","));
    if (!match.dst.empty()) words.add("dst", list(texts_of(match.dst), ","));
    if (match.ip_proto) words.add("proto", ip_protocol_to_string(*match.ip_proto));
    if (!match.src_ports.empty()) words.add("sport", list(texts_of(match.src_ports), ","));
    if (!match.dst_ports.empty()) words.add("dport", list(texts_of(match.dst_ports), ","));
    if (match.vlan != VlanMatch{}) words.add("vlan", list(vlan_texts(match.vlan), ","));
    if (match.rare) {
        for (const FieldTexts& field : field_texts(*match.rare, is_icmp6(match))) words.add(field.key, list(field.values, ","));
    }
    if (match.excluded) add_excluded(words, match);
    return words.text().empty() ? "-" : words.text();
}

bool is_icmp6(const Match& match) {
    constexpr std::uint8_t k_icmp6 = 58;
    return match.ip_proto == k_icmp6;
}

std::vector<std::string> vlan_texts(const VlanMatch& vlan) {
    if (vlan == k_vlan_any) return {"any"};
    std::vector<std::string> texts = texts_of(vlan.ids);
    if (vlan.untagged) texts.insert(texts.begin(), "none");
    return texts;
}

std::string action_to_string(const Rule& rule) {
    std::string text = to_string(rule.type);
    if (rule.type == RuleType::steer) text = steer_to_string(rule);
    if (rule.type == RuleType::replicate) text = replicate_to_string(rule);
    if (rule.type == RuleType::mirror) text = mirror_to_string(rule);
    if (rule.limit) text += "; " + limit_to_string(rule);
    return rule.join ? text + "; " + join_to_string(*rule.join) : text;
}

}  // namespace rudder
