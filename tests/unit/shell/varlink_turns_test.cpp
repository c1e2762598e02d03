// SPDX-License-Identifier: Apache-2.0
#include "varlink_serving.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <thread>
#include <vector>

// Who is served when: answers in pieces, many calls, and clients that are slow or gone.
namespace rudder::test {

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

TEST_CASE("clients are not late where the loop was busy for longer than its patience with them") {
    VarlinkLimits limits;
    limits.patience = 30ms;
    Serving s(limits);
    int made = 0;
    s.pieces = [&made, left = 50](std::string& out) mutable {
        ++made;
        out += left == 50 ? "{" : " ";
        if (--left > 0) return true;
        out += "}";
        return false;
    };
    const bool is_in_pieces = GENERATE(true, false);  // or other calls of the same client
    std::vector<UniqueFd> clients;
    for (int i = 0; i < 5; ++i) {
        clients.push_back(connect_to(s.path));
        for (int call = 0; call < (is_in_pieces ? 1 : 50); ++call) Serving::send(clients.back().get(), is_in_pieces ? k_pieces : k_echo);
    }
    for (int turns = 20; turns <= 200; turns += 20) {
        REQUIRE(s.loop.run_until([&] { return (is_in_pieces ? made : s.calls) >= turns; }));
        std::this_thread::sleep_for(50ms);  // what else the loop has to do
    }
    for (const UniqueFd& client : clients) {
        const std::string answers = s.receive(client.get(), is_in_pieces ? 1 : 50);
        CHECK(std::count(answers.begin(), answers.end(), '\0') == (is_in_pieces ? 1 : 50));
    }
    CHECK(s.server->client_count() == 5);
}

TEST_CASE("clients that let others first do so, however many they are") {
    VarlinkLimits limits;
    limits.lets_others_first = true;
    Serving s(limits);
    int made = 0;
    s.pieces = [&made](std::string& out) {
        ++made;
        out += " ";
        return true;
    };
    std::vector<UniqueFd> clients;
    for (int i = 0; i < 20; ++i) {
        clients.push_back(connect_to(s.path));
        Serving::send(clients.back().get(), k_pieces);
    }
    const UniqueFd event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    bool is_seen = false;
    const auto watch = IoWatch::open(s.loop.get(), event.get(), EPOLLIN, [&](std::uint32_t) {
        is_seen = true;
        eventfd_t count = 0;
        (void)::eventfd_read(event.get(), &count);
    });
    REQUIRE(watch.is_ok());
    for (int round = 0; round < 20; ++round) {
        REQUIRE(s.loop.run_until([&, wanted = made + 30] { return made >= wanted; }));
        is_seen = false;
        REQUIRE(::eventfd_write(event.get(), 1) == 0);
        const int before = made;
        REQUIRE(s.loop.run_until([&] { return is_seen; }));
        CHECK(made - before <= 1);
    }
}

TEST_CASE("an answer ends in time, however steadily it is taken") {
    VarlinkLimits limits;
    limits.longest_answer = 300ms;
    Serving s(limits);
    auto kept = std::make_shared<int>(0);
    const std::weak_ptr<int> watched = kept;
    s.pieces = [kept](std::string& out) {
        out += std::string(1000, ' ');
        return true;
    };
    kept.reset();
    const UniqueFd fd = connect_to(s.path);
    Serving::send(fd.get(), k_pieces);
    REQUIRE(s.loop.run_until([&] { return s.calls == 1; }));
    s.pieces = nullptr;
    std::size_t taken = 0;
    CHECK(s.loop.run_until([&] {
        std::array<char, 4096> buffer;
        const ssize_t got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
        taken += got > 0 ? static_cast<std::size_t>(got) : 0;
        return watched.expired();
    }));
    CHECK(taken > 100'000);
    CHECK(s.server->client_count() == 0);
}

TEST_CASE("of many calls at once one is answered in a turn") {
    Serving s;
    s.work = 5ms;
    const bool is_oneway = GENERATE(true, false);
    const std::string call = is_oneway ? std::string(R"({"method":"io.test.Echo","oneway":true})") + '\0' : k_echo;
    std::string calls;
    for (int i = 0; i < 200; ++i) calls += call;
    const UniqueFd many = connect_to(s.path);
    Serving::send(many.get(), calls);
    REQUIRE(s.loop.run_until([&] { return s.calls > 2; }));
    CHECK_FALSE(s.ask(k_echo).empty());
    CHECK(s.calls < 100);
    if (is_oneway) {
        CHECK(s.loop.run_until([&] { return s.calls == 201; }));
    } else {
        const std::string answers = s.receive(many.get(), 200);
        CHECK(std::count(answers.begin(), answers.end(), '\0') == 200);
    }
}

TEST_CASE("who sends no more gets all its answers") {
    Serving s;
    s.pieces = [made = 0](std::string& out) mutable {
        out += ++made == 1 ? "{" : "}";
        return made == 1;
    };
    const UniqueFd fd = connect_to(s.path);
    Serving::send(fd.get(), k_pieces + k_echo + k_pieces);
    REQUIRE(::shutdown(fd.get(), SHUT_WR) == 0);
    const std::string pieces = std::string(R"({"parameters":{}})") + '\0';
    CHECK(s.receive(fd.get(), 3) == pieces + R"({"parameters":{"ok":true}})" + '\0' + pieces);
    CHECK(s.is_closed(fd.get()));
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

}  // namespace rudder::test
