// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "shell/net/netlink_message.hpp"
#include "shell/net/netlink_request.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

struct nl_sock;

namespace rudder::netlink {

struct SocketDeleter {
    void operator()(nl_sock* socket) const;
};
using Socket = std::unique_ptr<nl_sock, SocketDeleter>;

/// What became of a question: `answer.code` is the kernel's verdict (0: done).
/// `is_interrupted`: the kernel changed while it listed, even in the last of several attempts.
struct Exchange {
    Answer answer;
    bool is_interrupted = false;
};

/// What the kernel said no to. *Units*: the code is the answer's.
[[nodiscard]] Error refusal(const std::string& operation, const Answer& answer);

/// Questions and their answers, one at a time. Answers to earlier, abandoned questions are dropped by sequence number.
class RequestSocket {
public:
    [[nodiscard]] static Result<RequestSocket> open();

    /// Sends and waits for the verdict; `each` sees every message before it. A dump that the kernel marks as
    /// interrupted is repeated a few times; `restart` is called before each attempt, to forget what `each` saw.
    /// *Errors*: the conversation itself failed. A refusal by the kernel is no error but the Exchange's code.
    /// *Blocking*: until the kernel has answered; bounded by a receive time-out.
    [[nodiscard]] Result<Exchange> ask(const Request& request, const std::function<void()>& restart,
                                       const std::function<void(const Message&)>& each);

private:
    RequestSocket(Socket socket, std::size_t buffer_bytes) : socket_(std::move(socket)), buffer_(buffer_bytes) {}
    [[nodiscard]] Result<Exchange> converse(const Request& request, const std::function<void(const Message&)>& each);
    [[nodiscard]] Result<Bytes> receive();

    Socket socket_;
    std::vector<std::byte> buffer_;
    std::uint32_t sequence_ = 0;
};

/// The one message that answers a question. *Errors*: as ask(). `Exchange::answer` tells why there is none.
template <class T>
struct Reply {
    std::optional<T> value;
    Answer answer;
};

template <class T>
[[nodiscard]] Result<Reply<T>> ask_one(RequestSocket& socket, const Request& request, std::uint16_t type,
                                       std::optional<T> (*parse)(Bytes)) {
    std::optional<T> value;
    auto exchange = socket.ask(request, [&] { value.reset(); },
                               [&](const Message& message) { if (message.type == type) value = parse(message.payload); });
    if (!exchange) return exchange.error();
    return Reply<T>{std::move(value), std::move(exchange->answer)};
}

/// Notifications of links, addresses, neighbours, routes, rules and next-hop objects, both families.
class EventSocket {
public:
    /// *Units*: `buffer_bytes` as SO_RCVBUFFORCE (or SO_RCVBUF without the privilege) takes it.
    [[nodiscard]] static Result<EventSocket> open(int buffer_bytes);

    [[nodiscard]] int descriptor() const;

    enum class Outcome { empty, more, overflow };
    /// Reads up to `datagrams` datagrams without waiting. `overflow`: notifications were lost (ENOBUFS, truncation).
    [[nodiscard]] Result<Outcome> drain(unsigned datagrams, const std::function<void(const Message&)>& each);

private:
    EventSocket(Socket socket, std::size_t buffer_bytes) : socket_(std::move(socket)), buffer_(buffer_bytes) {}

    Socket socket_;
    std::vector<std::byte> buffer_;
};

}  // namespace rudder::netlink
