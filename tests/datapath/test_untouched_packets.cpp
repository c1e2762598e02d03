// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

using namespace rudder;
using namespace rudder::test;

namespace {

/// Every IP packet on in0, asked for as widely as a steer rule can.
Policy everything() {
    Rule result = steer("");
    result.match.interface.include.clear();
    result.match.interface.any = true;
    return policy({result});
}

Row untouched(std::string what, Frame in, std::uint32_t reason = 0) {
    return {std::move(what), everything(), std::move(in), k_next, {}, reason, false};
}

}  // namespace

TEST_CASE("what is not IP goes on untouched and uncounted") {
    for (const std::uint16_t type : std::initializer_list<std::uint16_t>{0x0806, 0x88cc, 0x8847, 0x8863, 0x8864, 0x0026}) {
        check(untouched("ethertype " + std::to_string(type), Ethernet{.dst = link_named("in0").mac, .type = type} / payload(46)));
    }
}

TEST_CASE("frames of every length up to 100 bytes: short ones are counted and left alone") {
    Rewrite rewrite;
    rewrite.dst_ip = address("192.168.100.1");
    for (std::size_t size = 0; size <= 58; size++) {
        check({"whole, payload " + std::to_string(size), policy({steer("10.0.0.0/8", rewrite)}), arriving() / Ipv4{} / Udp{} / payload(size), k_redirect,
               leaving() / Ipv4{.dst = "192.168.100.1", .ttl = 63} / Udp{} / payload(size)});
    }
    const Frame whole = arriving() / Ipv4{} / Udp{} / payload(58);
    for (std::size_t size = 34; size < whole.size(); size++) {
        check(untouched("cut at " + std::to_string(size), Frame(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)), RUDDER_REASON_MALFORMED));
    }
    for (std::size_t size = 0; size < 8; size++) {
        check(untouched("udp of " + std::to_string(size), arriving() / Ipv4{.protocol = 17} / payload(size), RUDDER_REASON_SHORT));
    }
    for (std::size_t size = 0; size < 20; size++) {
        check(untouched("tcp of " + std::to_string(size), arriving() / Ipv4{.protocol = 6} / payload(size), RUDDER_REASON_SHORT));
    }
}

TEST_CASE("headers that contradict themselves are passed and counted, never repaired") {
    const auto reason = RUDDER_REASON_MALFORMED;
    check(untouched("version 6 in 0x0800", arriving() / Ipv4{.version_ihl = std::uint8_t{0x65}} / Udp{} / payload(9), reason));
    for (std::uint8_t ihl = 0; ihl < 5; ihl++) {
        check(untouched("ihl " + std::to_string(ihl), arriving() / Ipv4{.version_ihl = static_cast<std::uint8_t>(0x40 | ihl)} / Udp{} / payload(9), reason));
    }
    check(untouched("length below the header", arriving() / Ipv4{.total_length = std::uint16_t{19}} / Udp{} / payload(9), reason));
    check(untouched("length beyond the frame", arriving() / Ipv4{.total_length = std::uint16_t{200}} / Udp{} / payload(9), reason));
    check(untouched("zero length without GSO", arriving() / Ipv4{.total_length = std::uint16_t{0}} / Udp{} / payload(9), reason));
    check(untouched("bad header checksum", arriving() / Ipv4{.checksum = std::uint16_t{0x1234}} / Udp{} / payload(9), reason));
    check(untouched("bad header checksum with options", arriving() / Ipv4{.option_bytes = 8, .checksum = std::uint16_t{0x1234}} / Udp{} / payload(9), reason));
    check(untouched("v6 length beyond the frame", arriving() / Ipv6{.payload_length = std::uint16_t{200}} / Udp{} / payload(9), reason));
    check(untouched("v6 extension beyond the packet", arriving() / Ipv6{.next_header = std::uint8_t{60}} / Bytes{{17, 200, 0, 0, 0, 0, 0, 0}}, RUDDER_REASON_SHORT));
}

TEST_CASE("Ethernet padding is neither payload nor length") {
    Rewrite rewrite;
    rewrite.dst_ip = address("192.168.100.1");
    const Frame in = padded(arriving() / Ipv4{} / Udp{} / payload(1), 17);
    const Frame out = padded(leaving() / Ipv4{.dst = "192.168.100.1", .ttl = 63} / Udp{} / payload(1), 17);
    check({"60 bytes", policy({steer("10.0.0.0/8", rewrite)}), in, k_redirect, out});
    check(untouched("a short UDP header is not completed from padding", padded(arriving() / Ipv4{.protocol = 17} / payload(4), 30), RUDDER_REASON_SHORT));
}

