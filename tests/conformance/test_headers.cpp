// SPDX-License-Identifier: Apache-2.0
#include "place.hpp"

#include <algorithm>

using namespace rudder;
using namespace rudder::test;

/// Rows 1, 3 and 4 of the list: headers that are short, long, or contradict themselves.
namespace {

/// A frame with another byte at `at`.
Frame with_byte(Frame frame, std::size_t at, unsigned value) {
    frame[at] = static_cast<std::uint8_t>(value);
    return frame;
}

Frame with_length(Frame frame, const Place& place, unsigned bytes) {
    const std::size_t at = place.is_v4() ? 16 : 18;
    return with_byte(with_byte(std::move(frame), at, bytes >> 8), at + 1, bytes & 0xff);
}

/// `count` bytes that stand for the beginning of a transport header from port 4000 to 5000.
Bytes beginning(std::size_t count) {
    Bytes start{{0x0f, 0xa0, 0x13, 0x88}};
    start.bytes.resize(count, 0x5a);
    return start;
}

}  // namespace

TEST_CASE("short") {
    prove("short", [](Place& place) {
        // Since 6.18 the kernel refuses test runs on a plain frame without a whole IP header; those are judged on the
        // wire.
        const auto cut = [](const Frame& frame, std::size_t size) {
            return Frame(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
        };
        const std::size_t ip_end = place.transport_at();
        const Frame whole = place.in() / Udp{} / payload(100 - ip_end - 8),
                    tagged = place.in({.tags = {{0}}}) / Udp{} / payload(100 - ip_end - 8);
        for (std::size_t size = ip_end; size < whole.size(); size++) {
            place.check_untouched("cut at " + std::to_string(size), cut(whole, size), RUDDER_REASON_MALFORMED);
        }
        for (std::size_t size = 15; size < ip_end + 4; size++) {
            place.check_untouched("cut at " + std::to_string(size) + " behind a priority tag", cut(tagged, size),
                                  RUDDER_REASON_SHORT);
        }
        place.check(
            {"whole", policy({place.steering()}), whole, k_redirect, place.out() / Udp{} / payload(100 - ip_end - 8)});
    });
}

TEST_CASE("truncated-transport") {
    prove("truncated-transport", [](Place& place) {
        const struct {
            std::uint8_t protocol;
            std::size_t least;
        } transports[] = {{17, 8}, {136, 8}, {6, 20}, {33, 12}, {132, 12}};
        for (const auto& [protocol, least] : transports) {
            for (std::size_t size = 0; size < least; size++) {
                const std::string what = std::to_string(size) + " bytes of protocol " + std::to_string(protocol);
                place.check_untouched(what, place.in({.protocol = protocol}) / beginning(size), RUDDER_REASON_SHORT);
            }
            place.check({"just enough", policy({place.steering()}), place.in({.protocol = protocol}) / beginning(least),
                         k_redirect, place.out({.protocol = protocol}) / beginning(least)});
        }
    });
}

TEST_CASE("options") {
    prove("options", only_v4, [](Place& place) {
        const Policy ports = policy({place.steering(place.readdressing(std::uint16_t{6000}))});
        for (unsigned bytes = 0; bytes <= 40; bytes += 4) {
            place.check({"IHL " + std::to_string(5 + bytes / 4), ports,
                         place.in({.option_bytes = bytes}) / Udp{} / payload(31), k_redirect,
                         place.out({.dst = place.new_dst(), .option_bytes = bytes}) / Udp{4000, 6000} / payload(31)});
            place.check({"plain", policy({place.steering()}), place.in({.option_bytes = bytes}) / Tcp{} / payload(3),
                         k_redirect, place.out({.option_bytes = bytes}) / Tcp{} / payload(3)});
        }
    });
}

TEST_CASE("extensions") {
    prove("extensions", only_v6, [](Place& place) {
        const Policy ports = policy({place.steering(place.readdressing(std::uint16_t{6000}))});
        std::vector<std::vector<Extension>> chains = {
            {{.type = 0, .units = 2}, {.type = 60}, {.type = 44, .fragment = 1}},
            {{.type = 0}, {.type = 60, .units = 3}, {.type = 43}, {.type = 51, .units = 4}}};
        for (const std::uint8_t type : std::initializer_list<std::uint8_t>{0, 43, 44, 51, 60}) {
            chains.push_back({{.type = type}});
        }
        for (const auto& chain : chains) {
            place.check({"chain that begins with " + std::to_string(chain[0].type), ports,
                         place.in({.extensions = chain}) / Udp{} / payload(31), k_redirect,
                         place.out({.dst = place.new_dst(), .extensions = chain}) / Udp{4000, 6000} / payload(31)});
        }
    });
}

TEST_CASE("hidden-transport") {
    prove("hidden-transport", [](Place& place) {
        const Policy moved = policy({place.steering(place.readdressing())});
        const auto refused = [&](const std::string& what, const Frame& in) {
            place.check({what, moved, in, k_next, {}, RUDDER_REASON_HIDDEN_TRANSPORT});
        };
        for (const std::size_t size : {8u, 16u}) {
            const Ip first{.protocol = std::uint8_t{6}, .fragment = std::uint16_t{0x2000}};
            refused("a first fragment that ends within the TCP header", place.in(first) / beginning(size));
            place.check({"it may be steered without a rewrite", policy({place.steering()}),
                         place.in(first) / beginning(size), k_redirect, place.out(first) / beginning(size)});
        }
        if (!place.is_v4()) {
            refused("segments left",
                    place.in({.extensions = {{.type = 43, .segments_left = 1}}}) / Udp{} / payload(30));
            refused("out of reach", place.in({.extensions = {{.type = 60, .units = 64}}}) / Udp{} / payload(30));
        }
    });
}

TEST_CASE("bad-version") {
    prove("bad-version", [](Place& place) {
        const Frame good = place.in() / Udp{} / payload(9);
        for (unsigned version = 0; version < 16; version++) {
            if (version != (place.is_v4() ? 4u : 6u)) {
                place.check_untouched("version " + std::to_string(version),
                                      with_byte(good, 14, version << 4 | (good[14] & 15u)), RUDDER_REASON_MALFORMED);
            }
        }
    });
}

TEST_CASE("bad-header-length") {
    prove("bad-header-length", only_v4, [](Place& place) {
        const Frame good = place.in() / Udp{} / payload(9);
        for (unsigned words = 0; words < 5; words++) {
            place.check_untouched("IHL " + std::to_string(words), with_byte(good, 14, 0x40 | words),
                                  RUDDER_REASON_MALFORMED);
        }
    });
}

TEST_CASE("bad-length") {
    prove("bad-length", [](Place& place) {
        const Frame good = place.in() / Udp{} / payload(9);
        const auto whole = static_cast<unsigned>(good.size() - (place.is_v4() ? 14 : 54));
        for (const unsigned bytes : {whole + 1, whole + 100, 0xffffu}) {
            place.check_untouched("beyond the frame: " + std::to_string(bytes), with_length(good, place, bytes),
                                  RUDDER_REASON_MALFORMED);
        }
        if (place.is_v4()) {
            for (const unsigned bytes : {0u, 1u, 19u}) {
                place.check_untouched("below the header: " + std::to_string(bytes), with_length(good, place, bytes),
                                      RUDDER_REASON_MALFORMED);
            }
            place.check_untouched("below the options",
                                  with_length(place.in({.option_bytes = 40}) / Udp{} / payload(9), place, 59),
                                  RUDDER_REASON_MALFORMED);
        } else {
            place.check_untouched("no payload", with_length(good, place, 0), RUDDER_REASON_SHORT);
            place.check_untouched("an extension header beyond the packet",
                                  place.in({.protocol = std::uint8_t{60}}) / Bytes{{17, 200, 0, 0, 0, 0, 0, 0}},
                                  RUDDER_REASON_SHORT);
        }
    });
}

TEST_CASE("bad-header-checksum") {
    prove("bad-header-checksum", only_v4, [](Place& place) {
        for (const unsigned options : {0u, 4u, 40u}) {
            const Frame good = place.in({.option_bytes = options}) / Udp{} / payload(9);
            for (const std::size_t at : {15u, 24u, 25u, 33u}) {
                const Frame bad = with_byte(good, at, good[at] ^ 1u);
                place.check_untouched("byte " + std::to_string(at), bad, RUDDER_REASON_MALFORMED);
                place.check({"rewrite",
                             policy({place.steering(place.readdressing())}),
                             bad,
                             k_next,
                             {},
                             RUDDER_REASON_MALFORMED,
                             false});
            }
        }
    });
}

TEST_CASE("padding") {
    prove("padding", [](Place& place) {
        const Policy moved = policy({place.steering(place.readdressing(std::uint16_t{6000}))});
        for (const std::size_t size : {0u, 1u, 2u, 7u}) {
            for (const std::size_t padding : {1u, 2u, 17u}) {
                const Frame in = place.in() / Udp{} / payload(size),
                            out = place.out({.dst = place.new_dst()}) / Udp{4000, 6000} / payload(size);
                place.check({"padded", moved, padded(in, padding), k_redirect, padded(out, padding)});
            }
        }
        place.check_untouched("a short UDP header is not completed from padding",
                              padded(place.in({.protocol = std::uint8_t{17}}) / payload(4), 30), RUDDER_REASON_SHORT);
    });
}
