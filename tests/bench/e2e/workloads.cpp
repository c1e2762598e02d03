// SPDX-License-Identifier: Apache-2.0
#include "workloads.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <arpa/inet.h>

namespace rudder::bench {

namespace {

IpAddress address_of(std::uint32_t value) {
    IpAddress address;
    for (unsigned i = 0; i < 4; ++i) address.bytes[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
    return address;
}

IpPrefix prefix_of(std::uint32_t value, std::uint8_t length) {
    return {address_of(length == 0 ? 0 : value & (~0u << (32 - length))), length};
}

Target target_to_sink(const Lab& lab) {
    Target target;
    target.via = lab.output.name;
    target.next_hop_mac = lab.sink.mac;
    return target;
}

Rule rule_at(const std::string& name, std::uint32_t priority, RuleType type) {
    Rule rule;
    rule.name = name;
    rule.priority = priority;
    rule.type = type;
    rule.match.interface.include = {"in0"};
    rule.match.family_v6 = false;
    return rule;
}

}  // namespace

Workload steer_workload(const Lab& lab, Kind kind, std::size_t size, std::size_t headers) {
    Workload workload{fmt::format("{} {}", to_string(kind), size), to_string(kind), {}, {}};
    const Policy policy = generate_policy({kind, IpFamily::v4, size, 1});
    for (const Rule& generated : policy.rules) {
        Rule rule = generated;
        rule.type = RuleType::steer;
        rule.match.interface = {};
        rule.match.interface.include = {"in0"};
        rule.targets = {target_to_sink(lab)};
        workload.rules.push_back(std::move(rule));
    }
    for (const rudder_packet& packet : generate_hits(policy, headers, 2))
        workload.trace.push_back(make_header(ntohl(packet.src_be[0]), ntohl(packet.dst_be[0]), packet.src_port,
                                             packet.dst_port, packet.protocol));
    return workload;
}

Workload replicate_workload(const Lab& lab, std::uint32_t targets) {
    Workload workload{fmt::format("{} target{}", targets, targets == 1 ? "" : "s"), "stream", {}, {}};
    auto rule = rule_at("stream", 1, RuleType::replicate);
    rule.match.dst = {prefix_of(0xefu << 24 | 0x010101, 32)};
    for (std::uint32_t i = 0; i < targets; ++i) {
        auto target = target_to_sink(lab);
        target.rewrite.dst_ip = address_of(0xc6336400u + 10 + i);  // 198.51.100.10 and on
        rule.targets.push_back(target);
    }
    workload.rules.push_back(rule);
    workload.trace = {make_header(0xc0000202u, 0xef010101u, 5000, 5000, 17)};
    return workload;
}

std::vector<e2e_target> clone_targets(const Lab& lab, const Workload& workload) {
    std::vector<e2e_target> result;
    for (const auto& target : workload.rules.front().targets) {
        e2e_target entry{};
        entry.ifindex = lab.output.ifindex;
        std::copy_n(target.rewrite.dst_ip->bytes.begin(), 4, reinterpret_cast<std::uint8_t*>(&entry.dst_be));
        std::copy(lab.sink.mac.bytes.begin(), lab.sink.mac.bytes.end(), entry.dst_mac);
        std::copy(lab.output.mac.bytes.begin(), lab.output.mac.bytes.end(), entry.src_mac);
        result.push_back(entry);
    }
    return result;
}

}  // namespace rudder::bench