TEST_CASE("packets in VLANs are not ours unasked, priority tags are") {
    for (const std::uint16_t tpid : std::initializer_list<std::uint16_t>{0x8100, 0x88a8}) {
        check(untouched("VID 5", arriving() / Vlan{5, tpid} / Ipv4{} / Udp{} / payload(20)));
        check(untouched("two tags", arriving() / Vlan{5, tpid} / Vlan{6, 0x8100} / Ipv4{} / Udp{} / payload(20)));
        check(untouched("a tag in a priority tag", arriving() / Vlan{0, tpid} / Vlan{6, 0x8100} / Ipv4{} / Udp{} / payload(20)));
    }
    check(untouched("three tags", arriving() / Vlan{0} / Vlan{0} / Vlan{0} / Ipv4{} / Udp{} / payload(20)));
    Row row{"VID 0", policy({steer("10.0.0.0/8")}), arriving() / Vlan{0xe000, 0x8100} / Ipv4{} / Udp{} / payload(20), k_redirect,
            leaving() / Vlan{0xe000, 0x8100} / Ipv4{.ttl = 63} / Udp{} / payload(20)};
    check(row);
}

TEST_CASE("special-purpose addresses are not matched by a wide rule") {
    for (const char* dst : {"0.1.2.3", "127.0.0.1", "169.254.1.1", "224.0.0.5", "255.255.255.255", "239.1.1.1"}) {
        check(untouched(std::string("to ") + dst, arriving() / Ipv4{.dst = dst} / Udp{} / payload(20)));
    }
    for (const char* src : {"0.0.0.0", "127.0.0.1", "169.254.1.1", "224.1.1.1", "255.255.255.255"}) {
        check(untouched(std::string("from ") + src, arriving() / Ipv4{.src = src} / Udp{} / payload(20)));
    }
    for (const char* dst : {"::1", "fe80::1", "ff02::1", "ff01::1", "ff0e::1"}) {
        check(untouched(std::string("to ") + dst, arriving() / Ipv6{.dst = dst} / Udp{} / payload(20)));
    }
}

TEST_CASE("a source that is an address of this host is sent nowhere from outside, unless a rule names it") {
    Topology with_addresses = topology();
    LinkAddress v4, v6;
    v4.address = address("10.9.9.9");
    v6.address = address("2001:db8:9::9");
    with_addresses.links[link_named("out1").ifindex].addresses = {v4, v6};
    const auto taken_by = [&](RuleType type, const std::string& rule_src, Direction direction, const Frame& frame) {
        Rule rule = steer("0.0.0.0/0", {}, direction);
        rule.match.dst.clear();
        rule.match.family_v4 = rule.match.family_v6 = true;
        if (!rule_src.empty()) {
            rule.match.src = {prefix(rule_src)};
        }
        if (type != RuleType::steer) {
            rule.type = type;
            rule.targets.clear();
        }
        REQUIRE(datapath().publish(policy({rule}), with_addresses));
        const Run run = datapath().run(frame, link_named("in0").ifindex, direction);
        const bool is_taken = !datapath().counts().packets.empty();
        CHECK(run.verdict == (is_taken && type == RuleType::steer ? k_redirect : is_taken && type == RuleType::drop ? k_drop : k_next));
        CHECK((run.verdict != k_next || run.frame == frame));
        return is_taken;
    };
    const Frame own4 = arriving() / Ipv4{.src = "10.9.9.9"} / Udp{} / payload(20);
    const Frame own6 = arriving() / Ipv6{.src = "2001:db8:9::9"} / Udp{} / payload(20);
    const Frame next4 = arriving() / Ipv4{.src = "10.9.9.8"} / Udp{} / payload(20);
    for (const std::string src : {"", "0.0.0.0/0", "10.9.9.8/31"}) {
        CHECK_FALSE(taken_by(RuleType::steer, src, Direction::ingress, own4));
        CHECK(taken_by(RuleType::steer, src, Direction::ingress, next4));
        CHECK(taken_by(RuleType::steer, src, Direction::egress, own4));
        CHECK(taken_by(RuleType::drop, src, Direction::ingress, own4));
        CHECK(taken_by(RuleType::pass, src, Direction::ingress, own4));
    }
    for (const std::string src : {"", "::/0", "2001:db8:9::8/127"}) {
        CHECK_FALSE(taken_by(RuleType::steer, src, Direction::ingress, own6));
        CHECK(taken_by(RuleType::steer, src, Direction::egress, own6));
        CHECK(taken_by(RuleType::drop, src, Direction::ingress, own6));
    }
    CHECK(taken_by(RuleType::steer, "10.9.9.9/32", Direction::ingress, own4));
    CHECK(taken_by(RuleType::steer, "2001:db8:9::9/128", Direction::ingress, own6));
}

