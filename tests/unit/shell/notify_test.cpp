// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/notify.hpp"
#include "shell/daemon/self_check.hpp"
#include "shell/os/unique_fd.hpp"

#include "temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace rudder::test {
namespace {

/// Stands in for systemd: a datagram socket named by NOTIFY_SOCKET. A name that starts with '@' is abstract.
class Receiver {
public:
    explicit Receiver(std::string name) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        setenv("NOTIFY_SOCKET", name.c_str(), 1);
        const bool is_abstract = name.front() == '@';
        if (is_abstract) name.front() = '\0';
        std::copy(name.begin(), name.end(), address.sun_path);
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (is_abstract ? 0 : 1));
        REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
    }
    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;
    ~Receiver() { unsetenv("NOTIFY_SOCKET"); }

    [[nodiscard]] std::string read() const {
        std::array<char, 4096> buffer;
        const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
        return got < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(got));
    }

private:
    UniqueFd fd_;
};

}  // namespace

TEST_CASE("notifications reach a socket by its path and by its abstract name") {
    const TemporaryDirectory top;
    for (const std::string& name : {top.path("notify"), "@rudder-test-" + std::to_string(getpid())}) {
        CAPTURE(name);
        const Receiver systemd(name);
        CHECK(notify::ready("Generation 1"));
        CHECK(systemd.read() == "READY=1\nSTATUS=Generation 1");
        CHECK(notify::watchdog());
        CHECK(systemd.read() == "WATCHDOG=1");
    }
}

TEST_CASE("a receiver that does not read loses notifications and holds nobody up") {
    const TemporaryDirectory top;
    const Receiver systemd(top.path("notify"));
    bool is_full = false;
    for (int i = 0; i < 100'000 && !is_full; ++i) is_full = !notify::status("x");
    REQUIRE(is_full);
    CHECK_FALSE(notify::ready("x"));
    while (!systemd.read().empty()) {
    }
    CHECK(notify::ready("x"));
}

TEST_CASE("without a receiver nothing is lost") {
    unsetenv("NOTIFY_SOCKET");
    CHECK(notify::ready("x"));
}

TEST_CASE("three failures in a row end the life of the daemon, told once") {
    SelfCheck check;
    CHECK(check.note(false).is_alive);
    CHECK(check.note(false).is_alive);
    CHECK(check.note(true).is_alive);
    CHECK(check.note(false).is_alive);
    CHECK(check.note(false).is_alive);
    const SelfCheck::Verdict third = check.note(false);
    CHECK_FALSE(third.is_alive);
    CHECK(third.is_news);
    CHECK_FALSE(check.note(false).is_news);
    CHECK(check.note(true).is_alive);
}

}  // namespace rudder::test
