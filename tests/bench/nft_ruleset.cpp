// SPDX-License-Identifier: Apache-2.0
#include "nft_ruleset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace rudder::bench {
namespace {

constexpr const char* k_chain = " chain c {{\n  type filter hook ingress device in0 priority 0;\n";

std::string ports(const PortRange& range) {
    return range.first == range.last ? std::to_string(range.first) : fmt::format("{}-{}", range.first, range.last);
}

std::string rule_text(const Rule& rule) {
    const Match& match = rule.match;
    std::string text = "  ";
    if (!match.src.empty()) {
        text += fmt::format("ip saddr {} ", to_string(match.src[0]));
    }
    if (!match.dst.empty()) {
        text += fmt::format("ip daddr {} ", to_string(match.dst[0]));
    }
    if (match.ip_proto) {
        text += fmt::format("meta l4proto {} ", *match.ip_proto);
    }
    if (!match.src_ports.empty()) {
        text += fmt::format("th sport {} ", ports(match.src_ports[0]));
    }
    if (!match.dst_ports.empty()) {
        text += fmt::format("th dport {} ", ports(match.dst_ports[0]));
    }
    return text + "fwd to \"out0\"\n";
}

/// Lowest and highest value of each field.
struct Box {
    std::array<std::uint32_t, 5> first{};
    std::array<std::uint32_t, 5> last{};

    [[nodiscard]] bool holds(const std::array<std::uint32_t, 5>& corner) const {
        for (std::size_t i = 0; i < corner.size(); ++i) {
            if (corner[i] < first[i] || corner[i] > last[i]) {
                return false;
            }
        }
        return true;
    }
};

void set_prefix(Box& box, std::size_t field, const std::vector<IpPrefix>& prefixes) {
    box.last[field] = 0xffffffff;
    if (!prefixes.empty()) {
        const auto& bytes = prefixes[0].address.bytes;
        const std::uint32_t value =
            std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
        box.first[field] = value;
        box.last[field] = static_cast<std::uint32_t>(value | (std::uint64_t{0xffffffff} >> prefixes[0].length));
    }
}

void set_ports(Box& box, std::size_t field, const std::vector<PortRange>& list) {
    const PortRange range = list.empty() ? PortRange{} : list[0];
    box.first[field] = range.first;
    box.last[field] = range.last;
}

Box box_of(const Match& match) {
    Box box;
    set_prefix(box, 0, match.src);
    set_prefix(box, 1, match.dst);
    box.first[2] = match.ip_proto.value_or(0);
    box.last[2] = match.ip_proto.value_or(255);
    set_ports(box, 3, match.src_ports);
    set_ports(box, 4, match.dst_ports);
    return box;
}

std::string element(const Match& match, const Box& box) {
    const auto range = [&box](std::size_t field) {
        return box.first[field] == box.last[field] ? std::to_string(box.first[field])
                                                   : fmt::format("{}-{}", box.first[field], box.last[field]);
    };
    const auto prefix = [](const std::vector<IpPrefix>& list) {
        return list.empty() ? "0.0.0.0/0" : to_string(list[0]);
    };
    return fmt::format("{} . {} . {} . {} . {} : goto out", prefix(match.src), prefix(match.dst), range(2), range(3),
                       range(4));
}

}  // namespace

std::string nft_list_ruleset(const std::string& table, const std::vector<Rule>& rules) {
    std::string text = fmt::format("table netdev {} {{\n flags dormant;\n", table) + fmt::format(k_chain);
    for (const Rule& rule : rules) {
        text += rule_text(rule);
    }
    return text + " }\n}\n";
}

NftMap nft_map_ruleset(const std::string& table, const std::vector<Rule>& rules) {
    std::vector<Box> boxes;
    std::string elements;
    std::string others;
    for (const Rule& rule : rules) {
        const Box box = box_of(rule.match);
        const bool is_refused = std::any_of(boxes.begin(), boxes.end(), [&box](const Box& earlier) {
            return earlier.holds(box.first) || earlier.holds(box.last);
        });
        if (is_refused) {
            others += rule_text(rule);
            continue;
        }
        elements += (elements.empty() ? "" : ",\n    ") + element(rule.match, box);
        boxes.push_back(box);
    }
    const std::string text = fmt::format(
        "table netdev {} {{\n flags dormant;\n chain out {{ fwd to \"out0\"; }}\n"
        " map m {{\n  type ipv4_addr . ipv4_addr . inet_proto . inet_service . inet_service : verdict; flags "
        "interval;\n"
        "  elements = {{ {} }}\n }}\n",
        table, elements);
    const char* lookup = "  ip saddr . ip daddr . meta l4proto . th sport . th dport vmap @m\n";
    return {text + fmt::format(k_chain) + lookup + others + " }\n}\n", boxes.size()};
}

}  // namespace rudder::bench
