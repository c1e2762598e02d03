// SPDX-License-Identifier: Apache-2.0
#include "shell/status/varlink_server.hpp"

#include "shell/os/os_error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace rudder {

struct VarlinkServer::Client {
    UniqueFd fd;
    std::string in;
    std::string out;                         ///< empty: nothing is to be sent
    std::function<bool(std::string&)> more;  ///< what comes behind it
    std::size_t sent = 0;
    bool has_ended = false;  ///< it will send no more
    std::unique_ptr<IoWatch> io;
    std::unique_ptr<Timer> deadline;
    std::chrono::steady_clock::time_point answer_ends;  ///< at the latest

    [[nodiscard]] bool is_idle() const { return in.empty() && out.empty(); }
    [[nodiscard]] bool has_call() const { return in.find('\0') != std::string::npos; }
    /// Nothing has to come from it first.
    [[nodiscard]] bool has_work() const { return !out.empty() || has_call(); }
};

VarlinkServer::VarlinkServer(sd_event* loop, std::string path, varlink::Interface interface, Handler handler, VarlinkLimits limits)
    : loop_(loop), path_(std::move(path)), interfaces_{std::move(interface)}, handler_(std::move(handler)), limits_(limits) {}

VarlinkServer::~VarlinkServer() {
    if (io_ != nullptr) (void)::unlink(path_.c_str());
}

Result<std::unique_ptr<VarlinkServer>> VarlinkServer::open(sd_event* loop, const std::string& path, mode_t mode,
                                                           varlink::Interface interface, Handler handler, VarlinkLimits limits) {
    std::unique_ptr<VarlinkServer> server(new VarlinkServer(loop, path, std::move(interface), std::move(handler), limits));
    if (Status status = server->listen(mode); !status) return status.error().within("listen on " + path);
    return server;
}

Status VarlinkServer::listen(mode_t mode) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof(address.sun_path)) return os_error("socket path", ENAMETOOLONG);
    std::copy(path_.begin(), path_.end(), address.sun_path);
    listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!listener_.is_open()) return os_error("socket", errno);
    if (::unlink(path_.c_str()) != 0 && errno != ENOENT) return os_error("remove stale socket", errno);
    // Born closed to everybody: between bind and chmod nobody may connect who may not afterwards.
    const mode_t mask = ::umask(0777);
    const int bound = ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    const int bind_errno = errno;
    ::umask(mask);
    if (bound != 0) return os_error("bind", bind_errno);
    if (::chmod(path_.c_str(), mode) != 0) return os_error("chmod", errno);
    if (::listen(listener_.get(), SOMAXCONN) != 0) return os_error("listen", errno);
    auto io = IoWatch::open(loop_, listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_clients(); });
    if (!io) return io.error();
    io_ = std::move(io).value();
    return limits_.lets_others_first ? io_->let_others_first() : Status{};
}

void VarlinkServer::accept_clients() {
    for (;;) {
        UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        // Out of descriptors: the connection stays in the queue; clients that leave make room.
        if (!fd.is_open()) return;
        if (make_room()) add_client(std::move(fd));
    }
}

/// At the limit the client that has been idle longest goes; if none is idle the new one has to.
bool VarlinkServer::make_room() {
    if (clients_.size() < limits_.clients) return true;
    const auto idle = std::find_if(clients_.begin(), clients_.end(), [](const auto& client) { return client->is_idle(); });
    if (idle == clients_.end()) return false;
    clients_.erase(idle);
    return true;
}

void VarlinkServer::add_client(UniqueFd fd) {
    auto client = std::make_unique<Client>();
    Client* raw = client.get();
    client->fd = std::move(fd);
    auto io = IoWatch::open(loop_, client->fd.get(), EPOLLIN, [this, raw](std::uint32_t events) { serve(*raw, events); });
    auto deadline = Timer::open(loop_, [this, raw] { time_out(*raw); });
    if (!io || !deadline || (limits_.lets_others_first && !(*io)->let_others_first())) return;
    client->io = std::move(io).value();
    client->deadline = std::move(deadline).value();
    clients_.push_back(std::move(client));
}

