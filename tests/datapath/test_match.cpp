// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

using namespace rudder;
using namespace rudder::test;

namespace {

/// Does a drop rule with this match take the frame at in0?
bool takes(const Match& match, const Frame& frame) {
    Rule dropping = rule(RuleType::drop, "");
    const InterfaceSelector in0 = dropping.match.interface;
    dropping.match = match;
    dropping.match.interface = in0;
    REQUIRE(datapath().publish(policy({dropping}), topology()));
    const Run run = datapath().run(frame, link_named("in0").ifindex, Direction::ingress);
    CHECK((run.frame == frame));
    return run.verdict == k_drop;
}

Match in_vlans(bool untagged, std::vector<ValueRange> ids) {
    Match match;
    match.vlan = {untagged, std::move(ids)};
    return match;
}

}  // namespace

TEST_CASE("the outermost tag with an id says which VLAN a packet is in") {
    const auto tagged = [](auto... tags) { return Frame((arriving() / ... / tags) / Ipv4{} / Udp{} / payload(20)); };
    const struct {
        std::string what;
        Frame frame;
        std::uint32_t vlan;
    } rows[] = {
        {"untagged", arriving() / Ipv4{} / Udp{} / payload(20), 0},
        {"a priority tag", tagged(Vlan{0xe000}), 0},
        {"802.1Q", tagged(Vlan{5}), 5},
        {"with priority and DEI", tagged(Vlan{0xf005}), 5},
        {"802.1ad", tagged(Vlan{5, 0x88a8}), 5},
        {"QinQ", tagged(Vlan{5, 0x88a8}, Vlan{7}), 5},
        {"QinQ of one kind", tagged(Vlan{7}, Vlan{5}), 7},
        {"a tag in a priority tag", tagged(Vlan{0xe000}, Vlan{7}), 7},
        {"a priority tag in a tag", tagged(Vlan{7}, Vlan{0xe000}), 7},
        {"the last id", tagged(Vlan{4095}), 4095},
    };
    for (const auto& row : rows) {
        INFO(row.what);
        CHECK(takes(in_vlans(true, {}), row.frame) == (row.vlan == 0));
        CHECK(takes(in_vlans(false, {{5, 5}}), row.frame) == (row.vlan == 5));
        CHECK(takes(in_vlans(false, {{6, 10}, {100, 4094}}), row.frame) == (row.vlan == 7));
        CHECK(takes(in_vlans(true, {{5, 5}}), row.frame) == (row.vlan == 0 || row.vlan == 5));
        CHECK(takes(in_vlans(false, {{1, 4095}}), row.frame) == (row.vlan != 0));
        CHECK(takes(in_vlans(true, {{1, 4095}}), row.frame));
    }
}

TEST_CASE("a first fragment that ends within the TCP header has its ports, and a checksum out of reach") {
    const auto tiny = [](const Ethernet& ethernet, std::size_t bytes, const std::string& dst, std::uint8_t ttl) {
        Bytes start{{0x0f, 0xa0, 0x13, 0x88}};
        start.bytes.resize(bytes, 0x5a);
        return Frame(ethernet / Ipv4{.dst = dst, .ttl = ttl, .fragment = 0x2000, .protocol = std::uint8_t{6}} / start);
    };
    Rewrite address_only, port_only;
    address_only.dst_ip = address("192.168.100.1");
    port_only.dst_port = 80;
    for (const std::size_t bytes : {8u, 16u}) {
        const Frame in = tiny(arriving(), bytes, "10.1.2.3", 64);
        Rule by_port = steer("10.0.0.0/8");
        by_port.match.dst_ports = {{5000, 5000}};
        by_port.match.src_ports = {{4000, 4000}};
        check({"steered by ports", policy({by_port}), in, k_redirect, tiny(leaving(), bytes, "10.1.2.3", 63)});
        by_port.match.dst_ports = {{5001, 5001}};
        check({"another port", policy({by_port}), in, k_next, {}, 0, false});
        check({"address", policy({steer("10.0.0.0/8", address_only)}), in, k_next, {}, RUDDER_REASON_HIDDEN_TRANSPORT});
        check({"port", policy({steer("10.0.0.0/8", port_only)}), in, k_next, {}, RUDDER_REASON_NO_PORTS});
    }
}
