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
#include <cstring>
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

/// The outermost tag, which the kernel hands over beside the frame.
inline void put_tag_in(Frame& frame, msghdr& message) {
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        tpacket_auxdata beside{};
        if (header->cmsg_level != SOL_PACKET || header->cmsg_type != PACKET_AUXDATA) {
            continue;
        }
        std::memcpy(&beside, CMSG_DATA(header), sizeof(beside));
        if ((beside.tp_status & TP_STATUS_VLAN_VALID) != 0 && frame.size() >= 14) {
            frame.insert(frame.begin() + 12, 4, 0);
            store16(frame, 12, (beside.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? beside.tp_vlan_tpid : 0x8100u);
            store16(frame, 14, beside.tp_vlan_tci);
        }
    }
}

/// The frames that arrive at one device with all their tags and are wanted, which the kernel's own chatter is not.
class Receiver {
public:
    explicit Receiver(const std::string& name, bool (*is_wanted)(const Frame&) = is_for_next_hop)
        : is_wanted_(is_wanted), fd_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL))) {
        sockaddr_ll where{};
        where.sll_family = AF_PACKET;
        where.sll_protocol = htons(ETH_P_ALL);
        where.sll_ifindex = static_cast<int>(device(name).ifindex);
        const int on = 1;
        REQUIRE(setsockopt(fd_, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) == 0);
        REQUIRE(setsockopt(fd_, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) == 0);
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
            Frame frame = receive();
            if (frame.size() >= 14 && is_wanted_(frame)) {
                frames.push_back(frame);
            }
        }
        return frames;
    }

    /// The next `count` wanted frames, fewer if nothing comes any more. What follows them is left for later.
    std::vector<Frame> take_next(std::size_t count) {
        std::vector<Frame> frames;
        pollfd ready{fd_, POLLIN, 0};
        while (frames.size() < count && poll(&ready, 1, 1000) == 1) {
            Frame frame = receive();
            if (frame.size() >= 14 && is_wanted_(frame)) {
                frames.push_back(frame);
            }
        }
        return frames;
    }

    /// Whether a wanted frame is there now. It is lost then.
    bool has_more() {
        pollfd ready{fd_, POLLIN, 0};
        while (poll(&ready, 1, 0) == 1) {
            if (const Frame frame = receive(); frame.size() >= 14 && is_wanted_(frame)) {
                return true;
            }
        }
        return false;
    }

private:
    [[nodiscard]] Frame receive() const {
        Frame frame(2048);
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(tpacket_auxdata))];
        iovec place{frame.data(), frame.size()};
        msghdr message{};
        message.msg_iov = &place;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        const ssize_t size = recvmsg(fd_, &message, 0);
        frame.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
        if (size > 0) {
            put_tag_in(frame, message);
        }
        return frame;
    }

    bool (*is_wanted_)(const Frame&);
    int fd_;
};

}  // namespace rudder::test
