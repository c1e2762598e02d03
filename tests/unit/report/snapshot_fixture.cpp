// SPDX-License-Identifier: Apache-2.0
#include "snapshot_fixture.hpp"

#include "rudder_abi.h"

#include <nlohmann/json.hpp>

#include <cstring>

using namespace rudder;

namespace {

constexpr std::uint32_t k_hop_gateway = 0;
constexpr std::uint32_t k_hop_destination = 1;
constexpr HookSpec k_eth0_ingress{2, Direction::ingress};
constexpr HookSpec k_eth1_ingress{3, Direction::ingress};

IpAddress ip(const char* text) {
    return parse_ip_address(text).value();
}
IpPrefix prefix(const char* text) {
    return parse_ip_prefix(text).prefix.value();
}

Link make_link(std::uint32_t ifindex, const char* name, const char* mac) {
    Link link;
    link.ifindex = ifindex;
    link.name = name;
    link.mac = parse_mac_address(mac).value();
    link.mtu = 1500;
    link.is_up = true;
    link.is_loopback = ifindex == 1;
    return link;
}

Rule make_rule(const char* name, std::uint32_t priority, RuleType type, const char* interface) {
    Rule rule;
    rule.name = name;
    rule.priority = priority;
    rule.type = type;
    rule.match.interface = {false, {interface}, {}};
    rule.where = {"/etc/rudder/conf.d/10-a.toml", priority, 8, 4};
    return rule;
}

Policy make_policy() {
    Rule ef = make_rule("ef", 10, RuleType::steer, "eth0");
    ef.match.dscp = std::uint64_t{1} << 46;
    ef.match.dst = {prefix("10.0.0.0/8")};
    ef.match.family_v6 = false;
    Target way;
    way.via = "eth1";
    way.next_hop = ip("192.0.2.1");
    way.rewrite.dst_ip = ip("192.168.100.1");
    way.rewrite.dst_port = 5004;
    ef.targets = {way};

    Rule mc = make_rule("mc", 20, RuleType::replicate, "eth0");
    mc.match.interface = {true, {}, {}};
    mc.match.dst = {prefix("239.1.1.1/32")};
    mc.match.family_v6 = false;
    mc.original_passes = true;
    Target first;
    first.via = "eth1";
    first.rewrite.dst_ip = ip("10.10.1.1");
    Target second = first;
    second.via = "eth7";
    mc.targets = {first, second};

    return {{ef, mc, make_rule("later", 30, RuleType::drop, "eth7")}, "c0ffee"};
}

template <class Record>
std::uint32_t append(std::vector<std::uint8_t>& blob, const Record& record) {
    const std::size_t offset = blob.size();
    blob.resize(offset + sizeof record);
    std::memcpy(blob.data() + offset, &record, sizeof record);
    return static_cast<std::uint32_t>(offset);
}

rudder_target make_target(std::uint32_t next_hop, std::uint32_t counter_slot, unsigned flags, const char* dst) {
    rudder_target target{};
    target.next_hop = next_hop;
    target.counter_slot = counter_slot;
    target.flags = static_cast<std::uint8_t>(flags);
    const IpAddress address = ip(dst);
    std::memcpy(target.dst_be, address.bytes.data(), 4);
    return target;
}

std::vector<std::uint8_t> make_blob() {
    std::vector<std::uint8_t> blob;
    rudder_blob_header header{};
    header.magic = RUDDER_ABI_MAGIC;
    header.abi_version = RUDDER_ABI_VERSION;
    header.rule_count = 3;
    header.target_count = 3;
    header.hook_mask = 3;
    append(blob, header);
    header.hook_offset = append(blob, rudder_hook{2, RUDDER_INGRESS, 0, 0, 0});
    append(blob, rudder_hook{});
    append(blob, rudder_hook{3, RUDDER_INGRESS, 1, RUDDER_HOOK_LAYER3, 0});
    append(blob, rudder_hook{});
    header.rule_offset = append(blob, rudder_rule{RUDDER_ACTION_STEER, RUDDER_RULE_FAILURE_DROPS, 1, 0, 0, 0, 0});
    append(blob, rudder_rule{RUDDER_ACTION_REPLICATE, RUDDER_RULE_ORIGINAL_PASSES, 2, 1, 1, 0, 0});
    append(blob, rudder_rule{RUDDER_ACTION_DROP, 0, 0, 0, 2, 0, 0});
    rudder_target steer =
        make_target(k_hop_gateway, 3, RUDDER_REWRITE_DST_IP | RUDDER_REWRITE_DST_PORT, "192.168.100.1");
    const std::uint8_t port[2] = {5004 >> 8, 5004 & 0xff};
    std::memcpy(&steer.dst_port_be, port, sizeof port);
    header.target_offset = append(blob, steer);
    rudder_target copy = make_target(k_hop_destination, 4, RUDDER_REWRITE_DST_IP, "10.10.1.1");
    copy.ttl_mode = RUDDER_TTL_SET;
    copy.ttl = 64;
    append(blob, copy);
    append(blob, make_target(RUDDER_REASON_NO_DEVICE, 5, RUDDER_REWRITE_DST_IP | RUDDER_TARGET_DEFERRED, "10.10.1.1"));
    header.used_bytes = static_cast<std::uint32_t>(blob.size());
    header.tree_v4[0] = {16, 0, 0};
    std::memcpy(blob.data(), &header, sizeof header);
    return blob;
}

Image make_image() {
    Image image;
    image.blob = make_blob();
    image.hooks = {k_eth0_ingress, k_eth1_ingress};
    image.slots.counters = {{{"ef", -1}, 0}, {{"mc", -1}, 1}, {{"later", -1}, 2},
                            {{"ef", 0}, 3},  {{"mc", 0}, 4},  {{"mc", 1}, 5}};
    image.rules = {
        {false, "", {k_eth0_ingress}}, {false, "", {k_eth0_ingress, k_eth1_ingress}}, {true, "no interface eth7", {}}};
    return image;
}

std::map<std::uint32_t, NextHopEntry> make_next_hops() {
    NextHopEntry gateway;
    gateway.ifindex = 3;
    gateway.flags = RUDDER_NH_LINK_UP | RUDDER_NH_MAC_VALID | RUDDER_NH_GATEWAY4;
    gateway.dst_mac = parse_mac_address("02:00:00:00:00:99").value();
    gateway.src_mac = parse_mac_address("02:00:00:00:00:03").value();
    gateway.mtu = 1500;
    gateway.gateway = ip("192.0.2.1");
    NextHopEntry destination = gateway;
    destination.flags = RUDDER_NH_LINK_UP;
    destination.gateway.reset();
    return {{k_hop_gateway, gateway}, {k_hop_destination, destination}};
}

}  // namespace

