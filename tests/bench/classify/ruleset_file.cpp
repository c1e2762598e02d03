// SPDX-License-Identifier: Apache-2.0
#include "ruleset_file.hpp"

#include <fstream>
#include <sstream>
#include <vector>

namespace rudder::bench {
namespace {

enum Column { k_priority, k_src, k_sport_lo, k_sport_hi, k_dst, k_dport_lo, k_dport_hi, k_proto, k_proto_mask, k_columns };

std::vector<std::string> cells_of(const std::string& line) {
    std::vector<std::string> cells;
    std::stringstream stream(line);
    for (std::string cell; std::getline(stream, cell, ',');) {
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

}  // namespace

Result<Policy> read_ruleset(const std::string& path) {
    std::ifstream file(path);
    Policy policy;
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
        const auto cells = cells_of(line);
        Rule rule;
        if (cells.size() < k_columns || !add_prefix(rule.match.src, cells[k_src]) || !add_prefix(rule.match.dst, cells[k_dst])) {
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

}  // namespace rudder::bench
