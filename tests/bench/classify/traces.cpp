// SPDX-License-Identifier: Apache-2.0
#include "traces.hpp"

#include "../ruleset_generator.hpp"

#include "rudder_classifier.h"

#include <algorithm>
#include <ctime>
#include <random>
#include <utility>

namespace rudder::bench {
namespace {

constexpr std::uint32_t k_ifindex = 2;
constexpr std::size_t k_draws = 32;  ///< for each miss wanted, before giving up

double processor_ms() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

std::uint16_t hook_class_of(const Image& image) {
    const auto bytes = static_cast<std::uint32_t>(image.blob.size());
    const rudder_hook* hook = rudder_find_hook(image.blob.data(), bytes, k_ifindex, RUDDER_INGRESS);
    return hook == nullptr ? std::uint16_t{0} : hook->hook_class;
}

bool is_miss(const Image& image, const rudder_packet& packet) {
    rudder_key key{};
    const auto bytes = static_cast<std::uint32_t>(image.blob.size());
    return rudder_classify_packet(image.blob.data(), bytes, &packet, &key) == RUDDER_NO_RULE;
}

/// Source of one header, destination of the next, the rest of a third.
void mix(Trace& headers) {
    const Trace original = headers;
    const std::size_t count = headers.size();
    for (std::size_t i = 0; i < count; i += 2) {
        std::copy_n(original[(i + 1) % count].src_be, 4, headers[i].src_be);
        std::copy_n(original[(i + 2) % count].dst_be, 4, headers[i].dst_be);
    }
}

Trace draw_misses(const Scenario& scenario, std::size_t wanted) {
    Trace misses;
    for (std::uint64_t seed = 1; seed <= k_draws && misses.size() < wanted; ++seed) {
        Trace near = generate_hits(scenario.policy, wanted / 2, 1000 + seed);
        mix(near);
        const Trace random = generate_misses(scenario.family, wanted / 2, 2000 + seed);
        for (std::size_t i = 0; i < 2 * near.size() && misses.size() < wanted; ++i) {
            rudder_packet packet = i % 2 == 0 ? near[i / 2] : random[i / 2];
            packet.hook_class = scenario.hook_class;
            if (is_miss(scenario.image, packet)) {
                misses.push_back(packet);
            }
        }
    }
    return misses.size() < wanted / 16 ? Trace{} : misses;
}

void repeat_to(Trace& trace, std::size_t wanted) {
    for (std::size_t i = 0; !trace.empty() && trace.size() < wanted; ++i) {
        trace.push_back(trace[i]);
    }
}

}  // namespace

Topology one_device() {
    Topology topology;
    Link link;
    link.ifindex = k_ifindex;
    link.name = "eth0";
    topology.links[k_ifindex] = link;
    return topology;
}

Result<Scenario> make_scenario(Policy policy, IpFamily family, std::size_t headers, Trace trace) {
    Scenario scenario;
    scenario.policy = std::move(policy);
    scenario.family = family;
    for (int repetition = 0; repetition < 3; ++repetition) {
        const double start = processor_ms();
        auto image = compile(scenario.policy, one_device(), {});
        const double elapsed = processor_ms() - start;
        if (!image) {
            return image.error();
        }
        scenario.build_ms = repetition == 0 ? elapsed : std::min(scenario.build_ms, elapsed);
        scenario.image = std::move(image).value();
    }
    scenario.hook_class = hook_class_of(scenario.image);
    std::mt19937_64 random(4);
    std::shuffle(trace.begin(), trace.end(), random);
    scenario.hits = trace.empty() ? generate_hits(scenario.policy, headers, 1) : std::move(trace);
    for (rudder_packet& packet : scenario.hits) {
        packet.hook_class = scenario.hook_class;
    }
    scenario.misses = draw_misses(scenario, headers);
    repeat_to(scenario.hits, headers);
    repeat_to(scenario.misses, headers);
    return scenario;
}

std::uint32_t first_match(const Policy& policy, const rudder_packet& packet) {
    const auto address = [&packet](const std::uint32_t* be) {
        IpAddress result{packet.family == 4 ? IpFamily::v4 : IpFamily::v6, {}};
        std::copy_n(reinterpret_cast<const std::uint8_t*>(be), packet.family == 4 ? 4 : 16, result.bytes.begin());
        return result;
    };
    const IpAddress src = address(packet.src_be);
    const IpAddress dst = address(packet.dst_be);
    const auto holds = [&packet](const std::vector<PortRange>& ports, std::uint16_t port) {
        return ports.empty() ||
               ((packet.flags & RUDDER_PKT_HAS_PORTS) != 0 && ports[0].first <= port && port <= ports[0].last);
    };
    for (std::size_t rank = 0; rank < policy.rules.size(); ++rank) {
        const Match& m = policy.rules[rank].match;
        if ((!m.ip_proto || *m.ip_proto == packet.protocol) && (m.src.empty() || m.src[0].contains(src)) &&
            (m.dst.empty() || m.dst[0].contains(dst)) && holds(m.src_ports, packet.src_port) &&
            holds(m.dst_ports, packet.dst_port)) {
            return static_cast<std::uint32_t>(rank);
        }
    }
    return RUDDER_NO_RULE;
}

}  // namespace rudder::bench