TEST_CASE("frames to other hosts are counted and ignored at ingress, broadcasts are not steered") {
    check(untouched("another host", Ethernet{.dst = {{2, 9, 9, 9, 9, 9}}} / Ipv4{} / Udp{} / payload(20), RUDDER_REASON_NOT_FOR_US));
    check(untouched("broadcast", Ethernet{.dst = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}} / Ipv4{} / Udp{} / payload(20)));
    check(untouched("multicast", Ethernet{.dst = {{1, 0, 0x5e, 1, 1, 1}}} / Ipv4{} / Udp{} / payload(20)));
}

TEST_CASE("broadcasts are taken by a steer rule that names their address, and by no other") {
    Topology with_network = topology();
    LinkAddress own;
    own.address = address("10.1.2.65");
    own.prefix_length = 26;
    own.broadcast = address("10.1.2.96");
    with_network.links[link_named("out1").ifindex].addresses = {own};
    const Ethernet to_all{.dst = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, .src = {{2, 0, 0, 0, 0, 9}}};
    const auto is_steered = [&](const std::string& rule_dst, const std::string& dst, const Ethernet& ethernet) {
        INFO(rule_dst << " against " << dst);
        REQUIRE(datapath().publish(policy({steer(rule_dst)}), with_network));
        const Frame frame = ethernet / Ipv4{.dst = dst} / Udp{} / payload(20);
        const Run run = datapath().run(frame, link_named("in0").ifindex, Direction::ingress);
        const Frame sent = leaving() / Ipv4{.dst = dst, .ttl = 63} / Udp{} / payload(20);
        const bool is_taken = run.verdict == k_redirect;
        CHECK((run.frame == (is_taken ? sent : frame)));
        CHECK(datapath().counts().packets.size() == (is_taken ? 1 : 0));
        return is_taken;
    };
    for (const char* dst : {"255.255.255.255", "10.1.2.127", "10.1.2.96"}) {
        CHECK(is_steered(std::string(dst) + "/32", dst, to_all));
        CHECK(is_steered(std::string(dst) + "/32", dst, arriving()));
        CHECK_FALSE(is_steered("0.0.0.0/0", dst, to_all));
    }
    CHECK_FALSE(is_steered("10.1.2.126/31", "10.1.2.127", to_all));
    CHECK_FALSE(is_steered("10.1.2.65/32", "10.1.2.65", to_all));
    CHECK_FALSE(is_steered("10.1.2.63/32", "10.1.2.63", to_all));
    CHECK(is_steered("10.1.2.63/32", "10.1.2.63", arriving()));
}

TEST_CASE("drop drops, pass ends the evaluation") {
    check({"drop", policy({rule(RuleType::drop, "10.0.0.0/8")}), arriving() / Ipv4{} / Udp{} / payload(20), k_drop});
    check({"pass", policy({rule(RuleType::pass, "10.0.0.0/8")}), arriving() / Ipv4{} / Udp{} / payload(20), k_next});
    check({"no match", policy({rule(RuleType::drop, "11.0.0.0/8")}), arriving() / Ipv4{} / Udp{} / payload(20), k_next, {}, 0, false});
}

TEST_CASE("a packet that cannot be sent goes on, or is dropped where the rule says so") {
    Topology down = topology();
    down.links[link_named("out0").ifindex].is_up = false;
    Topology small = topology();
    small.links[link_named("out0").ifindex].mtu = 60;
    for (const bool drops : {false, true}) {
        Rule refused = steer("10.0.0.0/8");
        refused.failure_drops = drops;
        const Frame frame = arriving() / Ipv4{} / Udp{} / payload(40);
        for (const auto& [world, reason] : {std::pair{&down, RUDDER_REASON_LINK_DOWN}, std::pair{&small, RUDDER_REASON_TOO_BIG}}) {
            REQUIRE(datapath().publish(policy({refused}), *world));
            const Run run = datapath().run(frame, link_named("in0").ifindex, Direction::ingress);
            CHECK(run.verdict == (drops ? k_drop : k_next));
            CHECK((run.frame == frame));
            CHECK((datapath().counts().failures[{{"r", -1}, static_cast<std::uint32_t>(reason)}] == 1));
        }
    }
}

TEST_CASE("each entry program has its direction") {
    REQUIRE(datapath().publish(policy({steer("10.0.0.0/8", {}, Direction::egress)}), topology()));
    const Frame frame = arriving() / Ipv4{} / Udp{} / payload(20);
    CHECK(datapath().run(frame, link_named("in0").ifindex, Direction::egress).verdict == k_redirect);
    CHECK(datapath().run(frame, link_named("in0").ifindex, Direction::ingress).verdict == k_next);
}
