// SPDX-License-Identifier: Apache-2.0
#include "shell/net/netlink_message.hpp"

#include <catch2/catch.hpp>

#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <cstring>
#include <random>
#include <string>
#include <tuple>
#include <vector>

using namespace rudder;
using namespace rudder::netlink;

namespace {

using Buffer = std::vector<std::byte>;

void append(Buffer& to, const void* data, std::size_t size) {
    const auto* bytes = static_cast<const std::byte*>(data);
    to.insert(to.end(), bytes, bytes + size);
    to.resize((to.size() + 3) & ~std::size_t{3});
}

template <class T>
Buffer bytes_of(const T& header) {
    Buffer buffer;
    append(buffer, &header, sizeof header);
    return buffer;
}

void attribute(Buffer& to, unsigned type, const Buffer& value) {
    const rtattr header{static_cast<unsigned short>(sizeof(rtattr) + value.size()), static_cast<unsigned short>(type)};
    append(to, &header, sizeof header);
    append(to, value.data(), value.size());
}

Buffer raw(std::initializer_list<unsigned> values) {
    Buffer buffer;
    for (const unsigned value : values) buffer.push_back(static_cast<std::byte>(value));
    return buffer;
}

Buffer text(const std::string& value) {
    Buffer buffer(value.size() + 1);
    std::memcpy(buffer.data(), value.c_str(), value.size() + 1);
    return buffer;
}

Buffer word(std::uint32_t value) { return bytes_of(value); }

Buffer link_payload() {
    ifinfomsg header{};
    header.ifi_index = 7;
    header.ifi_type = ARPHRD_ETHER;
    Buffer payload = bytes_of(header);
    attribute(payload, IFLA_IFNAME, text("eth0"));
    attribute(payload, IFLA_MTU, word(1500));
    attribute(payload, IFLA_ADDRESS, raw({2, 0, 0, 0, 0, 1}));
    Buffer names;
    attribute(names, IFLA_ALT_IFNAME, text("uplink"));
    attribute(names, IFLA_ALT_IFNAME, text("alpha"));
    attribute(payload, NLA_F_NESTED | IFLA_PROP_LIST, names);
    Buffer info;
    attribute(info, IFLA_INFO_KIND, text("veth"));
    attribute(payload, IFLA_LINKINFO, info);
    return payload;
}

Buffer address_payload(std::uint8_t family, std::uint8_t length, std::uint8_t flags = 0) {
    ifaddrmsg header{};
    header.ifa_family = family;
    header.ifa_prefixlen = length;
    header.ifa_flags = flags;
    header.ifa_scope = RT_SCOPE_UNIVERSE;
    header.ifa_index = 7;
    return bytes_of(header);
}

Buffer neighbour_payload() {
    ndmsg header{};
    header.ndm_family = AF_INET;
    header.ndm_ifindex = 7;
    header.ndm_state = NUD_STALE;
    Buffer payload = bytes_of(header);
    attribute(payload, NDA_DST, raw({10, 0, 0, 2}));
    attribute(payload, NDA_LLADDR, raw({2, 0, 0, 0, 0, 2}));
    attribute(payload, NDA_FLAGS_EXT, word(NTF_EXT_MANAGED));
    attribute(payload, NDA_PROTOCOL, raw({82}));
    return payload;
}

Buffer route_payload() {
    rtmsg header{};
    header.rtm_family = AF_INET;
    header.rtm_type = RTN_UNICAST;
    Buffer payload = bytes_of(header);
    attribute(payload, RTA_OIF, word(7));
    Buffer via = raw({AF_INET6, 0});
    via.resize(18);
    via[17] = std::byte{1};
    attribute(payload, RTA_VIA, via);
    return payload;
}

Buffer error_payload() {
    nlmsgerr header{};
    header.error = -22;
    header.msg.nlmsg_len = sizeof(nlmsghdr);
    Buffer payload = bytes_of(header);
    attribute(payload, NLMSGERR_ATTR_MSG, text("no"));
    return payload;
}

Buffer framed(std::uint16_t type, const Buffer& payload) {
    nlmsghdr header{};
    header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + payload.size());
    header.nlmsg_type = type;
    header.nlmsg_seq = 3;
    Buffer message = bytes_of(header);
    append(message, payload.data(), payload.size());
    return message;
}

