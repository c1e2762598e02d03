// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies.hpp"

#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

namespace rudder::test {

inline bool is_for_next_hop(const Frame& frame) {
    return std::equal(k_next_hop_mac.bytes.begin(), k_next_hop_mac.bytes.end(), frame.begin());
}
/// It came from arriving()'s source and has its Ethernet header still.
inline bool is_from_sender(const Frame& frame) {
    const MacAddress sender = arriving().src;
    return std::equal(sender.bytes.begin(), sender.bytes.end(), frame.begin() + 6);
}

/// The frames that arrive at one device and are wanted, which the kernel's own chatter is not.
class Receiver {
public:
    explicit Receiver(const std::string& name, bool (*is_wanted)(const Frame&) = is_for_next_hop)
        : is_wanted_(is_wanted), fd_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL))) {
        sockaddr_ll where{};
        where.sll_family = AF_PACKET;
        where.sll_protocol = htons(ETH_P_ALL);
        where.sll_ifindex = static_cast<int>(device(name).ifindex);
        REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&where), sizeof(where)) == 0);
    }
    ~Receiver() { close(fd_); }
    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;

    /// Wanted frames until `count` have come or nothing comes any more.
    std::vector<Frame> take(std::size_t count) {
        std::vector<Frame> frames;
        pollfd ready{fd_, POLLIN, 0};
        const int patience_ms = count == 0 ? 20 : 1000;
        while (frames.size() <= count && poll(&ready, 1, frames.size() < count ? patience_ms : 20) == 1) {
            Frame frame(2048);
            const ssize_t size = recv(fd_, frame.data(), frame.size(), 0);
            frame.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
            if (frame.size() >= 14 && is_wanted_(frame)) {
                frames.push_back(frame);
            }
        }
        return frames;
    }

private:
    bool (*is_wanted_)(const Frame&);
    int fd_;
};

}  // namespace rudder::test
