// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <catch2/catch.hpp>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <thread>

using namespace rudder;
using namespace rudder::test;

/// The mark (skb->tc_index) as others see it: small programs before and behind ours set and read it on real devices.
namespace {

constexpr std::uint16_t k_magic = 0xa000, k_copy = 0x1000, k_fresh = 0x0800, k_pass = 0x0020;
/// Frames of this length are the test's own; the kernel's chatter has others.
constexpr std::uint32_t k_frame_bytes = 14 + 20 + 8 + 333;

class Assembler {
public:
    void add(std::uint8_t code, unsigned dst, unsigned src, std::int16_t offset, std::int32_t value) {
        code_.push_back({code, static_cast<std::uint8_t>(dst & 15u), static_cast<std::uint8_t>(src & 15u), offset, value});
    }
    void move(unsigned dst, unsigned src) { add(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0); }
    void set(unsigned dst, std::int32_t value) { add(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value); }
    void load(unsigned dst, unsigned src, std::size_t offset) {
        add(BPF_LDX | BPF_MEM | BPF_W, dst, src, static_cast<std::int16_t>(offset), 0);
    }
    void store(unsigned dst, std::size_t offset, unsigned src) {
        add(BPF_STX | BPF_MEM | BPF_W, dst, src, static_cast<std::int16_t>(offset), 0);
    }
    /// Ends the program with "not mine" unless the frame is one of the test's.
    void only_own_frames() {
        load(2, 6, offsetof(__sk_buff, len));
        add(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 2, static_cast<std::int32_t>(k_frame_bytes));
        finish();
    }
    void finish() {
        set(0, -1);
        add(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    }
    [[nodiscard]] int load_program() const {
        const int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "test", "GPL", code_.data(), code_.size(), nullptr);
        REQUIRE(fd >= 0);
        return fd;
    }

private:
    std::vector<bpf_insn> code_;
};

/// Gives the test's frames this tc_index.
int setter(std::uint16_t tc_index) {
    Assembler code;
    code.move(6, 1);
    code.only_own_frames();
    code.set(2, tc_index);
    code.store(6, offsetof(__sk_buff, tc_index), 2);
    code.finish();
    return code.load_program();
}

/// Notes the tc_index of the last of the test's frames in value 0 of the map, plus 0x10000.
int reader(int map) {
    Assembler code;
    code.move(6, 1);
    code.only_own_frames();
    code.load(7, 6, offsetof(__sk_buff, tc_index));
    code.add(BPF_ALU64 | BPF_ADD | BPF_K, 7, 0, 0, 0x10000);
    code.set(2, 0);
    code.store(10, static_cast<std::size_t>(-4), 2);
    code.move(2, 10);
    code.add(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4);
    code.add(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map);
    code.add(0, 0, 0, 0, 0);
    code.add(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
    code.add(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 2, 0);
    code.finish();
    code.store(0, 0, 7);
    code.finish();
    return code.load_program();
}

enum class Place { before, behind };

/// `before`: goes in front of the datapath's program, which must be there already.
void attach_program(int program, std::uint32_t ifindex, Direction direction, Place place) {
    bpf_tc_hook hook{};
    hook.sz = sizeof(hook);
    hook.ifindex = static_cast<int>(ifindex);
    hook.attach_point = direction == Direction::ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
    const auto print = libbpf_set_print(nullptr);  // a clsact may be there already
    bpf_tc_hook_create(&hook);
    libbpf_set_print(print);
    bpf_tc_opts options{};
    options.sz = sizeof(options);
    options.prog_fd = program;
    options.priority = place == Place::before ? 1 : 60000;
    REQUIRE(bpf_tc_attach(&hook, &options) == 0);
}

/// Two pairs of devices: what `from` sends meets `in`; what leaves `out` meets `far`.
struct Wire {
    Link in, out, far;
    std::string from;

    Wire() {
        for (const char* name : {"mk-in", "mk-out"}) {
            const std::string peer = std::string(name) + "-p";
            REQUIRE(ip_command("link add " + std::string(name) + " type veth peer name " + peer));
            for (const std::string& device_name : {std::string(name), peer}) {
                REQUIRE(ip_command("link set " + device_name + " up"));
            }
        }
        in = device("mk-in");
        out = device("mk-out");
        far = device("mk-out-p");
        from = "mk-in-p";
    }
    ~Wire() {
        ip_command("link del mk-in");
        ip_command("link del mk-out");
    }
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;

    [[nodiscard]] Topology world() const {
        Topology result;
        for (const Link& link : {in, out, far}) {
            result.links.emplace(link.ifindex, link);
        }
        return result;
    }

    void send(const std::string& dst = "10.1.2.3") const {
        const Frame frame = Ethernet{.dst = in.mac} / Ipv4{.dst = dst} / Udp{} / payload(333);
        const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
        sockaddr_ll where{};
        where.sll_family = AF_PACKET;
        where.sll_ifindex = static_cast<int>(device(from).ifindex);
        REQUIRE(sendto(fd, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&where), sizeof(where)) > 0);
        close(fd);
    }
};

/// A reader on a device, behind every other program.
class Observer {
public:
    Observer(std::uint32_t ifindex, Direction direction)
        : map_(bpf_map_create(BPF_MAP_TYPE_ARRAY, "seen", 4, 4, 1, nullptr)) {
        attach_program(reader(map_), ifindex, direction, Place::behind);
    }
    ~Observer() { close(map_); }
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;