void parse_everything(Bytes bytes) {
    (void)parse_link(bytes);
    (void)link_identity(bytes);
    (void)parse_address_ifindex(bytes);
    (void)parse_address(bytes);
    (void)parse_neighbour(bytes);
    (void)parse_route(bytes);
    (void)parse_answer(bytes, 0);
    (void)parse_answer(bytes, NLM_F_ACK_TLVS);
    (void)parse_answer(bytes, NLM_F_ACK_TLVS | NLM_F_CAPPED);
    (void)parse_done(bytes);
    MessageCursor cursor(bytes);
    while (const auto message = cursor.next()) (void)parse_link(message->payload);
}

/// Parsed from a heap block of exactly this size, so that a sanitizer sees any read past its end.
void parse_exactly(const std::byte* data, std::size_t size) {
    const Buffer copy(data, data + size);
    parse_everything(copy);
}

}  // namespace

TEST_CASE("a link message gives name, alternative names, MTU, MAC and kind") {
    const auto link = parse_link(link_payload());
    REQUIRE(link.has_value());
    CHECK(link->ifindex == 7);
    CHECK(link->name == "eth0");
    CHECK(link->altnames == std::vector<std::string>{"alpha", "uplink"});
    CHECK(link->mtu == 1500);
    CHECK(link->mac == MacAddress{{2, 0, 0, 0, 0, 1}});
    CHECK(link->kind == "veth");
    CHECK_FALSE(link->is_layer3);
}

TEST_CASE("tunnel hardware types are layer-3 devices and have no MAC") {
    for (const int type : {ARPHRD_NONE, ARPHRD_TUNNEL, ARPHRD_TUNNEL6, ARPHRD_SIT, ARPHRD_IPGRE, ARPHRD_IP6GRE,
                                ARPHRD_PPP, ARPHRD_RAWIP}) {
        Buffer payload = link_payload();
        const auto narrow = static_cast<unsigned short>(type);
        std::memcpy(payload.data() + offsetof(ifinfomsg, ifi_type), &narrow, sizeof narrow);
        const auto link = parse_link(payload);
        REQUIRE(link.has_value());
        CHECK(link->is_layer3);
        CHECK(link->mac.is_zero());
    }
}

TEST_CASE("an address message gives the own address, its network and its broadcast address") {
    Buffer payload = address_payload(AF_INET, 24, IFA_F_SECONDARY);
    attribute(payload, IFA_ADDRESS, raw({10, 0, 0, 2}));
    attribute(payload, IFA_LOCAL, raw({10, 0, 0, 2}));
    attribute(payload, IFA_BROADCAST, raw({10, 0, 0, 255}));
    const auto entry = parse_address(payload);
    REQUIRE(entry.has_value());
    CHECK(entry->ifindex == 7);
    CHECK(entry->address.address == *parse_ip_address("10.0.0.2"));
    CHECK(entry->address.prefix_length == 24);
    CHECK(entry->address.broadcast == *parse_ip_address("10.0.0.255"));
    CHECK_FALSE(entry->address.peer.has_value());
    CHECK(entry->address.scope == AddressScope::global);
    CHECK(entry->address.is_secondary);
    CHECK_FALSE(entry->address.is_tentative);
}

TEST_CASE("of a point-to-point address the local one is the device's own") {
    Buffer payload = address_payload(AF_INET, 32);
    attribute(payload, IFA_ADDRESS, raw({10, 2, 0, 1}));
    attribute(payload, IFA_LOCAL, raw({10, 1, 0, 1}));
    const auto entry = parse_address(payload);
    REQUIRE(entry.has_value());
    CHECK(entry->address.address == *parse_ip_address("10.1.0.1"));
    CHECK(entry->address.peer == *parse_ip_address("10.2.0.1"));
}

