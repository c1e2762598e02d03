// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "core/compile/flow_mask.hpp"
#include "core/compile/image.hpp"
#include "random_policy.hpp"
#include "reference.hpp"

#include "rudder_abi.h"

#include <algorithm>
#include <cstring>
#include <string>

using namespace rudder;
using namespace rudder::test;

namespace {

const rudder_blob_header& header_of(const Image& image) {
    return *reinterpret_cast<const rudder_blob_header*>(image.blob.data());
}

/// The mask of a family: both addresses, ports (wire order) and TOS; false if no flow of the family is kept.
struct Mask {
    std::uint8_t src[16]{};
    std::uint8_t dst[16]{};
    std::uint16_t ports_be[2]{};
    std::uint8_t tos = 0;
    bool is_used = false;

    Mask(const rudder_blob_header& header, int family) {
        const std::uint64_t fields = family == 4 ? header.flow_v4.fields : header.flow_v6.fields;
        const std::size_t bytes = family == 4 ? 4 : 16;
        const auto* addresses = reinterpret_cast<const char*>(family == 4 ? &header.flow_v4.address : header.flow_v6.address);
        std::memcpy(src, addresses, bytes);
        std::memcpy(dst, addresses + bytes, bytes);
        const auto ports = static_cast<std::uint32_t>(fields);
        std::memcpy(ports_be, &ports, sizeof(ports_be));
        tos = static_cast<std::uint8_t>(fields >> 32);
        is_used = fields != 0;
        REQUIRE((fields == 0 || fields >> 40 == 0xffffff));  // protocol, direction, family
    }
};

void shake(Random& random, std::uint8_t* bytes, const std::uint8_t* mask, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::uint8_t>(bytes[i] ^ (random() & ~unsigned{mask[i]}));
    }
}

/// Another packet of the same flow: whatever the mask leaves out is random.
Probe twin_of(Random& random, Probe probe, const Mask& mask) {
    rudder_packet& packet = probe.packet;
    const std::size_t bytes = packet.family == 4 ? 4 : 16;
    shake(random, reinterpret_cast<std::uint8_t*>(packet.src_be), mask.src, bytes);
    shake(random, reinterpret_cast<std::uint8_t*>(packet.dst_be), mask.dst, bytes);
    packet.src_port = static_cast<std::uint16_t>(packet.src_port ^ (random() & static_cast<std::uint16_t>(~mask.ports_be[0])));
    packet.dst_port = static_cast<std::uint16_t>(packet.dst_port ^ (random() & static_cast<std::uint16_t>(~mask.ports_be[1])));
    packet.tos = static_cast<std::uint8_t>(packet.tos ^ (random() & ~unsigned{mask.tos}));
    packet.ttl = static_cast<std::uint8_t>(random());
    packet.l3_bytes = static_cast<std::uint16_t>(random());
    return probe;
}

/// First octets by which addresses may be special or of groups.
bool is_remarkable(const rudder_packet& packet) {
    for (const auto* address : {packet.src_be, packet.dst_be}) {
        const unsigned first = *reinterpret_cast<const std::uint8_t*>(address);
        if (packet.family == 4 ? first == 0 || first == 127 || first == 169 || first >= 224 : first == 0 || first >= 0xfe) {
            return true;
        }
    }
    return false;
}

bool may_have_flow(const rudder_packet& packet) {
    return (packet.protocol == 6 || packet.protocol == 17) && packet.flags == RUDDER_PKT_HAS_PORTS && !is_remarkable(packet);
}

/// Packets of policies of one shape and their twins by the reference; returns how many pairs there were.
std::size_t compare(Shape shape, std::size_t rules, std::uint64_t seed) {
    Random random(seed);
    const Topology topology = make_topology(4);
    const Policy policy = make_policy(random, shape, rules, 4);
    const auto image = compile(policy, topology, {});
    REQUIRE(image);
    const Reference reference(policy, topology);
    const Mask masks[] = {{header_of(*image), 4}, {header_of(*image), 6}};
    std::size_t pairs = 0;
    for (int i = 0; i < 3000; ++i) {
        const Probe probe = make_probe(random, policy, topology);
        const Mask& mask = masks[probe.packet.family == 4 ? 0 : 1];
        if (!mask.is_used || !may_have_flow(probe.packet)) {
            continue;
        }
        const Probe twin = twin_of(random, probe, mask);
        INFO("shape " << static_cast<int>(shape) << " rules " << rules << " seed " << seed << " packet " << i);
        REQUIRE(reference.first_match(twin) == reference.first_match(probe));
        ++pairs;
    }
    return pairs;
}

