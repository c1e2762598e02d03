// SPDX-License-Identifier: Apache-2.0
#include "network.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "shell/os/unique_fd.hpp"

namespace rudder::test {
namespace {

constexpr unsigned char k_left_mac[6] = {2, 0, 0, 0, 0, 1};

struct [[gnu::packed]] Frame {
    ether_header ethernet;
    iphdr ip;
    udphdr udp;
    char payload[18];
};

std::uint16_t ip_checksum(const iphdr& header) {
    std::uint16_t words[sizeof(iphdr) / 2];
    std::memcpy(words, &header, sizeof(header));
    std::uint32_t sum = 0;
    for (const std::uint16_t word : words) {
        sum += word;
    }
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~((sum & 0xffff) + (sum >> 16)));
}

Frame udp_frame() {
    Frame frame{};
    std::memcpy(frame.ethernet.ether_dhost, k_left_mac, sizeof(k_left_mac));
    frame.ethernet.ether_shost[0] = 2;
    frame.ethernet.ether_type = htons(ETHERTYPE_IP);
    iphdr ip{};
    ip.version = 4;
    ip.ihl = 5;
    ip.ttl = 64;
    ip.protocol = IPPROTO_UDP;
    ip.tot_len = htons(sizeof(Frame) - sizeof(ether_header));
    ip.saddr = htonl(0x0a090002);
    ip.daddr = htonl(0x0a090001);
    ip.check = ip_checksum(ip);
    frame.ip = ip;
    frame.udp.source = htons(4000);
    frame.udp.dest = htons(5000);
    frame.udp.len = htons(sizeof(udphdr) + sizeof(frame.payload));
    return frame;
}

}  // namespace

bool run(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

bool has_veth() {
    const bool is_there = run("ip link add kprobe0 type veth peer name kprobe1");
    run("ip link del kprobe0");
    return is_there;
}

VethPair::VethPair(std::string left, std::string right) : left_(std::move(left)), right_(std::move(right)) {
    create("");
    first_left_index_ = left_index();
}

VethPair::~VethPair() {
    remove();
    run("ip link del " + right_);  // when `left` has moved away
}

void VethPair::create(const std::string& left_option) const {
    const bool is_made = run("ip link add " + left_ + " " + left_option + " address 02:00:00:00:00:01 type veth peer name " +
                             right_ + " address 02:00:00:00:00:02");
    // Without link-local addresses the kernel sends nothing of its own that would be counted.
    const auto start = [](const std::string& device) {
        return run("ip link set " + device + " addrgenmode none") && run("ip link set " + device + " up");
    };
    if (!is_made || !start(left_) || !start(right_)) {
        throw std::runtime_error("cannot make a veth pair");
    }
}

std::uint32_t VethPair::left_index() const { return if_nametoindex(left_.c_str()); }
std::uint32_t VethPair::right_index() const { return if_nametoindex(right_.c_str()); }
void VethPair::remove() { run("ip link del " + left_); }
void VethPair::create_again() { create("index " + std::to_string(first_left_index_)); }

void VethPair::send(int count) const {
    const UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(right_index());
    const Frame frame = udp_frame();
    for (int i = 0; i < count; ++i) {
        // veth hands the frame to the peer's ingress in this CPU's softirq, which has run when the call returns.
        if (sendto(socket.get(), &frame, sizeof(frame), 0, reinterpret_cast<sockaddr*>(&address), sizeof(address)) < 0) {
            throw std::runtime_error("cannot send a frame");
        }
    }
}

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

int in_child(const std::function<int()>& body) {
    const pid_t child = fork();
    if (child == 0) {
        _exit(body());
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

bool in_killed_child(const std::function<bool()>& body) {
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) != 0) {
        return false;
    }
    const UniqueFd reader(ready[0]);
    UniqueFd writer(ready[1]);
    const pid_t child = fork();
    if (child == 0) {
        if (body()) {
            (void)!write(writer.get(), "x", 1);
            pause();
        }
        _exit(1);
    }
    writer.reset();
    char byte = 0;
    const bool is_ready = read(reader.get(), &byte, 1) == 1;
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    return is_ready;
}

}  // namespace rudder::test