    /// The tc_index of the next of the test's frames, once.
    std::optional<std::uint16_t> take() {
        const std::uint32_t key = 0, none = 0;
        for (int i = 0; i < 100; i++) {
            std::uint32_t seen = 0;
            bpf_map_lookup_elem(map_, &key, &seen);
            if (seen != 0) {
                bpf_map_update_elem(map_, &key, &none, BPF_ANY);
                return static_cast<std::uint16_t>(seen);
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        return std::nullopt;
    }

private:
    int map_;
};

Rule sending(RuleType type, const std::string& interface, Direction direction, const Rewrite& rewrite = {}) {
    Rule result = rule(type, "10.1.2.3/32", direction);
    result.match.interface.include = {interface};
    result.targets = {target("mk-out", rewrite)};
    return result;
}

Rule counting(const std::string& interface, Direction direction) {
    Rule result = rule(RuleType::pass, "10.1.2.3/32", direction);
    result.match.interface.include = {interface};
    return result;
}

std::uint64_t matched(const std::string& name) {
    const Counts counts = datapath().counts();
    const auto found = counts.packets.find({name, -1});
    return found == counts.packets.end() ? 0 : found->second;
}

}  // namespace

TEST_CASE("a packet carries our mark over the wire, whichever way it is sent") {
    Wire wire;
    Observer observer(wire.far.ifindex, Direction::ingress);
    REQUIRE(datapath().attach(wire.in.ifindex, Direction::ingress));
    Rewrite rewrite;
    rewrite.dst_port = 77;
    for (const auto& [type, change, mark] : std::initializer_list<std::tuple<RuleType, Rewrite, std::uint16_t>>{
             {RuleType::steer, {}, k_magic}, {RuleType::steer, rewrite, k_magic}, {RuleType::replicate, rewrite, k_magic | k_copy}}) {
        REQUIRE(datapath().publish(policy({sending(type, "mk-in", Direction::ingress, change)}), wire.world()));
        wire.send();
        CHECK(observer.take() == mark);
    }
}

TEST_CASE("a mark that comes along is counted on, and a copy stays one") {
    Wire wire;
    Observer observer(wire.far.ifindex, Direction::ingress);
    REQUIRE(datapath().attach(wire.in.ifindex, Direction::ingress));
    attach_program(setter(k_magic | k_copy | 6 * k_pass), wire.in.ifindex, Direction::ingress, Place::before);
    REQUIRE(datapath().publish(policy({sending(RuleType::steer, "mk-in", Direction::ingress)}), wire.world()));
    wire.send();
    CHECK(observer.take() == (k_magic | k_copy | 7 * k_pass));
}

TEST_CASE("what was sent to our own stack is let go at ingress, too") {
    Wire wire;
    Observer observer(wire.in.ifindex, Direction::ingress);
    REQUIRE(datapath().attach(wire.in.ifindex, Direction::ingress));
    attach_program(setter(k_magic | k_fresh), wire.in.ifindex, Direction::ingress, Place::before);
    REQUIRE(datapath().publish(policy({sending(RuleType::steer, "mk-in", Direction::ingress)}), wire.world()));
    wire.send();
    CHECK(observer.take() == 0);
    CHECK(datapath().counts().reasons[RUDDER_REASON_OWN_COPY] == 1);
}

TEST_CASE("the 65th pass of a packet is its end") {
    for (const auto& [passes, verdict] : std::map<int, bool>{{62, true}, {63, false}}) {
        Wire wire;
        Observer observer(wire.far.ifindex, Direction::ingress);
        REQUIRE(datapath().attach(wire.in.ifindex, Direction::ingress));
        attach_program(setter(static_cast<std::uint16_t>(k_magic | passes * k_pass)), wire.in.ifindex, Direction::ingress, Place::before);
        for (const RuleType type : {RuleType::steer, RuleType::replicate}) {
            REQUIRE(datapath().publish(policy({sending(type, "mk-in", Direction::ingress)}), wire.world()));
            wire.send();
            CHECK(observer.take().has_value() == verdict);
            Counts counts = datapath().counts();
            CHECK(counts.packets[{"r", -1}] == 1);
            CHECK((counts.failures[{{"r", -1}, RUDDER_REASON_LOOP}] == (verdict ? 0u : 1u)));
        }
    }
}

TEST_CASE("what carries a mark is not sent on at once: it counts on, and ends") {
    for (const auto& [mark, after] : std::map<std::uint16_t, std::optional<std::uint16_t>>{
             {0x0010, k_magic}, {k_magic, k_magic | k_pass}, {k_magic | k_copy | 6 * k_pass, k_magic | k_copy | 7 * k_pass},
             {k_magic | 62 * k_pass, k_magic | 63 * k_pass}, {k_magic | 63 * k_pass, std::nullopt}}) {
        Wire wire;
        Observer observer(wire.far.ifindex, Direction::ingress);
        REQUIRE(datapath().attach(wire.in.ifindex, Direction::ingress));
        attach_program(setter(mark), wire.in.ifindex, Direction::ingress, Place::before);
        const Policy rules = policy({sending(RuleType::steer, "mk-in", Direction::ingress)});
        for (const bool has_flows : {true, false}) {
            REQUIRE(datapath().publish(has_flows ? rules : uncached(rules), wire.world()));
            for (std::uint64_t sent = 1; sent <= 2; sent++) {
                wire.send();
                CHECK(observer.take() == after);
                Counts counts = datapath().counts();
                CHECK(counts.packets[{"r", -1}] == sent);
                CHECK((counts.failures[{{"r", -1}, RUDDER_REASON_LOOP}] == (after ? 0 : sent)));
            }
        }
    }
}

TEST_CASE("the hook of the device lets go what was sent there at once") {
    Wire wire;
    Observer at_out(wire.out.ifindex, Direction::egress), at_far(wire.far.ifindex, Direction::ingress);
    REQUIRE(datapath().attach(wire.in.ifindex, Direction::ingress));
    REQUIRE(datapath().attach(wire.out.ifindex, Direction::egress));
    const Policy rules = policy({sending(RuleType::steer, "mk-in", Direction::ingress), counting("mk-out", Direction::egress)});
    REQUIRE(datapath().publish(uncached(rules), wire.world()));
    for (std::uint64_t sent = 1; sent <= 2; sent++) {
        wire.send();
        CHECK(at_out.take() == k_magic);
        CHECK(at_far.take() == k_magic);
        CHECK(matched("r0") == sent);
        CHECK(matched("r1") == 0);
        CHECK(datapath().counts().reasons[RUDDER_REASON_OWN_COPY] == sent);
    }
}

TEST_CASE("the hook of the device a packet was sent to lets it go once, and only that hook") {
    Wire wire;
    Observer at_out(wire.out.ifindex, Direction::egress), at_far(wire.far.ifindex, Direction::ingress);
    REQUIRE(datapath().attach(wire.in.ifindex, Direction::ingress));
    REQUIRE(datapath().attach(wire.out.ifindex, Direction::egress));
    for (const RuleType type : {RuleType::steer, RuleType::replicate}) {
        const auto mark = static_cast<std::uint16_t>(type == RuleType::steer ? k_magic : k_magic | k_copy);
        REQUIRE(datapath().publish(policy({sending(type, "mk-in", Direction::ingress), counting("mk-out", Direction::egress)}), wire.world()));
        wire.send();
        CHECK(at_out.take() == mark);
        CHECK(at_far.take() == mark);
        CHECK(matched("r1") == 0);
        CHECK(datapath().counts().reasons[RUDDER_REASON_OWN_COPY] == 1);
    }
}

TEST_CASE("without an egress hook there, nothing is left that could excuse a packet elsewhere") {
    Wire wire;
    Observer at_out(wire.out.ifindex, Direction::egress);
    REQUIRE(datapath().attach(wire.in.ifindex, Direction::ingress));
    REQUIRE(datapath().publish(policy({sending(RuleType::steer, "mk-in", Direction::ingress), counting("mk-in", Direction::egress)}), wire.world()));
    wire.send();
    CHECK(at_out.take() == k_magic);
}

TEST_CASE("a mark ends where the packet goes to the stack") {
    Wire wire;
    Observer observer(wire.in.ifindex, Direction::ingress);
    REQUIRE(datapath().attach(wire.in.ifindex, Direction::ingress));
    attach_program(setter(k_magic | 3 * k_pass), wire.in.ifindex, Direction::ingress, Place::before);
    for (const char* dst : {"10.1.2.3/32", "10.9.9.9/32"}) {
        Rule seen = counting("mk-in", Direction::ingress);
        seen.match.dst = {prefix(dst)};
        REQUIRE(datapath().publish(policy({seen}), wire.world()));
        wire.send();
        CHECK(observer.take() == 0);
    }
}

TEST_CASE("a copy stays one where it goes to the stack, which may forward it to a replicate rule") {
    for (const auto& [before, after] : std::map<std::uint16_t, std::uint16_t>{
             {k_magic | k_copy | 3 * k_pass, k_magic | k_copy | 3 * k_pass}, {k_magic | k_copy | k_fresh, k_magic | k_copy}}) {
        Wire wire;
        Observer observer(wire.in.ifindex, Direction::ingress);
        REQUIRE(datapath().attach(wire.in.ifindex, Direction::ingress));
        attach_program(setter(before), wire.in.ifindex, Direction::ingress, Place::before);
        for (const RuleType type : {RuleType::pass, RuleType::replicate}) {
            Rule rule = sending(type, "mk-in", Direction::ingress);
            rule.targets.resize(type == RuleType::pass ? 0 : 1);
            REQUIRE(datapath().publish(policy({rule}), wire.world()));
            wire.send();
            CHECK(observer.take() == after);
        }
    }
}

TEST_CASE("a tc_index of others stays what it is") {
    for (const std::uint16_t foreign : std::initializer_list<std::uint16_t>{0x0010, 0xa001, 0xffff, 0x8000}) {
        Wire wire;
        Observer observer(wire.in.ifindex, Direction::ingress);
        REQUIRE(datapath().attach(wire.in.ifindex, Direction::ingress));
        attach_program(setter(foreign), wire.in.ifindex, Direction::ingress, Place::before);
        Rule copies = sending(RuleType::replicate, "mk-in", Direction::ingress);
        copies.original_passes = true;
        REQUIRE(datapath().publish(policy({copies}), wire.world()));
        wire.send();
        CHECK(observer.take() == foreign);
        CHECK(matched("r") == 1);
        CHECK(datapath().counts().reasons.empty());
    }
}

TEST_CASE("a mark is neither lost nor counted twice where packets find no active generation") {
    std::string why;
    const auto next = Datapath::load(why, 1);
    REQUIRE(next != nullptr);
    Wire wire;
    Observer behind(wire.in.ifindex, Direction::ingress);
    Observer observer(wire.far.ifindex, Direction::ingress);
    REQUIRE(datapath().attach(wire.in.ifindex, Direction::ingress));
    attach_program(setter(k_magic | 6 * k_pass), wire.in.ifindex, Direction::ingress, Place::before);
    const Policy rules = policy({sending(RuleType::steer, "mk-in", Direction::ingress)});
    REQUIRE(datapath().publish(rules, wire.world()));
    REQUIRE(next->publish(rules, wire.world()));
    datapath().unpublish();
    wire.send();
    CHECK(behind.take() == (k_magic | 6 * k_pass));
    datapath().hand_on_to(next.get());
    wire.send();
    CHECK(observer.take() == (k_magic | 7 * k_pass));
    datapath().hand_on_to(nullptr);
}
