// SPDX-License-Identifier: Apache-2.0
#include "place.hpp"

using namespace rudder;
using namespace rudder::test;

/// Rows 5 to 10 of the list: fragments, and the checksums of transports.
namespace {

Ip fragment(std::uint16_t field, std::string dst = {}) {
    return {.dst = std::move(dst), .protocol = std::uint8_t{17}, .fragment = field};
}

/// The same packet in and out, to another address; `layers` makes it behind a head.
template <class Layers>
void check_readdressed(Place& place, const std::string& what, const Layers& layers, const Ip& ip = {}) {
    Ip moved = ip;
    moved.dst = place.new_dst();
    place.check({what, policy({place.steering(place.readdressing())}), layers(place.in(ip)), k_redirect,
                 layers(place.out(moved))});
    place.check({what + ", not rewritten", policy({place.steering()}), layers(place.in(ip)), k_redirect,
                 layers(place.out(ip))});
}

/// Rewriting both ports and the address.
Policy with_ports(const Place& place) {
    Rewrite rewrite = place.readdressing(std::uint16_t{6000});
    rewrite.src_port = 7000;
    return policy({place.steering(rewrite)});
}

}  // namespace

TEST_CASE("first-fragment") {
    prove("first-fragment", [](Place& place) {
        const Ip in{.fragment = std::uint16_t{0x2000}}, out{.dst = place.new_dst(), .fragment = std::uint16_t{0x2000}};
        for (const std::size_t size : {8u, 64u, 1024u}) {
            place.check({"udp", with_ports(place), place.in(in) / Udp{} / payload(size), k_redirect,
                         place.out(out) / Udp{7000, 6000} / payload(size)});
            place.check({"tcp", with_ports(place), place.in(in) / Tcp{} / payload(size), k_redirect,
                         place.out(out) / Tcp{7000, 6000} / payload(size)});
        }
    });
}

TEST_CASE("later-fragment") {
    prove("later-fragment", [](Place& place) {
        Rule one_port = place.steering(), all_ports = place.steering();
        one_port.match.dst_ports = {{5000, 5000}};
        all_ports.match.dst_ports = {{0, 65535}};
        for (const Policy& rules : {with_ports(place), policy({one_port}), policy({all_ports})}) {
            const bool is_taken = rules.rules[0].match.dst_ports.empty();
            for (const std::uint16_t field : std::initializer_list<std::uint16_t>{0x0001, 0x2001, 0x2010, 0x1fff}) {
                for (const std::size_t size : {0u, 1u, 3u, 64u}) {
                    Bytes bytes{{0x13, 0x88, 0x13, 0x88}};  // would be the ports of a rule
                    bytes.bytes.resize(size, 0x5a);
                    const Frame out = place.out(fragment(field, place.new_dst())) / bytes;
                    place.check({"later", rules, place.in(fragment(field)) / bytes, is_taken ? k_redirect : k_next,
                                 is_taken ? out : Frame{}, RUDDER_REASON_NONE, is_taken});
                }
            }
        }
    });
}

TEST_CASE("udp-no-checksum") {
    prove("udp-no-checksum", [](Place& place) {
        const Udp none{4000, 5000, std::uint16_t{0}}, none_then{7000, 6000, std::uint16_t{0}};
        check_readdressed(place, "udp", [&](const Stack& head) { return head / none / payload(20); });
        place.check({"ports", with_ports(place), place.in() / none / payload(20), k_redirect,
                     place.out({.dst = place.new_dst()}) / none_then / payload(20)});
    });
}

TEST_CASE("udp-zero-result") {
    prove("udp-zero-result", [](Place& place) {
        // Everything sums up to ffff after the rewrite if the source port is what the checksum would be without it.
        const std::size_t at = place.transport_at() + 6;
        const auto out = [&](std::uint16_t port) {
            return Frame(place.out({.dst = place.new_dst()}) / Udp{port, 5000} / payload(4));
        };
        const Frame without = out(0);
        const auto port = static_cast<std::uint16_t>(without[at] << 8 | without[at + 1]);
        REQUIRE((out(port)[at] == 0xff && out(port)[at + 1] == 0xff));
        place.check({"ffff", policy({place.steering(place.readdressing())}), place.in() / Udp{port, 5000} / payload(4),
                     k_redirect, out(port)});
    });
}