Snapshot make_snapshot() {
    Snapshot snapshot;
    snapshot.policy = std::make_shared<const Policy>(make_policy());
    snapshot.image = std::make_shared<const Image>(make_image());
    snapshot.topology.links[1] = make_link(1, "lo", "00:00:00:00:00:00");
    snapshot.topology.links[2] = make_link(2, "eth0", "02:00:00:00:00:02");
    snapshot.topology.links[3] = make_link(3, "eth1", "02:00:00:00:00:03");
    snapshot.next_hops = make_next_hops();
    snapshot.generation = 7;
    snapshot.state = "running";
    snapshot.started_unix_us = 1'000'000;
    snapshot.taken_unix_us = 5'000'000;
    snapshot.taken_monotonic_us = 77;
    snapshot.counters = {{100, 10000}, {5, 500}, {0, 0}, {98, 9800}, {4, 400}, {0, 0}};
    snapshot.failures = {
        {0, RUDDER_REASON_TTL_EXPIRED, 2}, {4, RUDDER_REASON_NO_NEIGHBOUR, 1}, {5, RUDDER_REASON_NO_DEVICE, 5}};
    snapshot.reasons = {0, 11, 12};
    snapshot.hooks = {{k_eth0_ingress, "tcx", 41, true, ""}};
    snapshot.maps = {{"active", 9, "array_of_maps", 4, 4, 1, 4096}, {"blob", 10, "array", 4, 65536, 1, 65536}};
    snapshot.features = {{"attachment", "tcx", "kernel has BPF_TCX_INGRESS (6.6)"}};
    snapshot.directories = {"/etc/rudder/conf.d"};
    snapshot.files = {{"/etc/rudder/conf.d/10-a.toml", "abcd", 321}};
    snapshot.loads_accepted = 3;
    snapshot.last_load_times.compile_us = 1234;
    snapshot.version = "0.1.0";
    snapshot.kernel_release = "6.18.0";
    return snapshot;
}

std::string text_of(ReportFunction report, const Snapshot& snapshot) { return report(std::make_shared<const Snapshot>(snapshot)).text(); }

nlohmann::json read(ReportFunction report, const Snapshot& snapshot) { return nlohmann::json::parse(text_of(report, snapshot)); }
