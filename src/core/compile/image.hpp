// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/net_types.hpp"
#include "core/base/policy.hpp"
#include "core/base/result.hpp"
#include "core/base/topology.hpp"
#include "core/compile/counter_slots.hpp"
#include "core/compile/group_table.hpp"

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

/// One policy compiled against one topology.
namespace rudder {

/// A place where our program must run.
struct HookSpec {
    std::uint32_t ifindex = 0;
    Direction direction = Direction::ingress;
    friend auto operator<=>(const HookSpec&, const HookSpec&) = default;
};

/// Sorted hooks; many rules select the same ones and share one list. Never changed once made.
class HookList {
public:
    HookList() = default;
    HookList(std::vector<HookSpec> hooks)
        : hooks_(hooks.empty() ? nullptr : std::make_shared<const std::vector<HookSpec>>(std::move(hooks))) {}
    HookList(std::initializer_list<HookSpec> hooks) : HookList(std::vector<HookSpec>(hooks)) {}

    [[nodiscard]] const HookSpec* begin() const { return hooks_ ? hooks_->data() : nullptr; }
    [[nodiscard]] const HookSpec* end() const { return begin() + size(); }
    [[nodiscard]] std::size_t size() const { return hooks_ ? hooks_->size() : 0; }
    [[nodiscard]] bool empty() const { return size() == 0; }
    friend bool operator==(const HookList& a, const HookList& b) {
        return a.hooks_ == b.hooks_ || std::equal(a.begin(), a.end(), b.begin(), b.end());
    }

private:
    std::shared_ptr<const std::vector<HookSpec>> hooks_;
};

/// What a next-hop slot stands for; the identity is stable, its MACs and state are not.
/// Exactly one of these shapes: static MAC; gateway or destination to resolve; by packet (neither).
struct NextHopKey {
    std::uint32_t ifindex = 0;
    std::optional<MacAddress> mac;        ///< static
    std::optional<IpAddress> address;     ///< gateway (is_gateway) or fixed destination to route to
    bool is_gateway = false;
    friend auto operator<=>(const NextHopKey&, const NextHopKey&) = default;
};

/// What a group slot stands for. A group with other members, weights or tiers is another one: its table is filled
/// before a packet reads it, and that of the generation before stays as it was.
struct GroupKey {
    std::string name;
    std::vector<GroupShare> members;  ///< in the order of their targets in the image
    friend auto operator<=>(const GroupKey&, const GroupKey&) = default;
};

using NextHopSlots = std::map<NextHopKey, std::uint32_t>;
using GroupSlots = std::map<GroupKey, std::uint32_t>;

/// Numbers that outlive a generation (invariant I6): who owns which counter, next-hop and group slot.
/// A number released by one assignment is not reused before the generation that still uses it is freed.
struct Slots {
    CounterSlots counters;
    NextHopSlots next_hops;
    GroupSlots groups;
    CounterSlots limits{};                       ///< of the map limit_states, by rule or target
    std::set<std::uint32_t> uncleared_counters;  ///< released, but zeroing failed: not to be handed out
    friend bool operator==(const Slots&, const Slots&) = default;
};

/// Value sizes of the blob map. A policy uses the smallest tier that holds it.
/// *Units*: bytes; counters: slots of the counter map.
struct Tier {
    std::uint32_t blob_bytes = 0;
    std::uint32_t counter_slots = 0;
};
/// Tiers in ascending order. *Source*: kernels before 6.0 limit a map value to 4 MiB (KMALLOC_MAX_SIZE).
[[nodiscard]] const std::vector<Tier>& tiers();

/// State of one rule in this generation.
struct RuleState {
    bool is_deferred = false;      ///< no device matches its `interface` now, or none of its `via` exists
    std::string reason;            ///< for a deferred rule or target: "no interface eth7"
    HookList hooks;                ///< where it is installed
    std::optional<std::size_t> target{};  ///< the first target that waits, if the reason is about one
};

/// What decides whether the members of a group can be used. *Shape*: one way for each member.
struct GroupWays {
    struct Way {
        bool is_table = false;               ///< the kernel's routes: as good as they are
        std::optional<NextHopKey> next_hop;  ///< of a device; none: the device did not exist when the image was made
    };
    std::vector<Way> ways;
};

struct Image {
    std::vector<std::uint8_t> blob;   ///< header generation is 0: stamped at stage time
    std::size_t tier = 0;             ///< index into tiers()
    std::vector<HookSpec> hooks;      ///< sorted, unique: devices that need our program
    Slots slots;
    std::vector<RuleState> rules;     ///< index = rank
    std::map<std::uint32_t, GroupWays> groups;  ///< by slot
    bool needs_tables = false;        ///< some way out is a routing table of the kernel
};

/// Topology questions that this policy needs answered on these links.
[[nodiscard]] std::vector<NextHopQuery> next_hop_queries(const Policy& policy, const Topology& topology);

/// Compiles the policy. Pure and deterministic: equal inputs give equal bytes.
/// `previous` are the slots of the running generation: names keep their slots; slots of vanished names are
/// not handed to new names in this image (they are still counted by packets in flight).
/// *Errors*: a limit is exceeded (rules, targets, image bytes, counter slots), in words for the operator.
[[nodiscard]] Result<Image> compile(const Policy& policy, const Topology& topology, const Slots& previous);

/// Content of one next-hop slot in the terms of rudder_abi.h (flags RUDDER_NH_*).
struct NextHopEntry {
    std::uint32_t ifindex = 0;
    std::uint16_t flags = 0;
    MacAddress dst_mac;
    MacAddress src_mac;
    std::uint32_t mtu = 0;
    std::optional<IpAddress> gateway;
    friend bool operator==(const NextHopEntry&, const NextHopEntry&) = default;
};

/// What each next-hop slot must hold under this topology.
[[nodiscard]] std::map<std::uint32_t, NextHopEntry> next_hop_entries(const Slots& slots, const Topology& topology);

}  // namespace rudder
