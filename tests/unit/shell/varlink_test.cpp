// SPDX-License-Identifier: Apache-2.0
#include "shell/status/varlink_server.hpp"

#include "loop_runner.hpp"
#include "temporary_directory.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <random>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace rudder::test {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

const std::string k_echo = std::string(R"({"method":"io.test.Echo"})") + '\0';
const std::string k_pieces = std::string(R"({"method":"io.test.Pieces"})") + '\0';

UniqueFd connect_to(const std::string& path) {
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

}  // namespace

TEST_CASE("a call is answered with its NUL") {
    Serving s;
    CHECK(s.ask(k_echo) == std::string(R"({"parameters":{"ok":true}})") + '\0');
}

TEST_CASE("calls on one connection are answered in order, however they are cut") {
    Serving s;
    const UniqueFd fd = connect_to(s.path);
    const std::string two = k_echo + k_echo;
    for (const char byte : two) {
        Serving::send(fd.get(), std::string(1, byte));
        s.loop.run_for(1ms);
    }
    CHECK(std::count(std::begin(two), std::end(two), '\0') == 2);
    const std::string answer = s.receive(fd.get(), 2);
    CHECK(std::count(answer.begin(), answer.end(), '\0') == 2);
    CHECK(s.calls == 2);
}

TEST_CASE("a oneway call gets no answer") {
    Serving s;
    const std::string oneway = std::string(R"({"method":"io.test.Echo","oneway":true})") + '\0';
    const UniqueFd fd = connect_to(s.path);
    Serving::send(fd.get(), oneway + k_echo);
    const std::string answer = s.receive(fd.get());
    CHECK(std::count(answer.begin(), answer.end(), '\0') == 1);
    CHECK(s.calls == 2);
}

TEST_CASE("unknown methods and interfaces are named in the error") {
    Serving s;
    const auto error_of = [&](const std::string& method) {
        const std::string answer = s.ask(Json{{"method", method}}.dump() + '\0');
        return Json::parse(answer.substr(0, answer.size() - 1)).value("error", "");
    };
    CHECK(error_of("io.test.No") == "org.varlink.service.MethodNotFound");
    CHECK(error_of("org.varlink.service.No") == "org.varlink.service.MethodNotFound");
    CHECK(error_of("io.other.Echo") == "org.varlink.service.InterfaceNotFound");
    CHECK(error_of("org.varlink.service.GetInterfaceDescription") == "org.varlink.service.InvalidParameter");
}

TEST_CASE("the service describes itself") {
    Serving s;
    const std::string info = s.ask(std::string(R"({"method":"org.varlink.service.GetInfo"})") + '\0');
    CHECK(info.find("io.test") != std::string::npos);
    const std::string text = s.ask(std::string(R"({"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"io.test"}})") + '\0');
    CHECK(text.find("interface io.test") != std::string::npos);
}

TEST_CASE("what is no call ends the connection") {
    Serving s;
    const std::string bytes = GENERATE(as<std::string>{}, "garbage", "{}", "[]", "null", "\"method\"", R"({"method":1})", R"({"method":"io.test.Echo","parameters":[]})",
                                       "", "GET / HTTP/1.1\r\n", "\xff\xfe", R"({"method":"io.test.Echo")");
    CAPTURE(bytes);
    const UniqueFd fd = connect_to(s.path);
    Serving::send(fd.get(), bytes + '\0');
    CHECK(s.is_closed(fd.get()));
    CHECK(s.calls == 0);
}

