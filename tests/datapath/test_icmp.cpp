// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"
#include "model.hpp"

#include <algorithm>

using namespace rudder;
using namespace rudder::test;

/// ICMP errors for packets that a steer cannot send. The kernel of a test run forwards nothing.
namespace {

constexpr std::uint32_t k_mtu = 1300;
const std::string k_own = "192.0.2.254", k_own6 = "2001:db8::fe";
const std::string k_dst = "10.1.2.3", k_dst6 = "2001:db8:1::3", k_src = "192.0.2.1", k_src6 = "2001:db8::1";

LinkAddress own(const std::string& text, AddressScope scope = AddressScope::global) {
    LinkAddress result;
    result.address = address(text);
    result.prefix_length = 24;
    result.scope = scope;
    return result;
}

/// in0 has addresses, out0 a small MTU.
Topology world(std::uint32_t mtu = k_mtu) {
    Topology result = topology();
    result.links[link_named("in0").ifindex].addresses = {own("169.254.7.7", AddressScope::link), own(k_own),
                                                         own("fe80::7", AddressScope::link), own(k_own6)};
    result.links[link_named("out0").ifindex].mtu = mtu;
    return result;
}

Ipv4 whole(std::uint8_t ttl = 64) { return {.src = k_src, .dst = k_dst, .ttl = ttl, .fragment = 0x4000}; }
Ipv6 whole6(std::uint8_t hop_limit = 64) { return {.src = k_src6, .dst = k_dst6, .hop_limit = hop_limit}; }
Policy steering(bool drops = false) {
    Rule v4 = steer("10.0.0.0/8"), v6 = steer("2001:db8:1::/48");
    v4.failure_drops = v6.failure_drops = drops;
    return policy({v4, v6});
}

/// The IP packet of a frame as another one quotes it.
Bytes quote(const Frame& frame, std::size_t most) {
    Frame result(frame.begin() + 14, frame.end());
    result.resize(std::min(result.size(), most));
    return {result};
}
Ethernet back() { return {MacAddress{{2, 0, 0, 0, 0, 9}}, link_named("in0").mac, {}}; }
Frame told(const Frame& about, Icmp icmp, const std::string& from = k_own) {
    return back() / Ipv4{.src = from, .dst = k_src, .tos = 0xc0, .fragment = 0x4000, .identification = 0} / icmp / quote(about, 548);
}
Frame told6(const Frame& about, Icmp6 icmp, const std::string& from = k_own6) {
    return back() / Ipv6{.src = from, .dst = k_src6, .flow_label = 0} / icmp / quote(about, 1232);
}

struct Outcome {
    int verdict = k_redirect;
    std::uint32_t reason = RUDDER_REASON_TOO_BIG;
    bool is_answered = true;
};
const Outcome k_passed{k_next, RUDDER_REASON_TOO_BIG, false}, k_dropped{k_drop, RUDDER_REASON_TOO_BIG, false};

void run_check(const std::string& what, const Policy& rules, const Topology& links, const Frame& in, const Frame& want,
               const Outcome& outcome = {}, Direction direction = Direction::ingress) {
    INFO(what);
    REQUIRE(datapath().publish(rules, links));
    const Run run = datapath().run(in, link_named("in0").ifindex, direction);
    INFO("in   " << hex(in) << "\nwant " << hex(want) << "\ngot  " << hex(run.frame));
    CHECK(run.verdict == outcome.verdict);
    CHECK((run.frame == want));
    const Counts counts = datapath().counts();
    std::map<std::uint32_t, std::uint64_t> reasons{{outcome.reason, 1}};
    if (outcome.is_answered) {
        reasons[RUDDER_REASON_ICMP_SENT] = 1;
    }
    CHECK((counts.reasons == reasons));
    CHECK(counts.failures.size() == 1);
}

}  // namespace

