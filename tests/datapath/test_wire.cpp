// SPDX-License-Identifier: Apache-2.0
#include "policies.hpp"

#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace rudder;
using namespace rudder::test;

/// What a test run cannot show: a local sender leaves its checksum to the device (CHECKSUM_PARTIAL), and only the
/// receiving socket knows whether the rewrite kept it right.
namespace {

/// A named namespace with one end of a veth pair; its other end stays here.
class Host {
public:
    Host(const std::string& name, const std::string& here) : name_(name + std::to_string(getpid())), here_(here) {
        REQUIRE(ip_command("netns add " + name_));
        REQUIRE(ip_command("link add " + here + " type veth peer name eth0 netns " + name_));
        REQUIRE(ip_command("link set " + here + " up"));
        run("link set lo up");
        run("link set eth0 up");
    }
    ~Host() {
        ip_command("link del " + here_);
        ip_command("netns del " + name_);
    }
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    void run(const std::string& arguments) const { REQUIRE(ip_command("-n " + name_ + " " + arguments)); }

    [[nodiscard]] int udp_socket(int family) const {
        const int self = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        const int other = open(("/run/netns/" + name_).c_str(), O_RDONLY | O_CLOEXEC);
        REQUIRE(setns(other, CLONE_NEWNET) == 0);
        const int result = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        REQUIRE(setns(self, CLONE_NEWNET) == 0);
        close(self);
        close(other);
        return result;
    }

private:
    std::string name_, here_;
};

sockaddr_storage socket_address(const std::string& text, std::uint16_t port) {
    sockaddr_storage storage{};
    const IpAddress ip = address(text);
    if (ip.family == IpFamily::v4) {
        auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        std::copy_n(ip.bytes.begin(), 4, reinterpret_cast<std::uint8_t*>(&v4->sin_addr));
    } else {
        auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        std::copy_n(ip.bytes.begin(), 16, reinterpret_cast<std::uint8_t*>(&v6->sin6_addr));
    }
    return storage;
}

/// Sends `count` datagrams of growing, odd and even sizes; returns how many the receiver's socket accepts.
int deliver(const Host& sender, const Host& receiver, const std::string& to, const std::string& at, int count) {
    const sockaddr_storage target_address = socket_address(to, 5000);
    const sockaddr_storage own = socket_address(at, 6000);
    const int out = sender.udp_socket(target_address.ss_family);
    const int in = receiver.udp_socket(own.ss_family);
    REQUIRE(bind(in, reinterpret_cast<const sockaddr*>(&own), sizeof(own)) == 0);
    int received = 0;
    for (int i = 0; i < count; i++) {
        const Frame data = payload(static_cast<std::size_t>(1 + i * 13)).bytes;
        sendto(out, data.data(), data.size(), 0, reinterpret_cast<const sockaddr*>(&target_address), sizeof(target_address));
        Frame got(2048);
        pollfd ready{in, POLLIN, 0};
        if (poll(&ready, 1, 500) == 1) {
            const ssize_t size = recv(in, got.data(), got.size(), 0);
            got.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
            received += got == data;
        }
    }
    close(out);
    close(in);
    return received;
}

Rule to_receiver(const std::string& from, const std::string& to, const std::string& mac) {
    Rule result = rule(RuleType::steer, from);
    result.match.interface.include = {"wire0"};
    Rewrite rewrite;
    rewrite.dst_ip = address(to);
    rewrite.dst_port = 6000;
    Target out = target("wire1", rewrite);
    out.next_hop_mac = parse_mac_address(mac);
    result.targets = {out};
    return result;
}

}  // namespace

TEST_CASE("partial checksums of local senders are right at the receiving socket, steered and copied") {
    Host sender("Bsnd", "wire0"), receiver("Brcv", "wire1");
    const std::string mac = "02:00:00:00:50:02";
    receiver.run("link set eth0 address " + mac);
    const Link in = device("wire0"), out = device("wire1");
    for (const char* family : {"-4", "-6"}) {
        const bool is_v4 = std::string(family) == "-4";
        sender.run(std::string("addr add ") + (is_v4 ? "10.50.0.2/24" : "fd50::2/64 nodad") + " dev eth0");
        const std::string gateway = is_v4 ? "10.50.0.1" : "fd50::1";
        sender.run(std::string(family) + " neigh replace " + gateway + " lladdr " + to_string(in.mac) + " dev eth0");
        sender.run(std::string(family) + " route add default via " + gateway);
        receiver.run(std::string("addr add ") + (is_v4 ? "192.168.100.1/24" : "fd60::1/64 nodad") + " dev eth0");
        receiver.run(std::string(family) + " route add default dev eth0");
    }
    Topology world;
    world.links = {{in.ifindex, in}, {out.ifindex, out}};
    REQUIRE(datapath().attach(in.ifindex, Direction::ingress));
    for (const RuleType type : {RuleType::steer, RuleType::replicate}) {
        Rule v4 = to_receiver("10.77.0.0/16", "192.168.100.1", mac), v6 = to_receiver("fd77::/16", "fd60::1", mac);
        v4.type = v6.type = type;
        REQUIRE(datapath().publish(policy({v4, v6}), world));
        CHECK(deliver(sender, receiver, "10.77.0.1", "192.168.100.1", 30) == 30);
        CHECK(deliver(sender, receiver, "fd77::1", "fd60::1", 30) == 30);
    }
}