Rule rule_for(const std::string& dst) {
    Rule rule;
    rule.name = std::string("r");
    rule.type = RuleType::drop;
    rule.match.interface.any = true;
    rule.match.dst = {*parse_ip_prefix(dst).prefix};
    rule.match.family_v6 = false;
    return rule;
}

Mask mask_of(const Rule& rule) {
    Policy policy;
    policy.rules = {rule};
    const auto image = compile(policy, make_topology(2), {});
    REQUIRE(image);
    return {header_of(*image), 4};
}

}  // namespace

TEST_CASE("no rule tells apart what the flow cache does not") {
    std::size_t pairs = 0;
    for (const Shape shape : {Shape::sparse, Shape::nested, Shape::wide, Shape::overlapping_ports, Shape::open, Shape::interfaces,
                              Shape::lists, Shape::vlans, Shape::exclusions, Shape::holes, Shape::open_holes, Shape::mixed}) {
        for (std::uint64_t seed = 0; seed < 60; ++seed) {
            pairs += compare(shape, 1 + seed % 20, seed);
        }
    }
    CHECK(pairs > 80000);
}

TEST_CASE("the flow mask has what the rules state and no more") {
    Rule rule = rule_for("10.1.0.0/16");
    const Mask plain = mask_of(rule);
    CHECK(plain.is_used);
    CHECK((plain.src[0] == 0xff && plain.src[1] == 0));
    CHECK((plain.dst[1] == 0xff && plain.dst[2] == 0));
    CHECK((plain.ports_be[0] == 0 && plain.ports_be[1] == 0 && plain.tos == 0));
    rule.match.dst_ports = {{80, 81}};
    rule.match.ip_proto = 6;
    rule.match.dscp = 1;
    const Mask more = mask_of(rule);
    CHECK((more.ports_be[0] == 0 && more.ports_be[1] == 0xffff && more.tos == 0xfc));
}

TEST_CASE("a policy uses a part of the flow cache that grows with its image") {
    const auto places_of = [](std::uint8_t rules) {
        Policy policy;
        for (std::uint8_t i = 0; i < rules; ++i) {
            policy.rules.push_back(rule_for("10." + std::to_string(i) + ".0.0/16"));
            policy.rules.back().name = "r" + std::to_string(i);
        }
        const auto image = compile(policy, make_topology(2), {});
        REQUIRE(image);
        CHECK(header_of(*image).flow_place_mask + 1 < std::max<std::size_t>(65, 16 * image->blob.size() / sizeof(rudder_flow)));
        return header_of(*image).flow_place_mask;
    };
    CHECK(places_of(1) < places_of(250));
    CHECK(flow_places(1) == 63);
    CHECK(flow_places(8 * sizeof(rudder_flow)) == 63);
    CHECK(flow_places(100 * sizeof(rudder_flow)) == 1023);
    CHECK(flow_places(128 * sizeof(rudder_flow)) == 1023);
    CHECK(flow_places(129 * sizeof(rudder_flow)) == 2047);
    CHECK(flow_places(std::size_t{1} << 30) == RUDDER_CPU_FLOWS - 1);
}

TEST_CASE("where a rule looks at more than the flow cache does, no flow is kept") {
    Rule rule = rule_for("10.1.0.0/16");
    RareMatch rare;
    rare.lengths = {{100, 200}};
    rule.match.rare = rare;
    CHECK_FALSE(mask_of(rule).is_used);
    rare.lengths.clear();
    rare.fwmarks = {{1, 0xffffffff}};
    rule.match.rare = rare;
    CHECK_FALSE(mask_of(rule).is_used);
}
