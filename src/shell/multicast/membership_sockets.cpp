// SPDX-License-Identifier: Apache-2.0
#include "shell/multicast/membership_sockets.hpp"

#include "core/multicast/kernel_groups.hpp"
#include "shell/os/os_error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace rudder {
namespace {

sockaddr_storage to_sockaddr(const IpAddress& address) {
    sockaddr_storage storage{};
    if (address.family == IpFamily::v4) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        std::memcpy(&in.sin_addr, address.bytes.data(), sizeof in.sin_addr);
        std::memcpy(&storage, &in, sizeof in);
    } else {
        sockaddr_in6 in6{};
        in6.sin6_family = AF_INET6;
        std::memcpy(&in6.sin6_addr, address.bytes.data(), sizeof in6.sin6_addr);
        std::memcpy(&storage, &in6, sizeof in6);
    }
    return storage;
}

/// *Source*: RFC 3678 section 5. Returns the errno, 0 for none.
int set_membership(int fd, const Membership& membership, bool is_member) {
    const int level = membership.group.family == IpFamily::v4 ? IPPROTO_IP : IPPROTO_IPV6;
    int result = 0;
    if (membership.source) {
        group_source_req request{};
        request.gsr_interface = membership.ifindex;
        request.gsr_group = to_sockaddr(membership.group);
        request.gsr_source = to_sockaddr(*membership.source);
        result = ::setsockopt(fd, level, is_member ? MCAST_JOIN_SOURCE_GROUP : MCAST_LEAVE_SOURCE_GROUP, &request,
                              sizeof request);
    } else {
        group_req request{};
        request.gr_interface = membership.ifindex;
        request.gr_group = to_sockaddr(membership.group);
        result = ::setsockopt(fd, level, is_member ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP, &request, sizeof request);
    }
    return result == 0 ? 0 : errno;
}

/// IPv4 has ENOBUFS for both of its bounds, IPv6 ENOMEM for the option memory and ENOBUFS for the sources.
bool is_full(int error) {
    return error == ENOBUFS || error == ENOMEM;
}

Result<std::string> read_file(const char* path) {
    const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
    if (!fd) return os_error(std::string("open ") + path, errno);
    std::string text;
    std::string buffer(1 << 16, '\0');
    for (;;) {
        const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return os_error(std::string("read ") + path, errno);
        if (got == 0) return text;
        text.append(buffer, 0, static_cast<std::size_t>(got));
    }
}

}  // namespace

MembershipSockets::Sockets& MembershipSockets::pool_of(const Membership& membership) {
    return pools_[{membership.group.family, membership.source.has_value()}];
}

bool MembershipSockets::has_sources_on(const Socket& socket, const Membership& group) const {
    for (auto next = held_.lower_bound(group); next != held_.end(); ++next) {
        if (next->first.ifindex != group.ifindex || next->first.group != group.group) return false;
        if (next->first.source && &*next->second == &socket) return true;
    }
    return false;
}

/// A first source that is refused leaves a group without sources behind, which holds a place on the socket.
int MembershipSockets::join_on(Sockets::iterator socket, const Membership& membership) {
    const int error = set_membership(socket->fd.get(), membership, true);
    if (error == 0) {
        held_.emplace(membership, socket);
        ++socket->held;
        return 0;
    }
    socket->is_full = socket->is_full || is_full(error);
    const Membership group{membership.ifindex, membership.group, std::nullopt};
    if (membership.source && !has_sources_on(*socket, group)) (void)set_membership(socket->fd.get(), group, false);
    return error;
}

int MembershipSockets::join(const Membership& membership) {
    Sockets& pool = pool_of(membership);
    for (auto socket = pool.begin(); socket != pool.end(); ++socket) {
        if (socket->is_full) continue;
        const int error = join_on(socket, membership);
        if (!is_full(error)) return error;
    }
    if (sockets() >= max_sockets_) return EMFILE;
    const int family = membership.group.family == IpFamily::v4 ? AF_INET : AF_INET6;
    UniqueFd fd(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return errno;
    const auto fresh = pool.insert(pool.end(), Socket{std::move(fd)});
    const int error = join_on(fresh, membership);
    if (error != 0) pool.erase(fresh);
    return error;
}

void MembershipSockets::leave(const Membership& membership) {
    const auto found = held_.find(membership);
    if (found == held_.end()) return;
    const Sockets::iterator socket = found->second;
    held_.erase(found);
    (void)set_membership(socket->fd.get(), membership, false);
    // When the device is gone the kernel refuses to take a source off the socket, where it would stay and refuse to be
    // joined on a device made anew with the same number. The group without sources goes in any case.
    const Membership group{membership.ifindex, membership.group, std::nullopt};
    if (membership.source && !has_sources_on(*socket, group)) (void)set_membership(socket->fd.get(), group, false);
    socket->is_full = false;
    if (--socket->held == 0) pool_of(membership).erase(socket);
}

Result<KernelGroups> MembershipSockets::list_groups() {
    KernelGroups groups;
    Result<std::string> text = read_file("/proc/self/net/igmp");
    if (!text) return text.error();
    add_igmp_groups(*text, groups);
    text = read_file("/proc/self/net/igmp6");
    if (text)
        add_igmp6_groups(*text, groups);
    else if (text.error().code != ENOENT)  // a kernel without IPv6
        return text.error();
    return groups;
}

std::size_t MembershipSockets::sockets() const {
    std::size_t count = 0;
    for (const auto& [pool, sockets] : pools_) count += sockets.size();
    return count;
}

std::size_t default_max_sockets() {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<std::size_t>(limit.rlim_cur) / 2 : 512;
}

}  // namespace rudder
