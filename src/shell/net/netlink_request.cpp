// SPDX-License-Identifier: Apache-2.0
#include "shell/net/netlink_request.hpp"

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <cstddef>

namespace rudder::netlink {

namespace {

unsigned char family_of(const IpAddress& address) {
    return address.family == IpFamily::v4 ? AF_INET : AF_INET6;
}

template <class Header>
Request make(int type, int flags, Header header) {
    Request request(nlmsg_alloc_simple(type, flags));
    if (request && nlmsg_append(request.get(), &header, sizeof header, NLMSG_ALIGNTO) < 0) request.reset();
    return request;
}

void put(Request& request, int type, const void* data, std::size_t size) {
    if (request && nla_put(request.get(), type, static_cast<int>(size), data) < 0) request.reset();
}

void put_address(Request& request, int type, const IpAddress& address) {
    put(request, type, address.bytes.data(), address.bits() / 8);
}

/// Links without their statistics: they are most of a dump's bytes.
Request link_request(int flags, std::uint32_t ifindex) {
    ifinfomsg header{};
    header.ifi_index = static_cast<int>(ifindex);
    Request request = make(RTM_GETLINK, flags, header);
    const std::uint32_t mask = RTEXT_FILTER_SKIP_STATS;
    put(request, IFLA_EXT_MASK, &mask, sizeof mask);
    return request;
}

Request neighbour_request(int type, int flags, std::uint8_t entry_flags, std::uint32_t ifindex, const IpAddress& address) {
    ndmsg header{};
    header.ndm_family = family_of(address);
    header.ndm_ifindex = static_cast<int>(ifindex);
    header.ndm_flags = entry_flags;
    Request request = make(type, flags, header);
    put_address(request, NDA_DST, address);
    return request;
}

}  // namespace

void MessageDeleter::operator()(nl_msg* message) const { nlmsg_free(message); }

Request link_dump() { return link_request(NLM_F_REQUEST | NLM_F_DUMP, 0); }

Request link_get(std::uint32_t ifindex) { return link_request(NLM_F_REQUEST | NLM_F_ACK, ifindex); }

Request address_dump(IpFamily family, std::uint32_t ifindex) {
    ifaddrmsg header{};
    header.ifa_family = family == IpFamily::v4 ? AF_INET : AF_INET6;
    header.ifa_index = ifindex;
    return make(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, header);
}

Request neighbour_dump(IpFamily family) {
    ndmsg header{};
    header.ndm_family = family == IpFamily::v4 ? AF_INET : AF_INET6;
    return make(RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP, header);
}

Request neighbour_get(std::uint32_t ifindex, const IpAddress& address) {
    return neighbour_request(RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_ACK, 0, ifindex, address);
}

Request neighbour_keep(std::uint32_t ifindex, const IpAddress& address) {
    Request request =
        neighbour_request(RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, NTF_USE, ifindex, address);
    const std::uint32_t extended = NTF_EXT_MANAGED;
    put(request, NDA_FLAGS_EXT, &extended, sizeof extended);
    put(request, NDA_PROTOCOL, &k_neighbour_protocol, sizeof k_neighbour_protocol);
    return request;
}

Request neighbour_release(std::uint32_t ifindex, const IpAddress& address) {
    return neighbour_request(RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_ACK, NTF_USE, ifindex, address);
}

Request route_get(std::uint32_t ifindex, const IpAddress& destination, bool match_only) {
    rtmsg header{};
    header.rtm_family = family_of(destination);
    header.rtm_dst_len = static_cast<unsigned char>(destination.bits());
    header.rtm_flags = match_only ? unsigned{RTM_F_FIB_MATCH} : 0U;
    Request request = make(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_ACK, header);
    put_address(request, RTA_DST, destination);
    put(request, RTA_OIF, &ifindex, sizeof ifindex);
    return request;
}

}  // namespace rudder::netlink
