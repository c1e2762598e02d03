// SPDX-License-Identifier: Apache-2.0
#include "ruleset_file.hpp"

#include "core/base/parse_number.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

namespace rudder::bench {
namespace {

enum Column {
    k_priority,
    k_src,
    k_sport_lo,
    k_sport_hi,
    k_dst,
    k_dport_lo,
    k_dport_hi,
    k_proto,
    k_proto_mask,
    k_columns
};

enum TraceColumn { t_src, t_dst, t_sport, t_dport, t_proto, t_first_match, t_columns };

/// Traces are long: every header of short ones is checked against the rules, of long ones one in so many.
constexpr std::size_t k_checked = 2000;

std::vector<std::string> cells_of(const std::string& line, char separator) {
    std::vector<std::string> cells;
    std::stringstream stream(line);
    for (std::string cell; std::getline(stream, cell, separator);) {
        cells.push_back(cell);
    }
    return cells;
}

void add_ports(std::vector<PortRange>& ports, const std::string& low, const std::string& high) {
    const auto range = parse_port_range(low + "-" + high);
    if (range && *range != PortRange{}) {
        ports.push_back(*range);
    }
}

bool add_prefix(std::vector<IpPrefix>& prefixes, const std::string& text) {
    const auto parsed = parse_ip_prefix(text);
    if (parsed.prefix && parsed.prefix->length > 0) {
        prefixes.push_back(*parsed.prefix);
    }
    return parsed.prefix.has_value();
}

std::optional<IpAddress> address_of(const std::string& text) {
    const auto number = parse_number(text, 0xffffffff).value;
    if (!number) {
        return parse_ip_address(text);
    }
    IpAddress address;
    for (unsigned i = 0; i < 4; ++i) {
        address.bytes[i] = static_cast<std::uint8_t>(*number >> (24 - 8 * i));
    }
    return address;
}

std::optional<rudder_packet> header_of(const std::vector<std::string>& cells) {
    const auto src = address_of(cells[t_src]);
    const auto dst = address_of(cells[t_dst]);
    const auto src_port = parse_number(cells[t_sport], 65535).value;
    const auto dst_port = parse_number(cells[t_dport], 65535).value;
    const auto protocol = parse_number(cells[t_proto], 255).value;
    if (!src || !dst || src->family != dst->family || !src_port || !dst_port || !protocol) {
        return std::nullopt;
    }
    rudder_packet packet{};
    packet.family = src->family == IpFamily::v4 ? 4 : 6;
    std::memcpy(packet.src_be, src->bytes.data(), src->bytes.size());
    std::memcpy(packet.dst_be, dst->bytes.data(), dst->bytes.size());
    packet.protocol = static_cast<std::uint8_t>(*protocol);
    packet.ttl = 64;
    // ClassBench gives every header ports, and its rules compare them for every protocol.
    packet.flags = RUDDER_PKT_HAS_PORTS;
    packet.src_port = static_cast<std::uint16_t>(*src_port);
    packet.dst_port = static_cast<std::uint16_t>(*dst_port);
    return packet;
}

}  // namespace

Result<Policy> read_ruleset(const std::string& path) {
    std::ifstream file(path);
    Policy policy;
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
        const auto cells = cells_of(line, ',');
        Rule rule;
        if (cells.size() < k_columns || !add_prefix(rule.match.src, cells[k_src]) ||
            !add_prefix(rule.match.dst, cells[k_dst])) {
            return Error{path + ": not a rule: " + line};
        }
        rule.name = "rule-" + cells[k_priority];
        rule.priority = static_cast<std::uint32_t>(policy.rules.size());
        rule.type = RuleType::drop;
        rule.match.interface.any = true;
        rule.match.family_v6 = cells[k_src].find(':') != std::string::npos;
        rule.match.family_v4 = !rule.match.family_v6;
        add_ports(rule.match.src_ports, cells[k_sport_lo], cells[k_sport_hi]);
        add_ports(rule.match.dst_ports, cells[k_dport_lo], cells[k_dport_hi]);
        if (cells[k_proto_mask] == "255") {
            rule.match.ip_proto = static_cast<std::uint8_t>(std::stoul(cells[k_proto]));
        }
        policy.rules.push_back(rule);
    }
    if (policy.rules.empty()) {
        return Error{path + ": no rules"};
    }
    return policy;
}

Result<Trace> read_trace(const std::string& path, const Policy& policy) {
    std::ifstream file(path);
    Trace trace;
    std::vector<std::uint32_t> expected;
    for (std::string line; std::getline(file, line);) {
        const auto cells = cells_of(line, '\t');
        const auto header = cells.size() < t_columns ? std::nullopt : header_of(cells);
        const auto rank = header ? parse_number(cells[t_first_match], RUDDER_NO_RULE).value : std::nullopt;
        if (!rank) {
            return Error{path + ": not a header: " + line};
        }
        trace.push_back(*header);
        expected.push_back(*rank);
    }
    for (std::size_t i = 0; i < trace.size(); i += 1 + trace.size() / k_checked) {
        if (first_match(policy, trace[i]) != expected[i]) {
            return Error{path + ": header " + std::to_string(i) + " matches another rule"};
        }
    }
    return trace.empty() ? Result<Trace>(Error{path + ": no headers"}) : trace;
}

}  // namespace rudder::bench
