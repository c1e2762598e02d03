// SPDX-License-Identifier: Apache-2.0
#include "core/compile/statement.hpp"

#include "rudder_abi.h"
#include "rudder_classifier.h"

#include <algorithm>
#include <utility>

namespace rudder {
namespace {

std::vector<ValueRange> port_ranges(const std::vector<PortRange>& ports) {
    std::vector<ValueRange> ranges;
    for (const PortRange& range : ports) {
        ranges.push_back({range.first, range.last});
    }
    return ranges;
}

std::vector<ValueRange> dscp_ranges(std::uint64_t mask) {
    std::vector<ValueRange> ranges;
    for (std::uint32_t value = 0; value < 64 && mask != k_dscp_any; ++value) {
        if (((mask >> value) & 1) == 0) {
            continue;
        }
        if (!ranges.empty() && ranges.back().last + 1 == value) {
            ranges.back().last = value;
        } else {
            ranges.push_back({value, value});
        }
    }
    return ranges;
}

/// Numbers of rudder_vlan_of().
std::vector<ValueRange> vlan_ranges(const VlanMatch& vlan) {
    std::vector<ValueRange> ranges;
    if (vlan == k_vlan_any) {
        return ranges;
    }
    if (vlan.untagged) {
        ranges.push_back({0, 0});
    }
    for (const ValueRange& ids : vlan.ids) {
        ranges.push_back({RUDDER_IN_VLAN | ids.first, RUDDER_IN_VLAN | ids.last});
    }
    return ranges;
}

/// Fields that an extension compares with a rudder_list.
bool is_in_pieces(Field field) {
    return field == Field::src_port || field == Field::dst_port || field == Field::vlan;
}

std::size_t chunk_count(std::size_t ranges) { return std::max<std::size_t>(1, (ranges + RUDDER_MAX_LIST - 1) / RUDDER_MAX_LIST); }

std::vector<std::vector<ValueRange>> chunks(const std::vector<ValueRange>& ranges) {
    std::vector<std::vector<ValueRange>> result;
    for (std::size_t at = 0; at < ranges.size(); at += RUDDER_MAX_LIST) {
        const auto begin = ranges.begin() + static_cast<std::ptrdiff_t>(at);
        const auto end = ranges.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(ranges.size(), at + RUDDER_MAX_LIST));
        result.emplace_back(begin, end);
    }
    return result;
}

}  // namespace

Statement statement_of(const Match& match, const HookSet& hooks) {
    Statement statement;
    const auto add = [&statement](Field field, std::vector<ValueRange> ranges) {
        if (!ranges.empty()) {
            statement.push_back({field, std::move(ranges)});
        }
    };
    add(Field::src_port, port_ranges(match.src_ports));
    add(Field::dst_port, port_ranges(match.dst_ports));
    if (match.ip_proto) {
        add(Field::protocol, {{*match.ip_proto, *match.ip_proto}});
    }
    add(Field::dscp, dscp_ranges(match.dscp));
    add(Field::hook_class, hooks);
    add(Field::vlan, vlan_ranges(match.vlan));
    return statement;
}

const std::vector<ValueRange>* find_ranges(const Statement& statement, Field field) {
    const auto found =
        std::find_if(statement.begin(), statement.end(), [field](const FieldRanges& stated) { return stated.field == field; });
    return found == statement.end() ? nullptr : &found->ranges;
}

std::vector<Statement> pieces_of(const Statement& whole) {
    std::vector<Statement> pieces{whole};
    for (std::size_t i = 0; i < whole.size(); ++i) {
        if (!is_in_pieces(whole[i].field) || whole[i].ranges.size() <= RUDDER_MAX_LIST) {
            continue;
        }
        std::vector<Statement> finer;
        for (const Statement& piece : pieces) {
            for (auto& chunk : chunks(whole[i].ranges)) {
                finer.push_back(piece);
                finer.back()[i].ranges = std::move(chunk);
            }
        }
        pieces = std::move(finer);
    }
    return pieces;
}

std::size_t piece_count(const Match& match) {
    return chunk_count(match.src_ports.size()) * chunk_count(match.dst_ports.size()) *
           chunk_count(vlan_ranges(match.vlan).size());
}

std::set<Field> optional_fields(const Policy& policy) {
    std::set<Field> fields;
    const VlanMatch untagged;
    for (const Rule& rule : policy.rules) {
        if (rule.match.vlan != untagged) {
            fields.insert(Field::vlan);
        }
    }
    return fields;
}

std::uint32_t header_fields(const std::set<Field>& optional) {
    return optional.contains(Field::vlan) ? RUDDER_FIELD_VLAN : 0;
}

}  // namespace rudder