TEST_CASE("the sender of a packet too big for the egress device is told its MTU") {
    for (const bool drops : {false, true}) {
        const Frame udp = arriving() / whole() / Udp{} / payload(1273), tcp = arriving() / whole() / Tcp{1, 2, 12} / payload(1400);
        const Frame udp6 = arriving() / whole6() / Udp{} / payload(1253), tcp6 = arriving() / whole6() / Tcp{1, 2, 12} / payload(1400);
        run_check("udp", steering(drops), world(), udp, told(udp, {3, 4, k_mtu}));
        run_check("tcp", steering(drops), world(), tcp, told(tcp, {3, 4, k_mtu}));
        run_check("udp over v6", steering(drops), world(), udp6, told6(udp6, {2, 0, k_mtu}));
        run_check("tcp over v6", steering(drops), world(), tcp6, told6(tcp6, {2, 0, k_mtu}));
    }
    const Frame just = arriving() / whole() / Udp{} / payload(1272);
    REQUIRE(datapath().publish(steering(), world()));
    CHECK(datapath().run(just, link_named("in0").ifindex, Direction::ingress).verdict == k_redirect);
    CHECK(datapath().counts().reasons.empty());
}

TEST_CASE("an error quotes the packet to its end if it is small, without Ethernet padding") {
    for (std::size_t size = 0; size < 40; size++) {
        const Frame in = arriving() / whole(1) / Udp{} / payload(size);
        run_check("size " + std::to_string(size), steering(), world(), padded(in, size % 5), told(in, {11, 0, 0}), {k_redirect, RUDDER_REASON_TTL_EXPIRED, true});
    }
    for (std::size_t size : {511u, 512u, 513u, 519u, 520u, 521u, 1191u, 1192u, 1193u}) {
        const Frame in = arriving() / whole(1) / Udp{} / payload(size), in6 = arriving() / whole6(1) / Udp{} / payload(size);
        run_check("size " + std::to_string(size), steering(), world(), in, told(in, {11, 0, 0}), {k_redirect, RUDDER_REASON_TTL_EXPIRED, true});
        run_check("size " + std::to_string(size), steering(), world(), in6, told6(in6, {3, 0, 0}), {k_redirect, RUDDER_REASON_TTL_EXPIRED, true});
    }
}

TEST_CASE("the sender of a packet whose TTL has expired is told, where the stack does not forward") {
    for (const std::uint8_t ttl : std::initializer_list<std::uint8_t>{0, 1}) {
        const Frame in = arriving() / whole(ttl) / Icmp{8, 0, 77} / payload(56), in6 = arriving() / whole6(ttl) / Icmp6{128, 0, 77} / payload(56);
        run_check("v4", steering(true), world(), in, told(in, {11, 0, 0}), {k_redirect, RUDDER_REASON_TTL_EXPIRED, true});
        run_check("v6", steering(true), world(), in6, told6(in6, {3, 0, 0}), {k_redirect, RUDDER_REASON_TTL_EXPIRED, true});
    }
}

TEST_CASE("IP options and extension headers are quoted as they are") {
    Ipv4 options = whole(1);
    for (unsigned bytes = 4; bytes <= 40; bytes += 4) {
        options.option_bytes = bytes;
        const Frame in = arriving() / options / Udp{} / payload(60);
        run_check("options", steering(), world(), in, told(in, {11, 0, 0}), {k_redirect, RUDDER_REASON_TTL_EXPIRED, true});
    }
    const Frame in6 = arriving() / whole6(1) / Extension{0, 1} / Extension{60, 2} / Tcp{} / payload(60);
    run_check("extensions", steering(), world(), in6, told6(in6, {3, 0, 0}), {k_redirect, RUDDER_REASON_TTL_EXPIRED, true});
}

TEST_CASE("an IPv4 packet that may be fragmented goes on as on_failure says; where it is dropped, the sender is told") {
    Ipv4 ip = whole();
    ip.fragment = 0;
    const Frame in = arriving() / ip / Udp{} / payload(1400);
    run_check("pass", steering(false), world(), in, in, k_passed);
    run_check("drop", steering(true), world(), in, told(in, {3, 4, k_mtu}));
    ip.fragment = 0x2000;
    const Frame first = arriving() / ip / Udp{} / payload(1400);
    run_check("first fragment", steering(true), world(), first, told(first, {3, 4, k_mtu}));
}

