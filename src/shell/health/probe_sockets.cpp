// SPDX-License-Identifier: Apache-2.0
#include "shell/health/probe_sockets.hpp"

#include "shell/health/net_raw.hpp"
#include "shell/os/os_error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <span>
#include <string_view>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <vector>

namespace rudder {
namespace {

using Type = HealthProbe::Type;

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t bytes = 0;
    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress socket_address(const IpAddress& address, std::uint16_t port, std::uint32_t ifindex) {
    SocketAddress out;
    if (address.family == IpFamily::v4) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(port);
        std::memcpy(&in.sin_addr, address.bytes.data(), sizeof in.sin_addr);
        std::memcpy(&out.storage, &in, sizeof in);
        out.bytes = sizeof in;
    } else {
        sockaddr_in6 in6{};
        in6.sin6_family = AF_INET6;
        in6.sin6_port = htons(port);
        in6.sin6_scope_id = address.is_link_local() ? ifindex : 0;
        std::memcpy(&in6.sin6_addr, address.bytes.data(), sizeof in6.sin6_addr);
        std::memcpy(&out.storage, &in6, sizeof in6);
        out.bytes = sizeof in6;
    }
    return out;
}

ProbeOutcome answered() {
    return {ProbeOutcome::Kind::answer, {}, {}};
}

ProbeOutcome missed(MissReason reason, int code) {
    return {ProbeOutcome::Kind::miss, {reason, code}, {}};
}

ProbeOutcome unable(std::string_view operation, int code) {
    return {ProbeOutcome::Kind::unable, {}, os_error(std::string(operation), code)};
}

/// What an error says that came back from the network.
ProbeOutcome network_error(int code) {
    const bool is_refusal = code == ECONNREFUSED || code == ECONNRESET;
    return missed(is_refusal ? MissReason::refused : MissReason::unreachable, code);
}

/// The same call reports what the network answered and what this host lacks.
ProbeOutcome send_error(std::string_view operation, int code) {
    constexpr std::array k_ours = {EPERM,  EACCES, EMFILE, ENFILE,        ENOMEM,     ENOBUFS,
                                   EAGAIN, ENODEV, EINVAL, EADDRNOTAVAIL, EADDRINUSE, EAFNOSUPPORT};
    return std::find(k_ours.begin(), k_ours.end(), code) != k_ours.end() ? unable(operation, code)
                                                                         : network_error(code);
}

int set_option(int fd, int level, int option, int value) {
    return ::setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : errno;
}

/// Only echo replies are queued on a raw socket.
int set_echo_filter(int fd, IpFamily family) {
    if (family == IpFamily::v4) {
        icmp_filter filter{~(1u << ICMP_ECHOREPLY)};
        return ::setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof filter) == 0 ? 0 : errno;
    }
    icmp6_filter filter{};
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    return ::setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter) == 0 ? 0 : errno;
}

UniqueFd new_socket(IpFamily family, int type, int protocol) {
    const int domain = family == IpFamily::v4 ? AF_INET : AF_INET6;
    return UniqueFd(::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
}

UniqueFd new_echo_socket(IpFamily family, bool& is_raw) {
    const int protocol = family == IpFamily::v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
    UniqueFd fd = new_socket(family, SOCK_DGRAM, protocol);
    is_raw = !fd && (errno == EACCES || errno == EPERM);
    if (!is_raw) return fd;
    const RaisedNetRaw raised;
    return new_socket(family, SOCK_RAW, protocol);
}

/// ICMP errors are told at once, those included that the kernel takes for passing.
int tell_errors(int fd, IpFamily family) {
    return family == IpFamily::v4 ? set_option(fd, IPPROTO_IP, IP_RECVERR, 1)
                                  : set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
}

/// The end of the connection is a reset.
int reset_at_close(int fd) {
    const linger at_once{1, 0};
    return ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0 ? 0 : errno;
}

Echo new_echo() {
    Echo echo;
    std::array<std::uint8_t, sizeof echo.nonce + 4> random{};
    (void)::getrandom(random.data(), random.size(), GRND_NONBLOCK);
    std::copy_n(random.begin(), echo.nonce.size(), echo.nonce.begin());
    echo.identifier = static_cast<std::uint16_t>(random[8] << 8 | random[9]);
    echo.sequence = static_cast<std::uint16_t>(random[10] << 8 | random[11]);
    return echo;
}

std::string_view noun(Type type) {
    return type == Type::icmp ? "an ICMP echo" : type == Type::tcp ? "a TCP connection" : "a UDP request";
}

}  // namespace

