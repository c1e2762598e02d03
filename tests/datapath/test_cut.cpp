// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"
#include "policies.hpp"
#include "random_frame.hpp"
#include "receiver.hpp"

#include "rudder_abi.h"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace rudder;
using namespace rudder::test;

/// Copies that are cut. The cut is made by our program at the egress hook of a real device.
namespace {

/// A device that takes copies, and what arrives at its other end.
struct Recorder {
    explicit Recorder(bool has_hook = true) {
        REQUIRE(ip_command("link add cut0 type veth peer name p-cut0"));
        REQUIRE(ip_command("link set cut0 up"));
        REQUIRE(ip_command("link set p-cut0 up"));
        link = device("cut0");
        if (has_hook) {
            REQUIRE(datapath().attach(link.ifindex, Direction::egress));
        }
    }
    ~Recorder() { ip_command("link del cut0"); }
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    [[nodiscard]] Topology world() const {
        Topology result = topology();
        result.links.emplace(link.ifindex, link);
        return result;
    }

    Link link;
};

Target copy_to(const std::string& via, unsigned snap) {
    Target result;
    result.via = via;
    result.snap = static_cast<std::uint16_t>(snap);
    return result;
}

Rule mirror(std::vector<Target> targets, Direction direction = Direction::ingress) {
    Rule result = rule(RuleType::mirror, "", direction);
    result.match.vlan = k_vlan_any;
    result.targets = std::move(targets);
    return result;
}

Run run_in(const Frame& frame, Direction direction = Direction::ingress) {
    return datapath().run(frame, link_named("in0").ifindex, direction);
}

std::uint64_t failed(const Counts& counts, int index, std::uint32_t reason) {
    const auto found = counts.failures.find({{"r", index}, reason});
    return found == counts.failures.end() ? 0 : found->second;
}

struct Case {
    const char* description;
    Frame frame;
    unsigned snap;
    std::size_t bytes;  ///< of the copy
};

std::vector<Case> cases() {
    const Extension hops{.type = 0, .units = 5}, routing{.type = 43, .units = 4};
    return {
        {"to exactly so many bytes", arriving() / Ipv4{} / Udp{} / payload(900), 96, 96},
        {"of IPv6, too", arriving() / Ipv6{} / Udp{} / payload(900), 96, 96},
        {"an odd number", arriving() / Ipv4{} / Tcp{} / payload(901), 97, 97},
        {"not at all where it is as long", arriving() / Ipv4{} / Udp{} / payload(54), 96, 96},
        {"one byte", arriving() / Ipv4{} / Udp{} / payload(55), 96, 96},
        {"not at all where it is shorter", arriving() / Ipv4{} / Udp{} / payload(9), 96, 51},
        {"not at all by the largest", arriving() / Ipv4{} / Udp{} / payload(900), 65535, 942},
        {"payload of UDP by the least", arriving() / Ipv4{} / Udp{} / payload(900), 64, 64},
        {"not into the TCP header", arriving() / Ipv6{} / Tcp{.option_bytes = 20} / payload(900), 64, 74},
        {"not into IPv4 options and UDP", arriving() / Ipv4{.option_bytes = 40} / Udp{} / payload(900), 64, 82},
        {"not into extension headers and SCTP", arriving() / Ipv6{} / hops / routing / Sctp{} / payload(900), 64, 14 + 40 + 48 + 40 + 12},
        {"what follows a header that is not known", arriving() / Ipv4{.protocol = 253} / payload(900), 64, 64},
        {"a first fragment", arriving() / Ipv4{.fragment = 0x2000} / Udp{} / payload(904), 64, 64},
        {"a later one", arriving() / Ipv4{.fragment = 0x0064, .protocol = 17} / payload(904), 64, 64},
        {"a later one of IPv6", arriving() / Ipv6{} / Extension{.type = 44, .fragment = 0x0320, .next = 17} / payload(904), 64, 64},
        {"padding", padded(arriving() / Ipv4{} / Udp{} / payload(9), 60), 64, 64},
    };
}

}  // namespace

TEST_CASE("a cut copy is the head of the frame, and the original goes on whole") {
    const Recorder recorder;
    for (const Direction direction : {Direction::ingress, Direction::egress}) {
        for (const Case& c : cases()) {
            INFO(c.description << ": " << hex(c.frame));
            Receiver receiver("p-cut0", is_from_sender);
            REQUIRE(datapath().publish(policy({mirror({copy_to("cut0", c.snap)}, direction)}), recorder.world()));
            const Run run = run_in(c.frame, direction);
            CHECK(run.verdict == -1);
            CHECK((run.frame == c.frame));
            const auto got = receiver.take(1);
            REQUIRE(got.size() == 1);
            CHECK((got[0] == Frame(c.frame.begin(), c.frame.begin() + static_cast<std::ptrdiff_t>(c.bytes))));
            const Counts counts = datapath().counts();
            CHECK((counts.packets == std::map<CounterKey, std::uint64_t>{{{"r", -1}, 1}, {{"r", 0}, 1}}));
            CHECK((counts.bytes.at({"r", 0}) == c.frame.size()));
            CHECK(counts.failures.empty());
            CHECK(counts.reasons.empty());
        }
    }
}

