// SPDX-License-Identifier: Apache-2.0
#include "random_policy.hpp"

#include <algorithm>

namespace rudder::test {
namespace {

bool coin(std::mt19937& random) { return random() % 2 == 0; }
std::uint32_t below(std::mt19937& random, std::uint32_t end) { return static_cast<std::uint32_t>(random() % end); }

template <class T>
void toggle(std::set<T>& set, const T& value) {
    if (set.erase(value) == 0) {
        set.insert(value);
    }
}

HookSpec random_hook(std::mt19937& random) {
    return {1 + below(random, k_devices), coin(random) ? Direction::ingress : Direction::egress};
}

NextHopKey random_next_hop(std::mt19937& random) {
    NextHopKey key;
    key.ifindex = 1 + below(random, k_devices);
    if (coin(random)) {
        key.mac = MacAddress{{2, 0, 0, 0, 0, static_cast<std::uint8_t>(below(random, 3))}};
    }
    return key;
}

GroupKey random_group(std::mt19937& random) {
    GroupKey key;
    key.name = "group-" + std::to_string(below(random, 3));
    for (std::uint32_t i = 0; i < 2; ++i) {
        key.members.push_back({1 + i, 1 + below(random, 2), 1});
    }
    return key;
}

std::string random_rule(std::mt19937& random) { return "rule-" + std::to_string(below(random, 8)); }

/// Lowest numbers that neither `before` nor `held` has.
template <class Map>
Map assign(const std::set<typename Map::key_type>& keys, const Map& before, const std::set<std::uint32_t>& held) {
    std::set<std::uint32_t> taken = held;
    for (const auto& owner : before) {
        taken.insert(owner.second);
    }
    Map slots;
    std::uint32_t next = 0;
    for (const auto& key : keys) {
        const auto known = before.find(key);
        if (known != before.end()) {
            slots.try_emplace(key, known->second);
            continue;
        }
        while (taken.contains(next)) {
            ++next;
        }
        slots.try_emplace(key, next++);
    }
    return slots;
}

void append(std::vector<std::uint8_t>& bytes, std::uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) {
        bytes.push_back(static_cast<std::uint8_t>(value >> shift));
    }
}

}  // namespace

Wish random_wish(std::mt19937& random) {
    Wish wish;
    for (int i = 0; i < 4; ++i) {
        wish.rules.insert(random_rule(random));
        wish.next_hops.insert(random_next_hop(random));
        wish.hooks.insert(random_hook(random));
    }
    wish.groups.insert(random_group(random));
    return wish;
}

Wish changed_wish(std::mt19937& random, Wish wish) {
    switch (below(random, 8)) {
        case 0:
            toggle(wish.rules, random_rule(random));
            break;
        case 1:
            toggle(wish.next_hops, random_next_hop(random));
            break;
        case 2:
            toggle(wish.hooks, random_hook(random));
            break;
        case 3:
            ++wish.neighbour_epochs[1 + below(random, k_devices)];
            break;
        case 4:
            ++wish.salt;
            break;
        case 5:
            toggle(wish.groups, random_group(random));
            break;
        case 6:
            wish.alive ^= 1 + below(random, 3);
            break;
        default:
            return random_wish(random);
    }
    return coin(random) ? wish : changed_wish(random, wish);
}

Image image_of(const Wish& wish, const Slots& previous) {
    Image image;
    std::set<CounterKey> counters;
    for (const std::string& rule : wish.rules) {
        counters.insert({rule, -1});
    }
    image.slots.counters = assign(counters, previous.counters, previous.uncleared_counters);
    image.slots.next_hops = assign(wish.next_hops, previous.next_hops, {});
    image.slots.groups = assign(wish.groups, previous.groups, {});
    image.slots.uncleared_counters = previous.uncleared_counters;
    image.hooks.assign(wish.hooks.begin(), wish.hooks.end());
    image.tier = wish.salt % 2;
    image.blob.push_back(wish.salt);
    for (const CounterKey& key : counters) {
        append(image.blob, image.slots.counters.at(key));
    }
    for (const auto& [key, slot] : image.slots.next_hops) {
        append(image.blob, slot);
    }
    append(image.blob, 0xffffffff);  // next hops end here
    for (const auto& [key, slot] : image.slots.groups) {
        append(image.blob, slot);
    }
    for (const HookSpec& hook : image.hooks) {
        append(image.blob, hook.ifindex * 2 + static_cast<std::uint32_t>(hook.direction));
    }
    return image;
}

std::map<std::uint32_t, NextHopEntry> entries_of(const Wish& wish, const Slots& slots) {
    std::map<std::uint32_t, NextHopEntry> entries;
    for (const auto& [key, slot] : slots.next_hops) {
        NextHopEntry entry;
        entry.ifindex = key.ifindex;
        const auto epoch = wish.neighbour_epochs.find(key.ifindex);
        entry.dst_mac.bytes[5] = epoch == wish.neighbour_epochs.end() ? std::uint8_t{0} : epoch->second;
        entry.dst_mac.bytes[4] = key.mac ? key.mac->bytes[5] : std::uint8_t{99};
        entries[slot] = entry;
    }
    return entries;
}

std::map<std::uint32_t, GroupEntry> groups_of(const Wish& wish, const Slots& slots) {
    std::map<std::uint32_t, GroupEntry> entries;
    for (const auto& [key, slot] : slots.groups) {
        entries[slot] = {key.members, wish.alive};
    }
    return entries;
}

}  // namespace rudder::test
