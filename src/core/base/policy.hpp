// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/diagnostic.hpp"
#include "core/base/heap_optional.hpp"
#include "core/base/net_types.hpp"
#include "core/base/rare_match.hpp"
#include "core/base/rate_limit.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The validated policy: what a whole set of files means. A value of these types is valid by
/// construction: only `build_policy` (core/config/build_policy.hpp) makes them from user input, and the stages after it
/// (compile, plan) do not check again.
namespace rudder {

enum class Direction : std::uint8_t { ingress = 0, egress = 1 };
enum class RuleType : std::uint8_t { pass, drop, steer, replicate, mirror };

/// Which devices a rule applies to. `any` is every device but loopback. A device is selected when one of
/// `include` (or `any`) and none of `exclude` matches its name or one of its altnames. Patterns are glob(7) without
/// character classes: `*`, `?`.
struct InterfaceSelector {
    bool any = false;
    std::vector<std::string> include;
    std::vector<std::string> exclude;
    friend bool operator==(const InterfaceSelector&, const InterfaceSelector&) = default;
    friend auto operator<=>(const InterfaceSelector&, const InterfaceSelector&) = default;
};

/// Every DSCP value: a match without `dscp`.
inline constexpr std::uint64_t k_dscp_any = ~std::uint64_t{0};

/// Which VLANs a rule is for: that of the outermost tag of a packet. A priority tag (VID 0) does not make a VLAN.
struct VlanMatch {
    bool untagged = true;
    std::vector<ValueRange> ids;  ///< 1 to 4095, sorted, disjoint, not adjacent
    friend bool operator==(const VlanMatch&, const VlanMatch&) = default;
};

/// Packets in any VLAN and in none.
extern const VlanMatch k_vlan_any;

/// What a packet must not have, field by field (`not`). A packet that does not have a field at all does not have its values.
/// *Shape*: lists as in Match; empty, none, or the defaults of RareMatch: says nothing.
struct Exclusion {
    std::vector<IpPrefix> src;
    std::vector<IpPrefix> dst;
    std::optional<std::uint8_t> ip_proto;
    std::vector<PortRange> src_ports;
    std::vector<PortRange> dst_ports;
    std::uint64_t dscp = 0;           ///< bit n set: not DSCP n
    VlanMatch vlan{false, {}};
    RareMatch rare;
    friend bool operator==(const Exclusion&, const Exclusion&) = default;
};

struct Match {
    InterfaceSelector interface;
    Direction direction = Direction::ingress;
    std::vector<IpPrefix> src;          ///< sorted, no prefix inside another; empty: any
    std::vector<IpPrefix> dst;          ///< likewise
    bool family_v4 = true;              ///< may match IPv4 packets (after all fields and rewrites are considered)
    bool family_v6 = true;
    std::optional<std::uint8_t> ip_proto;
    std::vector<PortRange> src_ports;   ///< sorted, disjoint, not adjacent; empty: any (also packets without ports)
    std::vector<PortRange> dst_ports;
    std::uint64_t dscp = k_dscp_any;    ///< bit n set: DSCP n matches
    VlanMatch vlan;                     ///< default: untagged packets
    HeapOptional<RareMatch> rare{};     ///< only if it states something
    HeapOptional<Exclusion> excluded{}; ///< likewise
    friend bool operator==(const Match&, const Match&) = default;
};

struct TtlAction {
    enum class Mode : std::uint8_t { decrement, set, keep } mode = Mode::decrement;
    std::uint8_t value = 0;  ///< for `set`
    friend bool operator==(const TtlAction&, const TtlAction&) = default;
};

struct Rewrite {
    std::optional<IpAddress> dst_ip;
    std::optional<IpAddress> src_ip;
    bool is_src_of_interface = false;  ///< src_ip is the address of the egress device; the rule is for one family
    std::optional<std::uint16_t> dst_port;
    std::optional<std::uint16_t> src_port;
    std::optional<std::uint8_t> dscp;
    TtlAction ttl;
    std::optional<std::uint16_t> vlan{};  ///< id of the outer tag, which is put on if there is none; 0: it is taken off
    friend bool operator==(const Rewrite&, const Rewrite&) = default;
};

/// One way out of the box: the action of a steer rule, one copy of a replicate rule, or a member of a group. Exactly one
/// of `via`, `table` and `group` says where; a member has no group.
struct Target {
    std::string via;                           ///< name or altname of the egress device
    std::optional<IpAddress> next_hop;         ///< gateway on that device; without it: the route to the destination
    std::optional<MacAddress> next_hop_mac;    ///< static link-layer address; no neighbour look-up then
    Rewrite rewrite;
    std::optional<std::uint32_t> table{};      ///< the kernel's route in that routing table
    std::string group{};                       ///< one of the members of that group
    std::uint32_t sample = 1;                  ///< copies: of one packet out of that many, chosen at random
    std::optional<RateLimit> limit{};          ///< replicate: copies beyond it are left out
    std::uint16_t snap = 0;                    ///< mirror: bytes of the frame that are copied; 0: all
    friend bool operator==(const Target&, const Target&) = default;
};

/// Which fields of a packet choose the member of a group, as bits: RUDDER_HASH_* of rudder_abi.h.
using HashFields = std::uint8_t;

/// One next hop of a group. `way.rewrite` sets a destination at most; it comes before what the rule sets.
struct GroupMember {
    Target way;
    std::uint32_t weight = 1;  ///< share among the members of its tier; 0: gets nothing
    std::uint32_t tier = 1;    ///< used only while no member of a lower tier is alive
    friend bool operator==(const GroupMember&, const GroupMember&) = default;
};

/// Asks the members of a group whether they live, beyond the state of their links and neighbours.
struct HealthProbe {
    enum class Type : std::uint8_t { icmp, tcp, udp } type = Type::icmp;
    std::uint16_t port = 0;                          ///< tcp, udp
    std::optional<IpAddress> address{};              ///< who is asked through each member; empty: the member itself
    std::chrono::milliseconds interval{1000};        ///< from one question to the next
    std::chrono::milliseconds timeout{500};          ///< for one answer; at most half the interval
    std::uint32_t rise = 2;                          ///< answers in a row that make a dead member alive
    std::uint32_t fall = 3;                          ///< missing answers in a row that make an alive member dead
    std::chrono::milliseconds hold_down{0};          ///< for how long more it has to answer then, without a miss
    std::string request{};                           ///< udp: what is sent
    std::string expect{};                            ///< udp: what the answer begins with; empty: any answer
    friend bool operator==(const HealthProbe&, const HealthProbe&) = default;
};

/// Several next hops among which flows are spread.
struct Group {
    std::string name;
    HashFields hash = 0;
    std::vector<GroupMember> members;  ///< as written; no two with the same way
    std::optional<HealthProbe> probe;
    Location where;                    ///< of the group's name
};

/// Membership in each group of the match's `dst`, on every device the rule selects.
struct Join {
    std::vector<IpAddress> sources;  ///< sorted, unique; empty: any source
    friend bool operator==(const Join&, const Join&) = default;
};

/// One rule. `original_passes` is for replicate, `failure_drops` for steer.
struct Rule {
    std::string name;
    std::uint32_t priority = 0;
    RuleType type = RuleType::pass;
    Match match;
    std::vector<Target> targets;  ///< steer: 1; replicate and mirror: 1..64; else none
    bool original_passes = false;
    bool failure_drops = false;
    std::optional<Join> join;     ///< only at ingress; `match.dst` then holds nothing but multicast host prefixes
    Location where;               ///< of the rule's name
    std::optional<RateLimit> limit{};  ///< packets beyond it are not treated; not for drop
    bool excess_drops = false;         ///< they are dropped; else they go on untouched
};

/// Same rule for the audit: equal in all but the place where it is written.
[[nodiscard]] bool is_same_rule(const Rule& a, const Rule& b);
[[nodiscard]] bool is_same_group(const Group& a, const Group& b);

/// All rules of the set, sorted by priority (index = rank; 0 is looked at first).
struct Policy {
    std::vector<Rule> rules;
    std::string sha256;           ///< hex; of the names and bytes of the files that made it
    std::vector<Group> groups{};  ///< sorted by name; those that no rule uses too
};

/// Null if there is none.
[[nodiscard]] const Group* find_group(const Policy& policy, std::string_view name);
/// The target as a packet takes it that got this member of its group.
[[nodiscard]] Target member_target(const Target& target, const GroupMember& member);
/// Who is asked about a member: `address` of the probe, else its next hop, else its new destination. Empty if it has none.
[[nodiscard]] std::optional<IpAddress> probe_destination(const HealthProbe& probe, const GroupMember& member);
/// A number that stands for the member's way, whatever its place in the group, its weight and tier. Never 0, the same in every
/// run and on every host: flows stay where they are across restarts and changes of the group.
[[nodiscard]] std::uint64_t member_identity(const GroupMember& member);

[[nodiscard]] std::string to_string(RuleType type);
[[nodiscard]] std::string to_string(Direction direction);
/// "eth0,ens*,!ens9" or "any".
[[nodiscard]] std::string to_string(const InterfaceSelector& selector);
/// "eth2", "table 100" or "group uplinks".
[[nodiscard]] std::string way_to_string(const Target& target);
/// The MATCH column: "dscp ef dst 10.0.0.0/8 proto udp dport 5000-5010"; "-" when everything matches.
[[nodiscard]] std::string match_to_string(const Match& match);
/// "none", "5", "7-9" or "any": the values of a vlan key that mean the same.
[[nodiscard]] std::vector<std::string> vlan_texts(const VlanMatch& vlan);
/// The ICMP types of the match are those of ICMPv6.
[[nodiscard]] bool is_icmp6(const Match& match);
/// The ACTION column: "via eth2 next-hop 10.0.0.1 set dst 192.168.100.1"; replicate: "3 targets: 10.10.1.1 via eth1; ...".
[[nodiscard]] std::string action_to_string(const Rule& rule);

}  // namespace rudder