TEST_CASE("no error for what must not be answered: later fragments, ICMP errors, group frames, sources that are no host") {
    Ipv4 later = whole();
    later.fragment = 0x4001;
    std::vector<std::pair<std::string, Frame>> frames = {{"later fragment", arriving() / later / payload(1400)}};
    for (const std::uint8_t type : std::initializer_list<std::uint8_t>{3, 4, 5, 11, 12}) {
        frames.emplace_back("ICMP " + std::to_string(type), arriving() / whole() / Icmp{type, 0, 0} / payload(1400));
    }
    for (const std::uint8_t type : std::initializer_list<std::uint8_t>{1, 2, 3, 4, 127, 137}) {
        frames.emplace_back("ICMPv6 " + std::to_string(type), arriving() / whole6() / Icmp6{type, 0, 0} / payload(1400));
    }
    frames.emplace_back("v6 later fragment", arriving() / whole6() / Extension{44, 0, 8} / payload(1400));
    for (const auto& [what, in] : frames) {
        run_check(what, steering(false), world(), in, in, k_passed);
        run_check(what, steering(true), world(), in, in, k_dropped);
    }
    for (const char* src : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "239.1.1.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"}) {
        Rule special = steer("10.0.0.0/8");
        special.match.src = {prefix(std::string(src) + "/32")};
        Ipv4 ip = whole();
        ip.src = src;
        const Frame in = arriving() / ip / Udp{} / payload(1400);
        run_check(src, policy({special}), world(), in, in, k_passed);
    }
    for (const char* src : {"::", "::1", "ff0e::1"}) {
        Rule special = steer("2001:db8:1::/48");
        special.match.src = {prefix(std::string(src) + "/128")};
        Ipv6 ip = whole6();
        ip.src = src;
        const Frame in = arriving() / ip / Udp{} / payload(1400);
        run_check(src, policy({special}), world(), in, in, k_passed);
    }
    const Frame group = Ethernet{.dst = {{1, 0, 0x5e, 1, 1, 1}}} / Ipv4{.src = k_src, .dst = "239.1.1.1", .fragment = 0x4000} / Udp{} / payload(1400);
    run_check("multicast", policy({steer("239.1.1.1/32")}), world(), group, group, k_passed);
}

TEST_CASE("queries and the first fragment are answered, and a packet behind a priority tag is not") {
    for (const std::uint8_t type : std::initializer_list<std::uint8_t>{0, 8, 13, 17}) {
        const Frame in = arriving() / whole() / Icmp{type, 0, 0} / payload(1400);
        run_check("ICMP " + std::to_string(type), steering(), world(), in, told(in, {3, 4, k_mtu}));
    }
    for (const std::uint8_t type : std::initializer_list<std::uint8_t>{128, 129}) {
        const Frame in = arriving() / whole6() / Icmp6{type, 0, 0} / payload(1400);
        run_check("ICMPv6 " + std::to_string(type), steering(), world(), in, told6(in, {2, 0, k_mtu}));
    }
    const Frame first = arriving() / whole6() / Extension{44, 0, 1} / Udp{} / payload(1400);
    run_check("first fragment", steering(), world(), first, told6(first, {2, 0, k_mtu}));
    const Frame tagged = arriving() / Vlan{0xe000} / whole() / Udp{} / payload(1400);
    run_check("priority tag", steering(true), world(), tagged, tagged, k_dropped);
}

TEST_CASE("an IPv6 packet of 1280 bytes or less is not answered, and nobody is told less") {
    const Frame small = arriving() / whole6() / Udp{} / payload(1232), big = arriving() / whole6() / Udp{} / payload(1233);
    run_check("1280", steering(true), world(1000), small, small, k_dropped);
    run_check("1281", steering(true), world(1000), big, told6(big, {2, 0, 1280}));
}

