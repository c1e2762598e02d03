// SPDX-License-Identifier: Apache-2.0
#include "host_shim.h"
#include "model.hpp"
#include "random_frame.hpp"

#include <catch2/catch.hpp>

#include <cstring>

using namespace rudder;
using namespace rudder::test;

namespace {

const MacAddress k_mac{{2, 0, 0, 0, 0, 1}};

std::uint16_t swap16(std::uint16_t value) { return static_cast<std::uint16_t>(value << 8 | value >> 8); }

rudder_target target_of(const Rewrite& rewrite) {
    rudder_target target{};
    if (rewrite.dst_ip) {
        target.flags |= RUDDER_REWRITE_DST_IP;
        std::memcpy(target.dst_be, rewrite.dst_ip->bytes.data(), 16);
    }
    if (rewrite.src_ip) {
        target.flags |= RUDDER_REWRITE_SRC_IP;
        std::memcpy(target.src_be, rewrite.src_ip->bytes.data(), 16);
    }
    if (rewrite.dst_port) {
        target.flags |= RUDDER_REWRITE_DST_PORT;
        target.dst_port_be = swap16(*rewrite.dst_port);
    }
    if (rewrite.src_port) {
        target.flags |= RUDDER_REWRITE_SRC_PORT;
        target.src_port_be = swap16(*rewrite.src_port);
    }
    if (rewrite.dscp) {
        target.flags |= RUDDER_REWRITE_DSCP;
        target.dscp = *rewrite.dscp;
    }
    target.ttl_mode = static_cast<__u8>(rewrite.ttl.mode);
    target.ttl = rewrite.ttl.value;
    return target;
}

}  // namespace

TEST_CASE("a rewritten frame equals one whose checksums are made from scratch") {
    Random random(5);
    int compared = 0;
    while (compared < 150000) {
        const Frame frame = random_frame(random, k_mac);
        const ModelPacket packet = model_parse(frame, false);
        rudder_packet parsed{};
        const auto size = static_cast<__u32>(frame.size());
        const bool is_header_good = packet.parse == Parse::ok && (packet.family == IpFamily::v6 ||
            fold16(sum16(frame.data() + packet.ip, packet.header_bytes)) == 0xffff);
        if (!is_header_good || host_parse(untagged(frame.data(), size, size), &parsed) != 0) {
            continue;
        }
        const Rewrite rewrite = random_rewrite(random, packet.family);
        const rudder_target target = target_of(rewrite);
        const auto direction = below(random, 2) == 0 ? Direction::ingress : Direction::egress;
        const ModelRewrite want = model_rewrite(frame, packet, rewrite, direction);
        Frame got = frame;
        const int reason = host_rewrite(got.data(), &parsed, &target, static_cast<__u32>(direction));
        INFO("in   " << hex(frame) << "\nwant " << hex(want.frame) << "\ngot  " << hex(got));
        REQUIRE(reason == static_cast<int>(want.reason));
        REQUIRE((got == want.frame));
        compared++;
    }
}
