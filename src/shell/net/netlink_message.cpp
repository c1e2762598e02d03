// SPDX-License-Identifier: Apache-2.0
#include "shell/net/netlink_message.hpp"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace rudder::netlink {

namespace {

/// A fixed-size object at the front of `bytes`, copied: the bytes need not be aligned.
template <class T>
std::optional<T> read(Bytes bytes) {
    if (bytes.size() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

constexpr std::size_t align4(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

Bytes after(Bytes bytes, std::size_t size) { return bytes.subspan(std::min(align4(size), bytes.size())); }

std::string read_text(Bytes bytes) {
    const auto end = std::find(bytes.begin(), bytes.end(), std::byte{0});
    std::string text(static_cast<std::size_t>(end - bytes.begin()), '\0');
    std::transform(bytes.begin(), end, text.begin(), [](std::byte b) { return static_cast<char>(b); });
    return text;
}

std::optional<MacAddress> read_mac(Bytes bytes) {
    MacAddress mac;
    if (bytes.size() != mac.bytes.size()) return std::nullopt;
    std::memcpy(mac.bytes.data(), bytes.data(), bytes.size());
    return mac;
}

std::optional<IpAddress> read_address(unsigned family, Bytes bytes) {
    IpAddress address;
    if (family == AF_INET && bytes.size() == 4) {
        address.family = IpFamily::v4;
    } else if (family == AF_INET6 && bytes.size() == 16) {
        address.family = IpFamily::v6;
    } else {
        return std::nullopt;
    }
    std::memcpy(address.bytes.data(), bytes.data(), bytes.size());
    return address;
}

/// RTA_VIA: a family in host order, then the address.
std::optional<IpAddress> read_via(Bytes bytes) {
    const auto family = read<std::uint16_t>(bytes);
    if (!family) return std::nullopt;
    return read_address(*family, bytes.subspan(sizeof *family));
}

bool has_no_ethernet_header(std::uint16_t hardware_type) {
    switch (hardware_type) {
        case ARPHRD_NONE:
        case ARPHRD_TUNNEL:
        case ARPHRD_TUNNEL6:
        case ARPHRD_SIT:
        case ARPHRD_IPGRE:
        case ARPHRD_IP6GRE:
        case ARPHRD_PPP:
        case ARPHRD_RAWIP: return true;
        default: return false;
    }
}

void read_altnames(Bytes properties, Link& link) {
    AttributeCursor cursor(properties);
    while (const auto attribute = cursor.next()) {
        if (attribute->type != IFLA_ALT_IFNAME) continue;
        if (auto name = read_text(attribute->value); !name.empty()) link.altnames.push_back(std::move(name));
    }
}

void read_link_info(Bytes link_info, Link& link) {
    AttributeCursor cursor(link_info);
    while (const auto attribute = cursor.next()) {
        if (attribute->type == IFLA_INFO_KIND) link.kind = read_text(attribute->value);
        if (attribute->type == IFLA_INFO_SLAVE_KIND) link.slave_kind = read_text(attribute->value);
    }
}

void read_link_attribute(const Attribute& attribute, Link& link) {
    switch (attribute.type) {
        case IFLA_IFNAME: link.name = read_text(attribute.value); break;
        case IFLA_ADDRESS: link.mac = read_mac(attribute.value).value_or(MacAddress{}); break;
        case IFLA_MTU: link.mtu = read<std::uint32_t>(attribute.value).value_or(0); break;
        case IFLA_CARRIER_CHANGES: link.carrier_changes = read<std::uint32_t>(attribute.value).value_or(0); break;
        case IFLA_PROP_LIST: read_altnames(attribute.value, link); break;
        case IFLA_LINKINFO: read_link_info(attribute.value, link); break;
        case IFLA_MASTER: link.master = read<std::uint32_t>(attribute.value).value_or(0); break;
        case IFLA_LINK: link.lower = read<std::uint32_t>(attribute.value).value_or(0); break;
        default: break;
    }
}

/// IFLA_LINK names the peer of a pair, and the number that a device has in another namespace.
bool is_stacked(const Link& link, bool is_lower_elsewhere) {
    return !is_lower_elsewhere && link.lower != link.ifindex && link.kind != "veth" && link.kind != "netkit";
}

AddressScope scope_of(std::uint8_t scope) {
    if (scope >= RT_SCOPE_HOST) return AddressScope::host;
    if (scope >= RT_SCOPE_LINK) return AddressScope::link;
    return scope >= RT_SCOPE_SITE ? AddressScope::site : AddressScope::global;
}

/// An optimistic address may be used before the check for duplicates has ended (RFC 4429).
bool is_unchecked(std::uint32_t flags) {
    return (flags & IFA_F_DADFAILED) != 0 || ((flags & IFA_F_TENTATIVE) != 0 && (flags & IFA_F_OPTIMISTIC) == 0);
}

/// IFA_LOCAL is the device's own address. Alone, IFA_ADDRESS is; beside another IFA_LOCAL it is the peer's.
struct AddressAttributes {
    std::optional<IpAddress> local;
    std::optional<IpAddress> address;
    std::optional<IpAddress> broadcast;
    std::uint32_t flags = 0;
};

void read_address_attribute(const Attribute& attribute, unsigned family, AddressAttributes& found) {
    switch (attribute.type) {
        case IFA_LOCAL: found.local = read_address(family, attribute.value); break;
        case IFA_ADDRESS: found.address = read_address(family, attribute.value); break;
        case IFA_BROADCAST: found.broadcast = read_address(family, attribute.value); break;
        case IFA_FLAGS: found.flags = read<std::uint32_t>(attribute.value).value_or(found.flags); break;
        default: break;
    }
}

void read_neighbour_attribute(const Attribute& attribute, Neighbour& neighbour) {
    switch (attribute.type) {
        case NDA_LLADDR: neighbour.mac = read_mac(attribute.value); break;
        case NDA_PROTOCOL: neighbour.protocol = read<std::uint8_t>(attribute.value).value_or(0); break;
        case NDA_FLAGS_EXT:
            neighbour.is_managed = (read<std::uint32_t>(attribute.value).value_or(0) & NTF_EXT_MANAGED) != 0;
            break;
        default: break;
    }
}

}  // namespace

std::optional<Message> MessageCursor::next() {
    const auto header = read<nlmsghdr>(rest_);
    if (!header || header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > rest_.size()) return std::nullopt;
    const Bytes payload = rest_.subspan(sizeof(nlmsghdr), header->nlmsg_len - sizeof(nlmsghdr));
    rest_ = after(rest_, header->nlmsg_len);
    return Message{header->nlmsg_type, header->nlmsg_flags, header->nlmsg_seq, payload};
}

std::optional<Attribute> AttributeCursor::next() {
    const auto header = read<rtattr>(rest_);
    if (!header || header->rta_len < sizeof(rtattr) || header->rta_len > rest_.size()) return std::nullopt;
    const Bytes value = rest_.subspan(sizeof(rtattr), header->rta_len - sizeof(rtattr));
    rest_ = after(rest_, header->rta_len);
    return Attribute{static_cast<std::uint16_t>(header->rta_type & NLA_TYPE_MASK), value};
}

std::optional<std::pair<std::uint8_t, std::uint32_t>> link_identity(Bytes payload) {
    const auto header = read<ifinfomsg>(payload);
    if (!header || header->ifi_index <= 0) return std::nullopt;
    return std::pair{header->ifi_family, static_cast<std::uint32_t>(header->ifi_index)};
}

std::optional<Link> parse_link(Bytes payload) {
    const auto header = read<ifinfomsg>(payload);
    if (!header || header->ifi_index <= 0 || header->ifi_family != AF_UNSPEC) return std::nullopt;
    Link link;
    link.ifindex = static_cast<std::uint32_t>(header->ifi_index);
    link.is_up = (header->ifi_flags & IFF_UP) != 0 && (header->ifi_flags & IFF_RUNNING) != 0;
    link.is_loopback = (header->ifi_flags & IFF_LOOPBACK) != 0;
    link.is_layer3 = has_no_ethernet_header(header->ifi_type);
    AttributeCursor cursor(after(payload, sizeof(ifinfomsg)));
    bool is_lower_elsewhere = false;
    while (const auto attribute = cursor.next()) {
        read_link_attribute(*attribute, link);
        is_lower_elsewhere |= attribute->type == IFLA_LINK_NETNSID;
    }
    if (link.name.empty()) return std::nullopt;
    if (link.is_layer3) link.mac = {};
    if (!is_stacked(link, is_lower_elsewhere)) link.lower = 0;
    std::sort(link.altnames.begin(), link.altnames.end());
    return link;
}

std::optional<std::uint32_t> parse_address_ifindex(Bytes payload) {
    const auto header = read<ifaddrmsg>(payload);
    if (!header) return std::nullopt;
    return header->ifa_index;
}

std::optional<AddressEntry> parse_address(Bytes payload) {
    const auto header = read<ifaddrmsg>(payload);
    if (!header || header->ifa_index == 0) return std::nullopt;
    AddressAttributes found;
    found.flags = header->ifa_flags;
    AttributeCursor cursor(after(payload, sizeof(ifaddrmsg)));
    while (const auto attribute = cursor.next()) read_address_attribute(*attribute, header->ifa_family, found);
    const auto own = found.local ? found.local : found.address;
    if (!own || header->ifa_prefixlen > own->bits()) return std::nullopt;
    AddressEntry entry;
    entry.ifindex = header->ifa_index;
    entry.address.address = *own;
    entry.address.prefix_length = header->ifa_prefixlen;
    entry.address.scope = scope_of(header->ifa_scope);
    entry.address.is_secondary = (found.flags & IFA_F_SECONDARY) != 0;
    entry.address.is_tentative = is_unchecked(found.flags);
    entry.address.is_deprecated = (found.flags & IFA_F_DEPRECATED) != 0;
    entry.address.broadcast = found.broadcast;
    if (found.address && found.address != own) entry.address.peer = found.address;
    return entry;
}

std::optional<Neighbour> parse_neighbour(Bytes payload) {
    const auto header = read<ndmsg>(payload);
    if (!header || header->ndm_ifindex <= 0 || (header->ndm_flags & NTF_PROXY) != 0) return std::nullopt;
    Neighbour neighbour;
    neighbour.ifindex = static_cast<std::uint32_t>(header->ndm_ifindex);
    neighbour.state = header->ndm_state;
    neighbour.flags = header->ndm_flags;
    std::optional<IpAddress> address;
    AttributeCursor cursor(after(payload, sizeof(ndmsg)));
    while (const auto attribute = cursor.next()) {
        if (attribute->type == NDA_DST) address = read_address(header->ndm_family, attribute->value);
        read_neighbour_attribute(*attribute, neighbour);
    }
    if (!address) return std::nullopt;
    neighbour.address = *address;
    return neighbour;
}

std::optional<Route> parse_route(Bytes payload) {
    const auto header = read<rtmsg>(payload);
    if (!header) return std::nullopt;
    Route route;
    route.type = header->rtm_type;
    AttributeCursor cursor(after(payload, sizeof(rtmsg)));
    while (const auto attribute = cursor.next()) {
        switch (attribute->type) {
            case RTA_OIF: route.ifindex = read<std::uint32_t>(attribute->value).value_or(0); break;
            case RTA_GATEWAY: route.gateway = read_address(header->rtm_family, attribute->value); break;
            case RTA_VIA: route.gateway = read_via(attribute->value); break;
            default: break;
        }
    }
    return route;
}

std::optional<Answer> parse_answer(Bytes payload, std::uint16_t flags) {
    const auto error = read<nlmsgerr>(payload);
    if (!error || error->error == INT32_MIN) return std::nullopt;
    Answer answer{error->error < 0 ? -error->error : error->error, {}};
    if ((flags & NLM_F_ACK_TLVS) == 0) return answer;
    const std::size_t echoed = (flags & NLM_F_CAPPED) != 0 ? sizeof(nlmsghdr) : error->msg.nlmsg_len;
    AttributeCursor cursor(after(payload, sizeof(error->error) + echoed));
    while (const auto attribute = cursor.next()) {
        if (attribute->type == NLMSGERR_ATTR_MSG) answer.text = read_text(attribute->value);
    }
    return answer;
}

int parse_done(Bytes payload) {
    const std::int32_t code = read<std::int32_t>(payload).value_or(0);
    return code < 0 && code != INT32_MIN ? -code : 0;
}

bool is_usable(const Neighbour& neighbour) {
    constexpr unsigned k_usable = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;
    return (neighbour.state & k_usable) != 0;
}

std::optional<MacAddress> group_mac(const IpAddress& address) {
    const auto& b = address.bytes;
    if (address.is_limited_broadcast()) return MacAddress{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    if (!address.is_multicast()) return std::nullopt;
    if (address.family == IpFamily::v4) {
        return MacAddress{{0x01, 0x00, 0x5e, static_cast<std::uint8_t>(b[1] & 0x7f), b[2], b[3]}};
    }
    return MacAddress{{0x33, 0x33, b[12], b[13], b[14], b[15]}};
}

}  // namespace rudder::netlink