void VarlinkServer::drop(Client& client) {
    clients_.remove_if([&](const auto& other) { return other.get() == &client; });
}

void VarlinkServer::serve(Client& client, std::uint32_t events) {
    if (!client.out.empty() && (events & (EPOLLHUP | EPOLLERR)) != 0) return drop(client);
    if (!client.has_work() && !receive(client)) return drop(client);
    if (!answer(client)) return drop(client);
    wait_for_more(client);
}

/// Takes what is there. False: the client is to go.
bool VarlinkServer::receive(Client& client) {
    std::array<char, 16384> buffer;
    const ssize_t got = ::recv(client.fd.get(), buffer.data(), buffer.size(), 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) {
        client.has_ended = true;
        return !client.in.empty();
    }
    client.in.append(buffer.data(), static_cast<std::size_t>(got));
    return true;
}

/// Goes on with the answer, or begins that to the next call. False: the client is to go.
bool VarlinkServer::answer(Client& client) {
    if (!send(client)) return false;
    if (client.out.empty() && client.has_call() && (!answer_call(client) || !send(client))) return false;
    return client.has_work() || (!client.has_ended && client.in.size() <= limits_.request_bytes);
}

/// The first call, which has come whole. False: it is none.
bool VarlinkServer::answer_call(Client& client) {
    const std::size_t end = client.in.find('\0');
    if (end > limits_.request_bytes) return false;
    const auto call = varlink::parse_call(std::string_view(client.in).substr(0, end));
    if (!call) return false;
    client.in.erase(0, end + 1);
    const auto service = varlink::answer_service(*call, interfaces_);
    varlink::Answer reply = service ? varlink::Answer(*service) : handler_(*call);
    if (!call->is_oneway) {
        client.out = std::move(reply.text);
        client.more = std::move(reply.more);
    }
    client.sent = 0;
    client.deadline->stop();
    client.answer_ends = std::chrono::steady_clock::now() + limits_.longest_answer;
    return true;
}

/// Of an answer in pieces it makes the next one, but leaves it for the next turn. False: the client is gone, or took too long for it all.
bool VarlinkServer::send(Client& client) {
    // The deadline of an unfinished request goes on.
    if (client.out.empty()) return true;
    while (client.sent < client.out.size()) {
        const ssize_t done = ::send(client.fd.get(), client.out.data() + client.sent, client.out.size() - client.sent, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return errno == EAGAIN;
        client.sent += static_cast<std::size_t>(done);
        const auto left = std::chrono::floor<std::chrono::milliseconds>(client.answer_ends - std::chrono::steady_clock::now());
        if (left.count() <= 0) return false;
        client.deadline->start(std::min(left, limits_.patience));
    }
    client.out.clear();
    client.sent = 0;
    while (client.more && client.out.empty()) {
        if (!client.more(client.out)) client.more = nullptr;
    }
    if (client.out.empty()) client.deadline->stop();
    return true;
}

void VarlinkServer::wait_for_more(Client& client) {
    if (!client.io->set_events(client.has_work() ? EPOLLOUT : EPOLLIN)) return drop(client);
    if (!client.is_idle() && !client.deadline->is_running()) client.deadline->start(limits_.patience);
}

/// Where the loop was busy elsewhere, a client that takes what it gets, or whose next call waits, is not late.
void VarlinkServer::time_out(Client& client) {
    pollfd socket{client.fd.get(), POLLOUT, 0};
    const bool can_go_on = client.has_work() && std::chrono::steady_clock::now() < client.answer_ends && ::poll(&socket, 1, 0) == 1 &&
                           socket.revents == POLLOUT;
    can_go_on ? serve(client, EPOLLOUT) : drop(client);
}

}  // namespace rudder