TEST_CASE("the error comes from another device if this one has no address, and not at all if the host has none") {
    Topology other = world(), none = world();
    other.links[link_named("in0").ifindex].addresses = {own("fe80::7", AddressScope::link), own("169.254.7.7", AddressScope::link)};
    other.links[link_named("out2").ifindex].addresses = {own("198.51.100.9"), own("2001:db8:77::9")};
    none.links[link_named("in0").ifindex].addresses.clear();
    const Frame in = arriving() / whole() / Udp{} / payload(1400), in6 = arriving() / whole6() / Udp{} / payload(1400);
    run_check("v4", steering(), other, in, told(in, {3, 4, k_mtu}, "198.51.100.9"));
    run_check("v6", steering(), other, in6, told6(in6, {2, 0, k_mtu}, "2001:db8:77::9"));
    run_check("none, pass", steering(false), none, in, in, k_passed);
    run_check("none, drop", steering(true), none, in6, in6, k_dropped);
}

TEST_CASE("at egress the error enters the own stack, as if from the destination") {
    const Policy rules = policy({steer("10.0.0.0/8", {}, Direction::egress), steer("2001:db8:1::/48", {}, Direction::egress)});
    Topology bare = world();
    bare.links[link_named("in0").ifindex].addresses.clear();
    const Frame in = arriving() / whole() / Tcp{} / payload(1400), in6 = arriving() / whole6() / Tcp{} / payload(1400);
    run_check("v4", rules, bare, in, told(in, {3, 4, k_mtu}, k_dst), {}, Direction::egress);
    run_check("v6", rules, bare, in6, told6(in6, {2, 0, k_mtu}, k_dst6), {}, Direction::egress);
}

TEST_CASE("no copy because it is too big: the sender of a consumed packet is told the smallest MTU") {
    Rule copies = rule(RuleType::replicate, "10.0.0.0/8");
    Rewrite rewrite;
    rewrite.dst_ip = address("10.7.7.7");
    rewrite.dst_port = 9;
    copies.targets = {target("out0", rewrite), target("out1", rewrite)};
    Topology links = world();
    links.links[link_named("out1").ifindex].mtu = 1200;
    const Frame in = arriving() / whole() / Udp{} / payload(1400);
    REQUIRE(datapath().publish(policy({copies}), links));
    Run run = datapath().run(in, link_named("in0").ifindex, Direction::ingress);
    CHECK(run.verdict == k_redirect);
    CHECK((run.frame == told(in, {3, 4, 1200})));
    links.links[link_named("out1").ifindex].mtu = 1500;
    REQUIRE(datapath().publish(policy({copies}), links));
    CHECK(datapath().run(in, link_named("in0").ifindex, Direction::ingress).verdict == k_drop);
    CHECK(datapath().counts().reasons.count(RUDDER_REASON_ICMP_SENT) == 0);
    copies.original_passes = true;
    links.links[link_named("out1").ifindex].mtu = 1200;
    REQUIRE(datapath().publish(policy({copies}), links));
    run = datapath().run(in, link_named("in0").ifindex, Direction::ingress);
    CHECK(run.verdict == k_next);
    CHECK((run.frame == in));
}

TEST_CASE("errors are limited; what is not told is dropped and counted") {
    const Frame in = arriving() / whole() / Udp{} / payload(1400);
    REQUIRE(datapath().publish(steering(), world()));
    int told_count = 0, dropped = 0;
    for (int i = 0; i < 400; i++) {
        const Run run = datapath().run(in, link_named("in0").ifindex, Direction::ingress);
        told_count += run.verdict == k_redirect;
        dropped += run.verdict == k_drop;
        CHECK((run.verdict != k_drop || run.frame == in));
    }
    const Counts counts = datapath().counts();
    CHECK(told_count >= 50);
    CHECK(dropped > 0);
    CHECK(told_count + dropped == 400);
    CHECK((counts.reasons == std::map<std::uint32_t, std::uint64_t>{{RUDDER_REASON_TOO_BIG, 400},
                                                                    {RUDDER_REASON_ICMP_SENT, static_cast<std::uint64_t>(told_count)},
                                                                    {RUDDER_REASON_ICMP_LIMITED, static_cast<std::uint64_t>(dropped)}}));
}