TEST_CASE("odd-length") {
    prove("odd-length", [](Place& place) {
        for (std::size_t size = 0; size < 20; size++) {
            const Ip out{.dst = place.new_dst()};
            place.check({"udp", with_ports(place), place.in() / Udp{} / payload(size), k_redirect,
                         place.out(out) / Udp{7000, 6000} / payload(size)});
            place.check({"tcp", with_ports(place), place.in() / Tcp{} / payload(size), k_redirect,
                         place.out(out) / Tcp{7000, 6000} / payload(size)});
        }
    });
}

TEST_CASE("transport") {
    prove("transport-tcp", [](Place& place) {
        check_readdressed(place, "tcp", [](const Stack& head) { return head / Tcp{} / payload(7); });
        check_readdressed(place, "with options", [](const Stack& head) { return head / Tcp{1, 2, 40} / payload(8); });
    });
    prove("transport-udp", [](Place& place) {
        check_readdressed(place, "udp", [](const Stack& head) { return head / Udp{} / payload(31); });
    });
    prove("transport-udp-lite", [](Place& place) {
        check_readdressed(place, "udp-lite", [](const Stack& head) { return head / Udp{1, 2, {}, 136} / payload(9); });
    });
    prove("transport-dccp", [](Place& place) {
        check_readdressed(place, "dccp", [](const Stack& head) { return head / Dccp{} / payload(10); });
    });
    prove("transport-sctp", [](Place& place) {
        check_readdressed(place, "sctp", [](const Stack& head) { return head / Sctp{} / payload(10); });
        place.check({"its ports cannot be rewritten",
                     with_ports(place),
                     place.in() / Sctp{} / payload(10),
                     k_next,
                     {},
                     RUDDER_REASON_NO_PORTS});
    });
    prove("transport-icmp", [](Place& place) {
        for (const std::uint8_t type : std::initializer_list<std::uint8_t>{0, 3, 8, 128, 129, 135}) {
            check_readdressed(place, "type " + std::to_string(type), [&](const Stack& head) {
                return place.is_v4() ? head / Icmp{type, 0, 77} / payload(11) : head / Icmp6{type, 0, 77} / payload(11);
            });
        }
        const Frame in = place.is_v4() ? place.in() / Icmp{} / payload(5) : place.in() / Icmp6{} / payload(5);
        place.check({"no ports", with_ports(place), in, k_next, {}, RUDDER_REASON_NO_PORTS});
    });
    const std::pair<const char*, std::uint8_t> others[] = {
        {"transport-esp", 50}, {"transport-gre", 47}, {"transport-unknown", 253}};
    for (const auto& [subject, protocol] : others) {
        prove(subject, [number = protocol](Place& place) {
            for (const std::size_t size : {0u, 1u, 30u}) {
                check_readdressed(place, "protocol", [&](const Stack& head) { return head / payload(size); },
                                  {.protocol = number});
            }
        });
    }
}

TEST_CASE("checksum-complete") {
    // The kernel checks the sum after the run. Kernels before that flag refuse the run: nothing is proven there.
    prove("checksum-complete", only_ingress, [](Place& place) {
        REQUIRE(datapath().publish(policy({place.steering()}), topology()));
        if (place.run(place.in() / Udp{} / payload(4), {.is_summed = true}).verdict == -1000 - 22) {
            return place.cannot("this kernel knows no test runs with CHECKSUM_COMPLETE");
        }
        Rewrite all = place.readdressing(std::uint16_t{6000});
        all.dscp = 46;
        const auto run = [&](const Rewrite& rewrite, const Frame& in, const Frame& out) {
            REQUIRE(datapath().publish(policy({place.steering(rewrite)}), topology()));
            const Run made = place.run(in, {.is_summed = true});
            INFO("want " << hex(out) << "\ngot  " << hex(made.frame));
            CHECK(made.verdict == k_redirect);
            CHECK((made.frame == out));
        };
        for (const std::size_t size : {1u, 2u, 31u}) {
            const Ip out{.dst = place.new_dst(), .tos = 46 << 2};
            run({}, place.in() / Udp{} / payload(size), place.out() / Udp{} / payload(size));
            run(all, place.in() / Udp{} / payload(size), place.out(out) / Udp{4000, 6000} / payload(size));
            run(all, place.in() / Tcp{} / payload(size), place.out(out) / Tcp{4000, 6000} / payload(size));
            run(all, place.in() / Udp{1, 2, std::uint16_t{0}} / payload(size),
                place.out(out) / Udp{1, 6000, std::uint16_t{0}} / payload(size));
            run(place.readdressing(), place.in({.protocol = std::uint8_t{253}}) / payload(size),
                place.out({.dst = place.new_dst(), .protocol = std::uint8_t{253}}) / payload(size));
        }
    });
}