std::optional<ProbeOutcome> ProbeSockets::open(Question& question) {
    const ProbeOrder& order = question.order;
    const IpFamily family = order.destination.family;
    if (order.type == Type::icmp) {
        question.fd = new_echo_socket(family, question.is_raw);
    } else {
        question.fd = new_socket(family, order.type == Type::tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    }
    if (!question.fd) return unable("open a socket for " + std::string(noun(order.type)), errno);
    const int fd = question.fd.get();
    int error = set_option(fd, SOL_SOCKET, SO_BINDTOIFINDEX, static_cast<int>(order.ifindex));
    if (error != 0) return unable("bind a socket to the interface", error);
    error = tell_errors(fd, family);
    if (error == 0 && question.is_raw) error = set_echo_filter(fd, family);
    if (error == 0 && order.type == Type::tcp) error = reset_at_close(fd);
    if (error != 0) return unable("prepare a socket", error);
    if (order.source) {
        const SocketAddress source = socket_address(*order.source, 0, order.ifindex);
        if (::bind(fd, source.get(), source.bytes) != 0)
            return unable("bind a socket to " + to_string(*order.source), errno);
    }
    return std::nullopt;
}

std::optional<ProbeOutcome> ProbeSockets::send(Question& question) {
    const ProbeOrder& order = question.order;
    const SocketAddress destination =
        socket_address(order.destination, order.type == Type::icmp ? 0 : order.port, order.ifindex);
    const int fd = question.fd.get();
    const int result = ::connect(fd, destination.get(), destination.bytes);
    if (result != 0 && errno != EINPROGRESS) return send_error("connect to " + to_string(order.destination), errno);
    if (order.type == Type::tcp) return result == 0 ? std::optional(answered()) : std::nullopt;
    ssize_t sent = 0;
    if (order.type == Type::icmp) {
        const std::vector<std::uint8_t> message = echo_request(order.destination.family, question.echo);
        sent = ::send(fd, message.data(), message.size(), 0);
    } else {
        sent = ::send(fd, order.request.data(), order.request.size(), 0);
    }
    if (sent < 0) return send_error("send to " + to_string(order.destination), errno);
    return std::nullopt;
}

std::optional<ProbeOutcome> ProbeSockets::ask(const GroupMemberKey& member, const ProbeOrder& order) {
    questions_.erase(member);
    Question question{order, new_echo(), false, {}, nullptr};
    std::optional<ProbeOutcome> outcome = open(question);
    if (!outcome) outcome = send(question);
    if (outcome) return outcome;
    const std::uint32_t events = order.type == Type::tcp ? EPOLLOUT : EPOLLIN;
    auto watch = IoWatch::open(loop_, question.fd.get(), events, [this, member](std::uint32_t) { on_ready(member); });
    if (!watch) return ProbeOutcome{ProbeOutcome::Kind::unable, {}, watch.error()};
    question.watch = std::move(watch).value();
    questions_.emplace(member, std::move(question));
    return std::nullopt;
}

std::optional<ProbeOutcome> ProbeSockets::look(const GroupMemberKey& member) {
    const auto found = questions_.find(member);
    if (found == questions_.end()) return std::nullopt;
    const Question& question = found->second;
    const int fd = question.fd.get();
    if (question.order.type == Type::tcp) {
        int error = 0;
        socklen_t bytes = sizeof error;
        if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0) error = errno;
        if (error != 0) return network_error(error);
        SocketAddress peer;
        peer.bytes = sizeof peer.storage;
        // Without a peer the handshake is still going on.
        const bool is_connected = ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer.storage), &peer.bytes) == 0;
        return is_connected ? std::optional(answered()) : std::nullopt;
    }
    for (;;) {
        std::array<std::uint8_t, 2048> buffer;
        const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return std::nullopt;
        if (got < 0) return network_error(errno);
        std::span<const std::uint8_t> bytes(buffer.data(), static_cast<std::size_t>(got));
        if (question.order.type == Type::udp) {
            const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            return text.starts_with(question.order.expect) ? answered() : missed(MissReason::wrong_answer, 0);
        }
        const IpFamily family = question.order.destination.family;
        if (question.is_raw && family == IpFamily::v4) bytes = without_ipv4_header(bytes);
        if (is_echo_reply(family, bytes, question.echo, question.is_raw)) return answered();
    }
}

void ProbeSockets::on_ready(const GroupMemberKey& member) {
    const std::optional<ProbeOutcome> outcome = look(member);
    if (!outcome) return;
    const GroupMemberKey key = member;
    end(key);
    on_outcome_(key, *outcome);
}

}  // namespace rudder
