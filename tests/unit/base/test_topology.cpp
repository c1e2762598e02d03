// SPDX-License-Identifier: Apache-2.0
#include "core/base/reason.hpp"
#include "core/base/topology.hpp"
#include "rudder_abi.h"

#include <catch2/catch.hpp>

#include <random>
#include <set>
#include <string>

using namespace rudder;

namespace {

Link link_named(const char* name, std::vector<std::string> altnames = {}) {
    Link link;
    link.name = name;
    link.altnames = std::move(altnames);
    return link;
}

bool is_selected(const char* pattern, const char* name) {
    return selects({false, {pattern}, {}}, link_named(name));
}

/// The textbook definition: the reference for patterns.
bool reference_glob(const char* pattern, const char* text) {
    if (*pattern == '\0') return *text == '\0';
    if (*pattern == '*')
        return reference_glob(pattern + 1, text) || (*text != '\0' && reference_glob(pattern, text + 1));
    return *text != '\0' && (*pattern == '?' || *pattern == *text) && reference_glob(pattern + 1, text + 1);
}

LinkAddress own(const char* prefix) {
    const std::string text = prefix;
    LinkAddress own;
    own.address = parse_ip_address(text.substr(0, text.find('/'))).value();
    own.prefix_length = static_cast<std::uint8_t>(std::stoi(text.substr(text.find('/') + 1)));
    return own;
}

/// The source address chosen on a link with these addresses, as text; "" for none.
std::string source(std::vector<LinkAddress> addresses, const char* next = nullptr, IpFamily family = IpFamily::v4) {
    Link link;
    link.addresses = std::move(addresses);
    const auto towards = next == nullptr ? std::nullopt : parse_ip_address(next);
    const LinkAddress* found = source_address(link, family, towards);
    return found == nullptr ? "" : to_string(found->address);
}

LinkAddress with(LinkAddress address, bool LinkAddress::*flag) {
    address.*flag = true;
    return address;
}

LinkAddress scoped(LinkAddress address, AddressScope scope) {
    address.scope = scope;
    return address;
}

}  // namespace

TEST_CASE("patterns match as their definition says") {
    std::mt19937 random(9);
    for (int round = 0; round < 100000; ++round) {
        std::string pattern;
        std::string text;
        for (std::size_t i = random() % 7; i > 0; --i) pattern += "ab*?"[random() % 4];
        for (std::size_t i = random() % 9; i > 0; --i) text += "ab"[random() % 2];
        if (is_selected(pattern.c_str(), text.c_str()) != reference_glob(pattern.c_str(), text.c_str())) {
            FAIL(pattern << " on " << text);
        }
    }
}

TEST_CASE("a pattern of many stars is decided quickly") {
    CHECK_FALSE(is_selected("*a*a*a*a*a*a*a*a*a*a*a*a*b", std::string(2000, 'a').c_str()));
}

TEST_CASE("character classes are not special") {
    CHECK(is_selected("eth[0]", "eth[0]"));
    CHECK_FALSE(is_selected("eth[0]", "eth0"));
}

TEST_CASE("any selects every link but loopback and what is a port of a bridge or bond") {
    Link loopback = link_named("lo");
    loopback.is_loopback = true;
    CHECK(selects({true, {}, {}}, link_named("eth0")));
    CHECK_FALSE(selects({true, {}, {}}, loopback));
    CHECK(selects({false, {"lo"}, {}}, loopback));
    CHECK_FALSE(selects({true, {}, {"eth*"}}, link_named("eth0")));
    CHECK_FALSE(selects({}, link_named("eth0")));
    for (const auto& [kind, is_selected] : {std::pair{"bridge", false}, {"bond", false}, {"openvswitch", false}, {"vrf", true}}) {
        Link port = link_named("eth0");
        port.master = 7;
        port.slave_kind = kind;
        CHECK(selects({true, {}, {}}, port) == is_selected);
        CHECK(selects({true, {"eth*"}, {}}, port));
        CHECK(selects({false, {"eth0"}, {}}, port));
    }
}

TEST_CASE("a link is selected and excluded by its altnames too") {
    const Link link = link_named("eth0", {"enp1s0", "wan"});
    CHECK(selects({false, {"enp*"}, {}}, link));
    CHECK_FALSE(selects({false, {"eth0"}, {"wan"}}, link));
}

TEST_CASE("a link is found by name before altname") {
    Topology topology;
    topology.links[1] = link_named("eth0", {"wan"});
    topology.links[2] = link_named("eth1", {"lan"});
    topology.links[3] = link_named("wan");
    CHECK(find_link(topology, "wan") == &topology.links[3]);
    CHECK(find_link(topology, "lan") == &topology.links[2]);
    CHECK(find_link(topology, "eth*") == nullptr);
}

