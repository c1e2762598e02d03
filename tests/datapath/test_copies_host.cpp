// SPDX-License-Identifier: Apache-2.0
#include "host_copies.h"
#include "host_shim.h"
#include "model.hpp"
#include "random_frame.hpp"

#include <catch2/catch.hpp>

#include <cstring>
#include <optional>

using namespace rudder;
using namespace rudder::test;

namespace {

const MacAddress k_mac{{2, 0, 0, 0, 0, 1}};
constexpr std::size_t k_frames = 60000;

/// A whole frame with a transport checksum over its addresses, parsed.
std::optional<rudder_packet> parsed(const Frame& frame) {
    rudder_packet packet{};
    const auto size = static_cast<__u32>(frame.size());
    const ModelPacket model = model_parse(frame, false);
    if (model.parse != Parse::ok || host_parse(untagged(frame.data(), size, size), &packet) != 0) return std::nullopt;
    const bool is_good = model.family == IpFamily::v6 || fold16(sum16(frame.data() + model.ip, model.header_bytes)) == 0xffff;
    if (!is_good || packet.l4_offset == 0 || packet.l4_checksum == RUDDER_L4_NO_CHECKSUM) return std::nullopt;
    return packet;
}

/// Mostly other addresses, now and then other ports or no address.
rudder_target random_target(Random& random) {
    constexpr unsigned k_addresses = RUDDER_REWRITE_DST_IP | RUDDER_REWRITE_SRC_IP;
    rudder_target target{};
    const unsigned mask = below(random, 4) == 0 ? 0xffu : k_addresses;
    target.flags = static_cast<__u16>(random() & mask &
                                      (k_addresses | RUDDER_REWRITE_DST_PORT | RUDDER_REWRITE_SRC_PORT | RUDDER_REWRITE_DSCP));
    for (int i = 0; i < 4; i++) {
        target.dst_be[i] = static_cast<__u32>(random());
        target.src_be[i] = static_cast<__u32>(random());
    }
    target.dst_port_be = static_cast<__u16>(random());
    target.src_port_be = static_cast<__u16>(random());
    target.dscp = static_cast<__u8>(below(random, 64));
    target.ttl_mode = RUDDER_TTL_KEEP;
    return target;
}

struct Tally {
    int copies = 0;
    int refused = 0;
};

/// One to eight copies of the frame. One in `failing` loses one of its stores to the kernel; 0: none does.
void check_copies(Random& random, const Frame& original, const rudder_packet& packet, unsigned failing, Tally& tally) {
    Frame frame = original;
    host_copies_begin(frame.data(), &packet);
    const std::size_t count = 1 + below(random, 8);
    for (std::size_t i = 0; i < count; i++) {
        const rudder_target target = random_target(random);
        Frame want = original;
        const int expected = host_rewrite(want.data(), &packet, &target, RUDDER_INGRESS);
        const bool is_to_fail = failing != 0 && below(random, failing) == 0;
        const int reason = host_copies_write(&target, is_to_fail ? static_cast<int>(below(random, 5)) : -1);
        if (reason != expected && is_to_fail) {
            REQUIRE(reason == RUDDER_REASON_NOT_WRITABLE);
            tally.refused++;
            continue;
        }
        REQUIRE(reason == expected);
        if (reason != RUDDER_REASON_NONE) continue;
        INFO("copy " << i << " of\n" << hex(original) << "\nwant\n" << hex(want) << "\ngot\n" << hex(frame));
        REQUIRE((frame == want));
        tally.copies++;
    }
    REQUIRE(host_copies_end() == RUDDER_REASON_NONE);
    INFO("original\n" << hex(original) << "\nput back\n" << hex(frame));
    REQUIRE((frame == original));
}

Tally check_many(unsigned seed, unsigned failing) {
    Random random(seed);
    Tally tally;
    for (std::size_t i = 0; i < k_frames; i++) {
        const Frame frame = random_frame(random, k_mac);
        if (const auto packet = parsed(frame)) check_copies(random, frame, *packet, failing, tally);
    }
    return tally;
}

}  // namespace

TEST_CASE("each copy is what a rewrite of the original is, and the original is put back byte for byte") {
    CHECK(check_many(11, 0).copies > 50000);
}

TEST_CASE("a store that the kernel refuses costs its own copy only") {
    const Tally tally = check_many(12, 3);
    CHECK(tally.copies > 40000);
    CHECK(tally.refused > 5000);
}
