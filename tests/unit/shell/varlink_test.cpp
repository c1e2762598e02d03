// SPDX-License-Identifier: Apache-2.0
#include "varlink_serving.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <random>
#include <sys/stat.h>

namespace rudder::test {

using Json = nlohmann::json;

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
