// SPDX-License-Identifier: Apache-2.0
#include "shell/net/netlink_socket.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace rudder::netlink {

namespace {

/// The kernel makes no larger datagram for a dump (NLMSG_GOODSIZE and the reader's own size bound it).
constexpr std::size_t k_datagram_bytes = 64 * 1024;
constexpr int k_request_receive_bytes = 1024 * 1024;
constexpr int k_dump_attempts = 6;
constexpr timeval k_answer_timeout{5, 0};

constexpr std::array k_groups{RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                              RTNLGRP_NEIGH,      RTNLGRP_IPV4_ROUTE,  RTNLGRP_IPV6_ROUTE,
                              RTNLGRP_IPV4_RULE,  RTNLGRP_IPV6_RULE};

/// Next-hop objects exist since Linux 5.3; without them there is nothing to hear.
constexpr std::array k_optional_groups{RTNLGRP_NEXTHOP};

Error system_error(const std::string& operation, int code) { return {operation + ": " + std::strerror(code), code}; }

template <class T>
int set_option(int descriptor, int level, int option, const T& value) {
    return ::setsockopt(descriptor, level, option, &value, sizeof value) == 0 ? 0 : errno;
}

Result<Socket> connect_socket() {
    Socket socket(nl_socket_alloc());
    if (!socket) return Error{"allocate netlink socket", ENOMEM};
    if (const int rc = nl_connect(socket.get(), NETLINK_ROUTE); rc < 0) {
        return Error{std::string("connect to rtnetlink: ") + nl_geterror(rc)};
    }
    return socket;
}

void force_receive_buffer(int descriptor, int bytes) {
    if (set_option(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, bytes) != 0) {
        (void)set_option(descriptor, SOL_SOCKET, SO_RCVBUF, bytes);
    }
}

struct Received {
    ssize_t bytes = 0;
    int code = 0;               ///< errno of a failed receive
    bool is_from_kernel = false;
    bool is_truncated = false;
};

Received receive_datagram(int descriptor, std::vector<std::byte>& buffer, int flags) {
    sockaddr_nl sender{};
    iovec vector{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_name = &sender;
    message.msg_namelen = sizeof sender;
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    Received received;
    do {
        received.bytes = ::recvmsg(descriptor, &message, flags);
        received.code = received.bytes < 0 ? errno : 0;
    } while (received.code == EINTR);
    received.is_from_kernel = received.code == 0 && sender.nl_pid == 0;
    received.is_truncated = received.code == 0 && (message.msg_flags & MSG_TRUNC) != 0;
    return received;
}

Bytes prefix(const std::vector<std::byte>& buffer, ssize_t size) {
    return Bytes(buffer).first(static_cast<std::size_t>(size));
}

}  // namespace

Error refusal(const std::string& operation, const Answer& answer) {
    return {operation + ": " + (answer.text.empty() ? std::strerror(answer.code) : answer.text), answer.code};
}

void SocketDeleter::operator()(nl_sock* socket) const { nl_socket_free(socket); }

Result<RequestSocket> RequestSocket::open() {
    auto socket = connect_socket();
    if (!socket) return socket.error();
    const int descriptor = nl_socket_get_fd(socket->get());
    force_receive_buffer(descriptor, k_request_receive_bytes);
    // Explanations and filtered answers are welcome where the kernel has them; nothing depends on either.
    (void)set_option(descriptor, SOL_NETLINK, NETLINK_EXT_ACK, 1);
    (void)set_option(descriptor, SOL_NETLINK, NETLINK_CAP_ACK, 1);
    (void)set_option(descriptor, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
    if (const int code = set_option(descriptor, SOL_SOCKET, SO_RCVTIMEO, k_answer_timeout); code != 0) {
        return system_error("set netlink answer time-out", code);
    }
    return RequestSocket(std::move(socket).value(), k_datagram_bytes);
}

Result<Exchange> RequestSocket::ask(const Request& request, const std::function<void()>& restart,
                                    const std::function<void(const Message&)>& each) {
    if (!request) return Error{"build netlink request: out of memory", ENOMEM};
    for (int attempt = 1;; ++attempt) {
        restart();
        auto exchange = converse(request, each);
        if (!exchange || !exchange->is_interrupted || attempt == k_dump_attempts) return exchange;
    }
}

Result<Exchange> RequestSocket::converse(const Request& request, const std::function<void(const Message&)>& each) {
    nlmsghdr* header = nlmsg_hdr(request.get());
    header->nlmsg_seq = ++sequence_;
    header->nlmsg_pid = nl_socket_get_local_port(socket_.get());
    if (::send(nl_socket_get_fd(socket_.get()), header, header->nlmsg_len, 0) < 0) {
        return system_error("send netlink request", errno);
    }
    Exchange exchange;
    for (;;) {
        auto datagram = receive();
        if (!datagram) return datagram.error();
        MessageCursor cursor(*datagram);
        while (const auto message = cursor.next()) {
            if (message->sequence != sequence_) continue;
            if ((message->flags & NLM_F_DUMP_INTR) != 0) exchange.is_interrupted = true;
            if (message->type == NLMSG_DONE) {
                exchange.answer.code = parse_done(message->payload);
                return exchange;
            }
            if (message->type == NLMSG_ERROR) {
                auto answer = parse_answer(message->payload, message->flags);
                if (!answer) return Error{"read netlink answer: malformed", EBADMSG};
                exchange.answer = std::move(*answer);
                return exchange;
            }
            each(*message);
        }
    }
}

Result<Bytes> RequestSocket::receive() {
    for (;;) {
        const auto received = receive_datagram(nl_socket_get_fd(socket_.get()), buffer_, 0);
        if (received.code != 0) return system_error("receive netlink answer", received.code);
        if (!received.is_from_kernel) continue;
        if (received.is_truncated) return Error{"receive netlink answer: larger than any known", EMSGSIZE};
        return prefix(buffer_, received.bytes);
    }
}

Result<EventSocket> EventSocket::open(int buffer_bytes) {
    auto socket = connect_socket();
    if (!socket) return socket.error();
    const int descriptor = nl_socket_get_fd(socket->get());
    force_receive_buffer(descriptor, buffer_bytes);
    for (const int group : k_groups) {
        if (const int code = set_option(descriptor, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group); code != 0) {
            return system_error("join netlink group " + std::to_string(group), code);
        }
    }
    for (const int group : k_optional_groups) (void)set_option(descriptor, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
    return EventSocket(std::move(socket).value(), k_datagram_bytes);
}

int EventSocket::descriptor() const { return nl_socket_get_fd(socket_.get()); }

Result<EventSocket::Outcome> EventSocket::drain(unsigned datagrams, const std::function<void(const Message&)>& each) {
    bool has_lost = false;
    for (unsigned i = 0; i < datagrams; ++i) {
        const auto received = receive_datagram(descriptor(), buffer_, MSG_DONTWAIT);
        if (received.code == EAGAIN || received.code == EWOULDBLOCK) return has_lost ? Outcome::overflow : Outcome::empty;
        if (received.code == ENOBUFS || received.is_truncated) {
            has_lost = true;
            continue;
        }
        if (received.code != 0) return system_error("receive netlink event", received.code);
        if (!received.is_from_kernel) continue;
        MessageCursor cursor(prefix(buffer_, received.bytes));
        while (const auto message = cursor.next()) each(*message);
    }
    return has_lost ? Outcome::overflow : Outcome::more;
}

}  // namespace rudder::netlink
