// SPDX-License-Identifier: Apache-2.0
#include "core/compile/statement.hpp"

#include "rudder_abi.h"
#include "rudder_classifier.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace rudder {
namespace {

constexpr std::size_t k_usual_fields = 6;  ///< of a statement: saves it from growing

std::vector<ValueRange> zero() {
    return {{0, 0}};
}

std::vector<ValueRange> port_ranges(const std::vector<PortRange>& ports) {
    std::vector<ValueRange> ranges;
    ranges.reserve(ports.size());
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

std::uint64_t number_of(const MacAddress& mac) {
    std::uint64_t number = 0;
    for (const std::uint8_t byte : mac.bytes) {
        number = number << 8 | byte;
    }
    return number;
}

/// The ranges of the lower 32 bits that hold all of these.
std::vector<ValueRange> hulls_of(const std::vector<Masked>& masked) {
    std::vector<ValueRange> hulls;
    for (const Masked& entry : masked) {
        const auto value = static_cast<std::uint32_t>(entry.value);
        hulls.push_back({value, value | ~static_cast<std::uint32_t>(entry.mask)});
    }
    std::sort(hulls.begin(), hulls.end());
    std::vector<ValueRange> merged;
    for (const ValueRange& hull : hulls) {
        if (!merged.empty() && hull.first <= merged.back().last) {
            merged.back().last = std::max(merged.back().last, hull.last);
        } else {
            merged.push_back(hull);
        }
    }
    return merged;
}

/// How long a list of this field may be in the blob; 0: as long as it is.
std::size_t longest_list(Field field) {
    switch (field) {
        case Field::src_port:
        case Field::dst_port:
        case Field::vlan:
        case Field::length:
        case Field::icmp_type: return RUDDER_MAX_LIST;
        case Field::fwmark:
        case Field::src_mac:
        case Field::dst_mac: return RUDDER_MAX_MASKED;
        default: return 0;
    }
}

std::size_t entries_of(const FieldRanges& stated) {
    return stated.masked.empty() ? stated.ranges.size() : stated.masked.size();
}

std::size_t chunk_count(Field field, std::size_t entries) {
    const std::size_t longest = longest_list(field);
    return entries <= longest ? 1 : (entries + longest - 1) / longest;
}

template <class Entry>
std::vector<std::vector<Entry>> chunks(const std::vector<Entry>& entries, std::size_t longest) {
    std::vector<std::vector<Entry>> result;
    for (std::size_t at = 0; at < entries.size(); at += longest) {
        const auto begin = entries.begin() + static_cast<std::ptrdiff_t>(at);
        const auto end = entries.begin() + static_cast<std::ptrdiff_t>(std::min(entries.size(), at + longest));
        result.emplace_back(begin, end);
    }
    return result;
}

std::vector<FieldRanges> parts_of(const FieldRanges& stated) {
    std::vector<FieldRanges> parts;
    const std::size_t longest = longest_list(stated.field);
    if (stated.masked.empty()) {
        for (auto& chunk : chunks(stated.ranges, longest)) {
            parts.push_back({stated.field, std::move(chunk)});
        }
    }
    for (auto& chunk : chunks(stated.masked, longest)) {
        auto hulls = hulls_of(chunk);
        parts.push_back({stated.field, std::move(hulls), std::move(chunk)});
    }
    return parts;
}

/// The values of the flags' octet that hold one of these.
std::vector<ValueRange> flag_ranges(const std::vector<TcpFlags>& wanted) {
    std::vector<ValueRange> ranges;
    for (std::uint32_t value = 0; !wanted.empty() && value < 256; ++value) {
        const bool holds = std::any_of(wanted.begin(), wanted.end(), [value](const TcpFlags& flags) {
            return (value & flags.set) == flags.set && (value & flags.clear) == 0;
        });
        if (holds && !ranges.empty() && ranges.back().last + 1 == value) {
            ranges.back().last = value;
        } else if (holds) {
            ranges.push_back({value, value});
        }
    }
    return ranges;
}

void add_rare(Statement& statement, const RareMatch& rare) {
    const auto add = [&statement](Field field, const std::vector<ValueRange>& ranges) {
        if (!ranges.empty()) {
            statement.push_back({field, ranges});
        }
    };
    const auto add_masked = [&statement](Field field, std::vector<Masked> masked) {
        if (!masked.empty()) {
            auto hulls = hulls_of(masked);
            statement.push_back({field, std::move(hulls), std::move(masked)});
        }
    };
    add(Field::length, rare.lengths);
    add(Field::ttl, rare.ttls);
    add(Field::tcp_flags, flag_ranges(rare.tcp_flags));
    add(Field::icmp_type, rare.icmp_types);
    add_masked(Field::fwmark, masked_of(rare.fwmarks));
    add_masked(Field::src_mac, masked_of(rare.src_macs));
    add_masked(Field::dst_mac, masked_of(rare.dst_macs));
}

void add_fields(std::set<Field>& fields, const RareMatch& rare) {
    Statement stated;
    add_rare(stated, rare);
    for (const FieldRanges& field : stated) {
        fields.insert(field.field);
    }
}

/// Packets without a field have the number 0 in the key.
void add_absent(Statement& statement, const Leftover& leftover) {
    if (leftover.tcp_flags == Presence::absent) {
        statement.push_back({Field::tcp_flags, zero()});
    }
    if (leftover.icmp == Presence::absent) {
        statement.push_back({Field::icmp_type, zero()});
    }
}

}  // namespace

std::vector<Masked> masked_of(const std::vector<MarkPattern>& patterns) {
    std::vector<Masked> masked;
    for (const MarkPattern& pattern : patterns) {
        masked.push_back({pattern.value, pattern.mask});
    }
    return masked;
}

std::vector<Masked> masked_of(const std::vector<MacPattern>& patterns) {
    std::vector<Masked> masked;
    for (const MacPattern& pattern : patterns) {
        masked.push_back({RUDDER_A_MAC | number_of(pattern.value), RUDDER_A_MAC | number_of(pattern.mask)});
    }
    return masked;
}

Statement statement_of(const Variant& variant, const HookSet& hooks) {
    const Match& match = variant.match();
    Statement statement;
    statement.reserve(k_usual_fields);
    const auto add = [&statement](Field field, std::vector<ValueRange> ranges) {
        if (!ranges.empty()) {
            statement.push_back({field, std::move(ranges)});
        }
    };
    const bool lacks_ports = variant.leftover.ports == Presence::absent;
    add(Field::src_port, lacks_ports ? zero() : port_ranges(match.src_ports));
    add(Field::dst_port, lacks_ports ? zero() : port_ranges(match.dst_ports));
    add(Field::protocol, match.ip_proto ? std::vector<ValueRange>{{*match.ip_proto, *match.ip_proto}} : variant.leftover.protocols);
    add(Field::dscp, dscp_ranges(match.dscp));
    add(Field::hook_class, hooks);
    add(Field::vlan, vlan_ranges(match.vlan));
    if (match.rare) {
        add_rare(statement, *match.rare);
    }
    add_absent(statement, variant.leftover);
    add(Field::fwmark, variant.leftover.marks);
    std::ranges::sort(statement, {}, &FieldRanges::field);
    return statement;
}

const FieldRanges* find_field(const Statement& statement, Field field) {
    const auto found =
        std::find_if(statement.begin(), statement.end(), [field](const FieldRanges& stated) { return stated.field == field; });
    return found == statement.end() ? nullptr : &*found;
}

const std::vector<ValueRange>* find_ranges(const Statement& statement, Field field) {
    const FieldRanges* found = find_field(statement, field);
    return found == nullptr ? nullptr : &found->ranges;
}

std::vector<Statement> pieces_of(Statement whole) {
    const std::size_t fields = whole.size();
    std::vector<Statement> pieces;
    pieces.push_back(std::move(whole));
    for (std::size_t i = 0; i < fields; ++i) {
        const std::size_t longest = longest_list(pieces.front()[i].field);
        if (longest == 0 || entries_of(pieces.front()[i]) <= longest) {
            continue;
        }
        const FieldRanges stated = pieces.front()[i];
        std::vector<Statement> finer;
        for (const Statement& piece : pieces) {
            for (FieldRanges& part : parts_of(stated)) {
                finer.push_back(piece);
                finer.back()[i] = std::move(part);
            }
        }
        pieces = std::move(finer);
    }
    return pieces;
}

std::size_t piece_count(const Match& match) {
    std::size_t count = chunk_count(Field::src_port, match.src_ports.size()) *
                        chunk_count(Field::dst_port, match.dst_ports.size()) *
                        chunk_count(Field::vlan, match.vlan.ids.size() + (match.vlan.untagged ? 1 : 0));
    if (match.rare) {
        count *= chunk_count(Field::length, match.rare->lengths.size()) *
                 chunk_count(Field::icmp_type, match.rare->icmp_types.size()) *
                 chunk_count(Field::fwmark, match.rare->fwmarks.size()) *
                 chunk_count(Field::src_mac, match.rare->src_macs.size()) *
                 chunk_count(Field::dst_mac, match.rare->dst_macs.size());
    }
    return count;
}

std::set<Field> optional_fields(const Policy& policy) {
    std::set<Field> fields;
    const VlanMatch untagged;
    for (const Rule& rule : policy.rules) {
        if (rule.match.vlan != untagged) {
            fields.insert(Field::vlan);
        }
        if (rule.match.rare) {
            add_fields(fields, *rule.match.rare);
        }
        if (rule.match.excluded) {
            add_fields(fields, rule.match.excluded->rare);
        }
    }
    return fields;
}

std::uint32_t header_fields(const std::set<Field>& optional) {
    const auto has_any = [&optional](std::initializer_list<Field> fields) {
        return std::any_of(fields.begin(), fields.end(), [&](Field field) { return optional.contains(field); });
    };
    return (has_any({Field::vlan}) ? RUDDER_FIELD_VLAN : 0u) |
           (has_any({Field::length, Field::ttl}) ? RUDDER_FIELD_HEADER : 0u) |
           (has_any({Field::tcp_flags, Field::icmp_type}) ? RUDDER_FIELD_TRANSPORT : 0u) |
           (has_any({Field::fwmark, Field::src_mac, Field::dst_mac}) ? RUDDER_FIELD_LINK : 0u);
}

}  // namespace rudder