TEST_CASE("the broadcast addresses are those of all networks, and that of the link") {
    const auto of = [](std::vector<LinkAddress> addresses) {
        Topology topology;
        topology.links[1].addresses = std::move(addresses);
        topology.links[2].addresses = {own("10.9.0.1/16")};
        std::set<std::string> texts;
        for (const IpAddress& found : broadcast_addresses(topology)) texts.insert(to_string(found));
        return texts;
    };
    const auto with_others = [](std::set<std::string> texts) {
        texts.insert({"255.255.255.255", "10.9.255.255"});
        return texts;
    };
    CHECK(of({}) == with_others({}));
    CHECK(of({own("10.0.0.1/24"), own("10.1.0.70/26")}) == with_others({"10.0.0.255", "10.1.0.127"}));
    CHECK(of({own("10.0.0.1/30")}) == with_others({"10.0.0.3"}));
    CHECK(of({own("10.0.0.1/31"), own("10.0.0.3/32"), own("2001:db8::1/64")}) == with_others({}));
    LinkAddress set_by_hand = own("10.0.0.1/24");
    set_by_hand.broadcast = *parse_ip_address("10.0.0.0");
    CHECK(of({set_by_hand}) == with_others({"10.0.0.0", "10.0.0.255"}));
    LinkAddress with_peer = own("10.0.0.1/29");
    with_peer.peer = *parse_ip_address("10.7.0.1");
    CHECK(of({with_peer}) == with_others({"10.7.0.7"}));
}

TEST_CASE("the first primary address is the source") {
    CHECK(source({}) == "");
    CHECK(source({own("10.0.0.2/24"), own("10.1.0.1/24")}) == "10.0.0.2");
    CHECK(source({with(own("10.0.0.1/24"), &LinkAddress::is_secondary), own("10.1.0.1/24")}) == "10.1.0.1");
    CHECK(source({own("10.0.0.2/24")}, nullptr, IpFamily::v6) == "");
    CHECK(source({own("10.0.0.2/24"), own("2001:db8::1/64")}, nullptr, IpFamily::v6) == "2001:db8::1");
}

TEST_CASE("the address whose network holds the next hop is the source") {
    const std::vector<LinkAddress> addresses = {own("10.0.0.1/8"), own("10.1.0.1/24"), own("192.0.2.1/24")};
    CHECK(source(addresses, "10.1.0.77") == "10.1.0.1");
    CHECK(source(addresses, "10.2.0.77") == "10.0.0.1");
    CHECK(source(addresses, "192.0.2.9") == "192.0.2.1");
    CHECK(source(addresses, "203.0.113.1") == "10.0.0.1");
    CHECK(source(addresses, "2001:db8::1") == "10.0.0.1");
    LinkAddress to_peer = own("10.5.0.1/32");
    to_peer.peer = parse_ip_address("10.6.0.1");
    CHECK(source({own("10.0.0.1/24"), to_peer}, "10.6.0.1") == "10.5.0.1");
}

TEST_CASE("an unusable address is never the source, a deprecated one only where there is no other") {
    CHECK(source({with(own("2001:db8::1/64"), &LinkAddress::is_tentative)}, nullptr, IpFamily::v6) == "");
    CHECK(source({scoped(own("fe80::1/64"), AddressScope::link)}, "fe80::2", IpFamily::v6) == "");
    CHECK(source({scoped(own("127.0.0.1/8"), AddressScope::host)}) == "");
    const LinkAddress old = with(own("2001:db8:1::1/64"), &LinkAddress::is_deprecated);
    CHECK(source({old}, nullptr, IpFamily::v6) == "2001:db8:1::1");
    CHECK(source({old, own("2001:db8:2::1/64")}, "2001:db8:1::9", IpFamily::v6) == "2001:db8:2::1");
}

TEST_CASE("every reason has its own name and a text") {
    std::set<std::string_view> names;
    for (std::uint32_t reason = 0; reason < RUDDER_REASON_COUNT; ++reason) {
        names.insert(reason_name(reason));
        CHECK_FALSE(reason_text(reason).empty());
    }
    CHECK(names.size() == RUDDER_REASON_COUNT);
    CHECK(reason_name(RUDDER_REASON_NO_NEIGHBOUR) == "no-neighbour");
    CHECK(reason_name(RUDDER_REASON_COUNT) == "unknown");
    CHECK(reason_name(0xffffffff) == "unknown");
}