TEST_CASE("the wide flags of an address count, and an optimistic one may be used") {
    const std::vector<std::tuple<unsigned, bool, bool>> cases = {
        {IFA_F_TENTATIVE, true, false},
        {IFA_F_TENTATIVE | IFA_F_OPTIMISTIC, false, false},
        {IFA_F_TENTATIVE | IFA_F_OPTIMISTIC | IFA_F_DADFAILED, true, false},
        {IFA_F_NOPREFIXROUTE | IFA_F_DEPRECATED, false, true},
    };
    for (const auto& [flags, is_tentative, is_deprecated] : cases) {
        Buffer payload = address_payload(AF_INET6, 64, IFA_F_PERMANENT);
        attribute(payload, IFA_ADDRESS, raw({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
        attribute(payload, IFA_FLAGS, word(flags));
        const auto entry = parse_address(payload);
        REQUIRE(entry.has_value());
        CHECK(entry->address.address == *parse_ip_address("2001:db8::1"));
        CHECK(entry->address.is_tentative == is_tentative);
        CHECK(entry->address.is_deprecated == is_deprecated);
    }
}

TEST_CASE("an address message that does not fit its family is none") {
    Buffer too_long = address_payload(AF_INET, 33);
    attribute(too_long, IFA_LOCAL, raw({10, 0, 0, 2}));
    CHECK_FALSE(parse_address(too_long).has_value());
    Buffer of_other_family = address_payload(AF_INET6, 64);
    attribute(of_other_family, IFA_ADDRESS, raw({10, 0, 0, 2}));
    CHECK_FALSE(parse_address(of_other_family).has_value());
    CHECK_FALSE(parse_address(address_payload(AF_INET, 24)).has_value());
}

TEST_CASE("a neighbour message gives address, MAC, state and who keeps it") {
    const auto neighbour = parse_neighbour(neighbour_payload());
    REQUIRE(neighbour.has_value());
    CHECK(neighbour->address == *parse_ip_address("10.0.0.2"));
    CHECK(neighbour->mac == MacAddress{{2, 0, 0, 0, 0, 2}});
    CHECK(neighbour->is_managed);
    CHECK(neighbour->protocol == 82);
    CHECK(is_usable(*neighbour));
}

TEST_CASE("incomplete and failed neighbours are not usable") {
    for (const int state : {NUD_NONE, NUD_INCOMPLETE, NUD_FAILED}) {
        Neighbour neighbour;
        neighbour.state = static_cast<std::uint16_t>(state);
        CHECK_FALSE(is_usable(neighbour));
    }
    for (const int state : {NUD_REACHABLE, NUD_STALE, NUD_DELAY, NUD_PROBE, NUD_PERMANENT, NUD_NOARP}) {
        Neighbour neighbour;
        neighbour.state = static_cast<std::uint16_t>(state);
        CHECK(is_usable(neighbour));
    }
}

TEST_CASE("a route message gives the device and a gateway of either family") {
    const auto route = parse_route(route_payload());
    REQUIRE(route.has_value());
    CHECK(route->ifindex == 7);
    CHECK(route->gateway == *parse_ip_address("::1"));
}

TEST_CASE("an error message gives a positive errno and the kernel's words") {
    const auto answer = parse_answer(error_payload(), NLM_F_ACK_TLVS | NLM_F_CAPPED);
    REQUIRE(answer.has_value());
    CHECK(answer->code == 22);
    CHECK(answer->text == "no");
    CHECK(parse_answer(error_payload(), 0)->text.empty());
}

TEST_CASE("a datagram is walked message by message and ends at one that does not fit") {
    Buffer datagram = framed(RTM_NEWLINK, link_payload());
    const Buffer second = framed(RTM_NEWNEIGH, neighbour_payload());
    datagram.insert(datagram.end(), second.begin(), second.end() - 4);
    MessageCursor cursor{datagram};
    const auto first = cursor.next();
    REQUIRE(first.has_value());
    CHECK(first->type == RTM_NEWLINK);
    CHECK(first->sequence == 3);
    CHECK_FALSE(cursor.next().has_value());
}

TEST_CASE("cut and damaged messages are parsed without reading out of bounds") {
    std::minstd_rand random(1);  // the same damage in every run
    const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random()) % bound; };
    Buffer own_address = address_payload(AF_INET6, 64);
    attribute(own_address, IFA_ADDRESS, Buffer(16));
    attribute(own_address, IFA_LOCAL, Buffer(16));
    attribute(own_address, IFA_FLAGS, word(IFA_F_DEPRECATED));
    for (const Buffer& whole : {link_payload(), own_address, neighbour_payload(), route_payload(), error_payload(),
                                framed(RTM_NEWLINK, link_payload())}) {
        for (std::size_t size = 0; size <= whole.size(); ++size) parse_exactly(whole.data(), size);
        for (int round = 0; round < 5000; ++round) {
            Buffer damaged = whole;
            for (std::size_t i = 0, count = 1 + below(4); i < count; ++i) {
                damaged[below(damaged.size())] = static_cast<std::byte>(below(256));
            }
            parse_exactly(damaged.data(), 1 + below(damaged.size()));
        }
    }
}
