// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/multicast_keeper.hpp"

#include <algorithm>
#include <ctime>

namespace rudder {
namespace {

std::uint64_t monotonic_us() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

/// One above the highest slot of a rule with `join`; 0 if there is none.
std::uint32_t slots_to_read(const Policy& policy, const Slots& slots) {
    std::uint32_t end = 0;
    for (const Rule& rule : policy.rules) {
        if (!rule.join) continue;
        const auto slot = slots.counters.find({rule.name, -1});
        if (slot != slots.counters.end()) end = std::max(end, slot->second + 1);
    }
    return end;
}

}  // namespace

std::map<std::string, std::uint64_t> joining_rule_packets(const Policy& policy, const Slots& slots,
                                                          const std::vector<CounterValue>& counters) {
    std::map<std::string, std::uint64_t> packets;
    for (const Rule& rule : policy.rules) {
        if (!rule.join) continue;
        const auto slot = slots.counters.find({rule.name, -1});
        if (slot == slots.counters.end() || slot->second >= counters.size()) continue;
        packets.emplace(rule.name, counters[slot->second].packets);
    }
    return packets;
}

void MulticastKeeper::look(const Links& links) {
    joins_.look(engine_.policy(), links);
    const Slots& slots = engine_.applied().image.slots;
    const std::uint32_t end = slots_to_read(engine_.policy(), slots);
    const auto counters =
        end == 0 ? Result<std::vector<CounterValue>>(std::vector<CounterValue>{}) : kernel_.read_counters(end);
    if (counters) silence_.note(monotonic_us(), joining_rule_packets(engine_.policy(), slots, *counters));
}

void MulticastKeeper::describe(Snapshot& snapshot) {
    silence_.note(snapshot.taken_monotonic_us,
                  joining_rule_packets(*snapshot.policy, snapshot.image->slots, snapshot.counters));
    snapshot.silent_us = silence_.durations_us(snapshot.taken_monotonic_us);
    snapshot.memberships = joins_.held();
    snapshot.memberships_left_out = joins_.left_out();
    snapshot.membership_sockets = sockets_.sockets();
}

}  // namespace rudder
