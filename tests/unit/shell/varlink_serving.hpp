// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/status/varlink_server.hpp"

#include "loop_runner.hpp"
#include "temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>

/// A Varlink server and its clients on one loop.
namespace rudder::test {

using namespace std::chrono_literals;

inline const std::string k_echo = std::string(R"({"method":"io.test.Echo"})") + '\0';
inline const std::string k_pieces = std::string(R"({"method":"io.test.Pieces"})") + '\0';

inline UniqueFd connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), address.sun_path);
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    return fd;
}

/// A server that answers every call with `answer` and counts the calls.
struct Serving {
    LoopRunner loop;
    TemporaryDirectory top;
    std::string path = top.path("socket");
    std::string answer = R"({"ok":true})";
    int calls = 0;
    std::chrono::milliseconds work{0};  ///< how long an answer takes to make
    std::function<bool(std::string&)> pieces;  ///< of the answer to io.test.Pieces
    std::unique_ptr<VarlinkServer> server;

    explicit Serving(VarlinkLimits limits = {}) {
        server = std::move(VarlinkServer::open(loop.get(), path, 0660, {"io.test", "interface io.test\n"}, [this](const varlink::Call& call) {
                     ++calls;
                     for (const auto end = std::chrono::steady_clock::now() + work; std::chrono::steady_clock::now() < end;) {}
                     if (call.method == "io.test.Pieces") return varlink::reply_in_pieces(pieces);
                     return varlink::Answer(call.method == "io.test.Echo" ? varlink::reply(answer) : varlink::method_not_found(call));
                 }, limits)).value();
    }

    /// Everything the server says within the time, up to `messages` messages or the end of the connection.
    std::string receive(int fd, int messages = 1) {
        std::string all;
        bool has_ended = false;
        (void)loop.run_until([&] {
            std::array<char, 65536> buffer;
            ssize_t got = 0;
            while ((got = ::recv(fd, buffer.data(), buffer.size(), 0)) > 0) all.append(buffer.data(), static_cast<std::size_t>(got));
            has_ended = got == 0;
            return has_ended || std::count(all.begin(), all.end(), '\0') >= messages;
        });
        return all;
    }
    std::string ask(const std::string& request) {
        const UniqueFd fd = connect_to(path);
        send(fd.get(), request);
        return receive(fd.get());
    }
    static void send(int fd, const std::string& bytes) { (void)::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
    /// The server has closed the connection.
    bool is_closed(int fd, std::chrono::milliseconds at_most = 5s) {
        return loop.run_until([&] {
            char byte = 0;
            const ssize_t got = ::recv(fd, &byte, 1, 0);
            return got == 0 || (got < 0 && errno != EAGAIN);
        }, at_most);
    }
};

}  // namespace rudder::test
