// SPDX-License-Identifier: Apache-2.0
#include "core/base/policy.hpp"

#include <algorithm>

namespace rudder {
namespace {

/// FNV-1a, whose values are part of what a restart keeps.
class Fnv {
public:
    void add(std::string_view bytes) {
        for (const char byte : bytes) value_ = (value_ ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
        value_ = (value_ ^ 0xffu) * 0x100000001b3u;  // ends the field
    }
    [[nodiscard]] std::uint64_t value() const { return value_; }

private:
    std::uint64_t value_ = 0xcbf29ce484222325u;
};

template <class T>
std::string text_or_empty(const std::optional<T>& value) {
    return value ? to_string(*value) : std::string();
}

}  // namespace

const VlanMatch k_vlan_any{true, {{1, 4095}}};

bool is_same_rule(const Rule& a, const Rule& b) {
    return a.name == b.name && a.priority == b.priority && a.type == b.type && a.match == b.match &&
           a.targets == b.targets && a.original_passes == b.original_passes && a.failure_drops == b.failure_drops &&
           a.join == b.join && a.limit == b.limit && a.excess_drops == b.excess_drops;
}

bool is_same_group(const Group& a, const Group& b) {
    return a.name == b.name && a.hash == b.hash && a.members == b.members && a.probe == b.probe;
}

const Group* find_group(const Policy& policy, std::string_view name) {
    const auto found = std::lower_bound(policy.groups.begin(), policy.groups.end(), name,
                                        [](const Group& group, std::string_view wanted) { return group.name < wanted; });
    return found == policy.groups.end() || found->name != name ? nullptr : &*found;
}

std::optional<IpAddress> probe_destination(const HealthProbe& probe, const GroupMember& member) {
    if (probe.address) return probe.address;
    return member.way.next_hop ? member.way.next_hop : member.way.rewrite.dst_ip;
}

Target member_target(const Target& target, const GroupMember& member) {
    Target merged = target;
    merged.group.clear();
    merged.via = member.way.via;
    merged.table = member.way.table;
    merged.next_hop = member.way.next_hop;
    merged.next_hop_mac = member.way.next_hop_mac;
    if (member.way.rewrite.dst_ip) merged.rewrite.dst_ip = member.way.rewrite.dst_ip;
    if (member.way.rewrite.dst_port) merged.rewrite.dst_port = member.way.rewrite.dst_port;
    return merged;
}

std::uint64_t member_identity(const GroupMember& member) {
    const Target& way = member.way;
    Fnv hash;
    hash.add(way.via);
    hash.add(way.table ? std::to_string(*way.table) : std::string());
    hash.add(text_or_empty(way.next_hop));
    hash.add(text_or_empty(way.next_hop_mac));
    hash.add(text_or_empty(way.rewrite.dst_ip));
    hash.add(way.rewrite.dst_port ? std::to_string(*way.rewrite.dst_port) : std::string());
    return hash.value() == 0 ? 1 : hash.value();
}

}  // namespace rudder