TEST_CASE("each of several copies has its own length, and a rule at the egress hook does not see them") {
    const Recorder recorder;
    Rule other = rule(RuleType::drop, "10.0.0.0/8", Direction::egress);
    other.match.interface.include = {"cut0"};
    Rule second = mirror({copy_to("cut0", 0)});
    second.match.dst = {prefix("10.7.0.0/16")};
    second.match.family_v6 = false;
    REQUIRE(datapath().publish(policy({other, second, mirror({copy_to("out0", 0), copy_to("cut0", 100)})}), recorder.world()));
    Receiver whole("p-out0", is_from_sender), cut("p-cut0", is_from_sender);
    const Frame to_second = arriving() / Ipv4{.dst = "10.7.7.7"} / Udp{} / payload(700);
    const Frame to_third = arriving() / Ipv4{.dst = "10.8.8.8"} / Udp{} / payload(700);
    for (const Frame& frame : {to_third, to_second, to_third}) {
        CHECK((run_in(frame).frame == frame));
    }
    CHECK((whole.take(2) == std::vector<Frame>{to_third, to_third}));
    const Frame head(to_third.begin(), to_third.begin() + 100);
    CHECK((cut.take(3) == std::vector<Frame>{head, to_second, head}));
    CHECK(datapath().counts().packets.count({"r0", -1}) == 0);
}

TEST_CASE("a frame too big for the device is sent when what is left of it is not") {
    const Recorder recorder;
    Topology world = recorder.world();
    world.links[recorder.link.ifindex].mtu = 256;
    const Frame in = arriving() / Ipv4{} / Udp{} / payload(900);
    for (const auto& [snap, reason] : std::map<unsigned, std::uint32_t>{
             {0, RUDDER_REASON_TOO_BIG}, {128, 0}, {270, 0}, {271, RUDDER_REASON_TOO_BIG}, {2000, RUDDER_REASON_TOO_BIG}}) {
        REQUIRE(datapath().publish(policy({mirror({copy_to("cut0", snap)})}), world));
        CHECK((run_in(in).frame == in));
        INFO(snap);
        CHECK(failed(datapath().counts(), 0, RUDDER_REASON_TOO_BIG) == (reason == 0 ? 0 : 1));
        CHECK(datapath().counts().packets.count({"r", 0}) == (reason == 0 ? 1 : 0));
    }
}

TEST_CASE("a copy that nobody cut counts as a failure") {
    const Recorder recorder(false);
    REQUIRE(datapath().publish(policy({mirror({copy_to("cut0", 64)})}), recorder.world()));
    const Frame in = arriving() / Ipv4{} / Udp{} / payload(900);
    CHECK((run_in(in).frame == in));
    CHECK(failed(datapath().counts(), 0, RUDDER_REASON_NOT_WRITABLE) == 1);
    CHECK((run_in(arriving() / Ipv4{} / Udp{} / payload(9)).verdict == -1));
    CHECK((datapath().counts().packets[{"r", 0}] == 1));
}

TEST_CASE("a copy that comes to no egress hook counts by the reason why") {
    const Recorder recorder;
    REQUIRE(datapath().publish(policy({mirror({copy_to("cut0", 64)})}), recorder.world()));
    REQUIRE(ip_command("link del cut0"));
    CHECK(run_in(arriving() / Ipv4{} / Udp{} / payload(900)).verdict == -1);
    CHECK(failed(datapath().counts(), 0, RUDDER_REASON_CLONE_FAILED) == 1);
}

TEST_CASE("cut copies of random packets are what the model leaves of them") {
    const Recorder recorder;
    Random random(5);
    Receiver receiver("p-cut0", is_from_sender);
    std::uint64_t cut = 0, copies = 0;
    for (int round = 0; round < 30; round++) {
        const unsigned snap = 64 + below(random, 60);
        Rule all = mirror({copy_to("cut0", snap)});
        const Policy rules = policy({all});
        REQUIRE(datapath().publish(rules, recorder.world()));
        for (int i = 0; i < 100; i++) {
            Frame frame = random_frame(random, link_named("in0").mac);
            frame.resize(std::max<std::size_t>(frame.size(), 54));
            std::copy_n(arriving().src.bytes.begin(), 6, frame.begin() + 6);
            const ModelPacket packet = model_parse(frame, false);
            const bool is_good = packet.parse == Parse::ok && (packet.family == IpFamily::v6 ||
                fold16(sum16(frame.data() + packet.ip, packet.header_bytes)) == 0xffff);
            std::vector<Frame> want;
            if (is_good && model_matches(rules.rules[0], packet, topology(), link_named("in0"), Direction::ingress)) {
                want.emplace_back(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(std::min(frame.size(), model_cut(packet, snap, false))));
                cut += want[0].size() < frame.size();
            }
            const TagPlace place = below(random, 2) == 0 ? TagPlace::beside : TagPlace::in_frame;
            const Run run = datapath().run_tagged(frame, place, link_named("in0").ifindex, Direction::ingress);
            INFO("round " << round << " packet " << i << " snap " << snap << " " << hex(frame));
            REQUIRE(run.verdict == -1);
            REQUIRE((run.frame == frame));
            const auto got = want.empty() ? std::vector<Frame>{} : receiver.take(want.size());
            REQUIRE((got == want));
            copies += want.size();
        }
    }
    WARN(copies << " copies compared, " << cut << " of them cut");
    REQUIRE(receiver.take(0).empty());
    REQUIRE(cut > 200);
}