TEST_CASE("deep nesting ends the connection, not the daemon") {
    Serving s;
    const UniqueFd fd = connect_to(s.path);
    Serving::send(fd.get(), std::string(60'000, '[') + '\0');
    CHECK(s.is_closed(fd.get()));
    CHECK_FALSE(s.ask(k_echo).empty());
}

TEST_CASE("a request that is too long ends the connection") {
    VarlinkLimits limits;
    limits.request_bytes = 1000;
    Serving s(limits);
    const UniqueFd fd = connect_to(s.path);
    SECTION("with its end") { Serving::send(fd.get(), R"({"method":")" + std::string(2000, 'x') + "\"}" + '\0'); }
    SECTION("without an end") { Serving::send(fd.get(), std::string(2000, 'x')); }
    CHECK(s.is_closed(fd.get()));
    CHECK(s.calls == 0);
}

TEST_CASE("a request that does not end in time ends the connection, trickling or not") {
    VarlinkLimits limits;
    limits.patience = 200ms;
    Serving s(limits);
    const bool is_trickling = GENERATE(true, false);
    const UniqueFd fd = connect_to(s.path);
    Serving::send(fd.get(), "{");
    bool is_gone = false;
    for (int i = 0; i < 100 && !is_gone; ++i) {
        if (is_trickling) Serving::send(fd.get(), " ");
        is_gone = s.is_closed(fd.get(), 20ms);
    }
    CHECK(is_gone);
}

TEST_CASE("an idle connection may stay") {
    VarlinkLimits limits;
    limits.patience = 50ms;
    Serving s(limits);
    const UniqueFd fd = connect_to(s.path);
    s.loop.run_for(200ms);
    Serving::send(fd.get(), k_echo);
    CHECK_FALSE(s.receive(fd.get()).empty());
    s.loop.run_for(200ms);
    Serving::send(fd.get(), k_echo);
    CHECK_FALSE(s.receive(fd.get()).empty());
}

TEST_CASE("who does not read is dropped and holds up nobody") {
    VarlinkLimits limits;
    limits.patience = 200ms;
    Serving s(limits);
    s.answer = "{\"x\":\"" + std::string(4u << 20, 'x') + "\"}";
    const UniqueFd slow = connect_to(s.path);
    Serving::send(slow.get(), k_echo);
    s.loop.run_for(20ms);
    CHECK(s.server->client_count() == 1);
    CHECK(s.ask(k_echo).size() > (4u << 20));
    CHECK(s.loop.run_until([&] { return s.server->client_count() == 0; }));
}

TEST_CASE("an answer in pieces is one answer, and the next call comes behind it") {
    Serving s;
    const bool is_large = GENERATE(true, false);
    const std::string piece(is_large ? 10'000 : 3, 'x');
    int made = 0;
    s.pieces = [&](std::string& out) {
        ++made;
        if (made == 3) return true;  // one may be empty
        out += made == 1 ? "{\"x\":\"" : made == 100 ? "\"}" : piece;
        return made < 100;
    };
    const UniqueFd fd = connect_to(s.path);
    Serving::send(fd.get(), k_pieces + k_echo);
    std::string expected = R"({"parameters":{"x":")";
    for (int i = 0; i < 97; ++i) expected += piece;
    expected += std::string("\"}}") + '\0' + R"({"parameters":{"ok":true}})" + '\0';
    CHECK(s.receive(fd.get(), 2) == expected);
    CHECK(made == 100);
}

TEST_CASE("pieces are made as their client takes them, and others are answered meanwhile") {
    Serving s;
    int made = 0;
    s.pieces = [&](std::string& out) {
        out += made == 0 ? "{\"x\":\"" : std::string(10'000, 'x');
        if (++made < 1000) return true;
        out += "\"}";
        return false;
    };
    const UniqueFd slow = connect_to(s.path);
    Serving::send(slow.get(), k_pieces);
    s.loop.run_for(50ms);
    const int made_ahead = made;
    CHECK(made_ahead > 0);
    CHECK(made_ahead < 100);
    CHECK_FALSE(s.ask(k_echo).empty());
    CHECK(made == made_ahead);
    CHECK(s.receive(slow.get()).size() > 9'980'000);
    CHECK(made == 1000);
}

TEST_CASE("between two pieces others get their turn, also if the client takes all at once") {
    Serving s;
    int made = 0;
    s.pieces = [&](std::string& out) {
        for (const auto end = std::chrono::steady_clock::now() + 5ms; std::chrono::steady_clock::now() < end;) {}
        out += made == 0 ? "{" : " ";
        if (++made < 400) return true;
        out += "}";
        return false;
    };
    const UniqueFd first = connect_to(s.path);
    Serving::send(first.get(), k_pieces);
    REQUIRE(s.loop.run_until([&] { return made > 2; }));
    CHECK_FALSE(s.ask(k_echo).empty());
    CHECK(made < 200);
}

TEST_CASE("a client that goes, or does not go on reading, takes what was to come along") {
    VarlinkLimits limits;
    limits.patience = 100ms;
    Serving s(limits);
    auto kept = std::make_shared<int>(0);
    const std::weak_ptr<int> watched = kept;
    s.pieces = [kept](std::string& out) {
        out += std::string(100'000, ' ');
        return ++*kept < 1000;
    };
    kept.reset();
    UniqueFd fd = connect_to(s.path);
    Serving::send(fd.get(), k_pieces);
    s.loop.run_for(20ms);
    s.pieces = nullptr;
    REQUIRE_FALSE(watched.expired());
    if (GENERATE(true, false)) fd.reset(-1);
    CHECK(s.loop.run_until([&] { return watched.expired(); }));
    CHECK(s.server->client_count() == 0);
}

TEST_CASE("nothing is made for a oneway call") {
    Serving s;
    int made = 0;
    s.pieces = [&](std::string&) { return ++made < 10; };
    const UniqueFd fd = connect_to(s.path);
    Serving::send(fd.get(), std::string(R"({"method":"io.test.Pieces","oneway":true})") + '\0' + k_echo);
    CHECK_FALSE(s.receive(fd.get()).empty());
    CHECK(made == 0);
}

TEST_CASE("a long answer may have taken longer to make than a client may rest") {
    VarlinkLimits limits;
    limits.patience = 300ms;
    Serving s(limits);
    s.work = 400ms;
    s.answer = "{\"x\":\"" + std::string(4u << 20, 'x') + "\"}";
    const UniqueFd fd = connect_to(s.path);
    Serving::send(fd.get(), k_echo);
    REQUIRE(s.loop.run_until([&] { return s.calls == 1; }));
    s.loop.run_for(20ms);
    CHECK(s.receive(fd.get()).size() > (4u << 20));
}

TEST_CASE("at the limit an idle client makes room for a new one") {
    VarlinkLimits limits;
    limits.clients = 4;
    Serving s(limits);
    std::vector<UniqueFd> idle;
    for (int i = 0; i < 50; ++i) {
        idle.push_back(connect_to(s.path));
        s.loop.run_for(1ms);
    }
    CHECK(s.server->client_count() <= 4);
    CHECK_FALSE(s.ask(k_echo).empty());
}

TEST_CASE("the socket has the mode asked for and goes with the server") {
    Serving s;
    struct stat status {};
    REQUIRE(stat(s.path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0660);
    s.server.reset();
    CHECK(stat(s.path.c_str(), &status) != 0);
}

TEST_CASE("random bytes never harm the next client") {
    Serving s;
    std::mt19937 random(1);
    const std::string alphabet = std::string("{}[]\":,\\methodparameters io.test.Echo0123\n\xff\x80") + '\0';
    for (int i = 0; i < 500; ++i) {
        std::string bytes = random() % 2 == 0 ? k_echo : "";
        for (auto length = random() % 200; length > 0; --length) bytes.insert(bytes.begin() + static_cast<long>(random() % (bytes.size() + 1)), alphabet[random() % alphabet.size()]);
        const UniqueFd fd = connect_to(s.path);
        Serving::send(fd.get(), bytes);
        s.loop.run_for(0ms);
        (void)sd_event_run(s.loop.get(), 0);
    }
    CHECK(s.ask(k_echo) == std::string(R"({"parameters":{"ok":true}})") + '\0');
}

}  // namespace rudder::test
