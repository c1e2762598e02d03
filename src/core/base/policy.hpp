// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/diagnostic.hpp"
#include "core/base/net_types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// The validated policy: what a whole set of files means. A value of these types is valid by
/// construction: only `build_policy` (core/config/build_policy.hpp) makes them from user input, and the stages after it
/// (compile, plan) do not check again.
namespace rudder {

enum class Direction : std::uint8_t { ingress = 0, egress = 1 };
enum class RuleType : std::uint8_t { pass, drop, steer, replicate };

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
    std::optional<std::uint16_t> dst_port;
    std::optional<std::uint16_t> src_port;
    std::optional<std::uint8_t> dscp;
    TtlAction ttl;
    friend bool operator==(const Rewrite&, const Rewrite&) = default;
};

/// One way out of the box: the action of a steer rule, or one copy of a replicate rule.
struct Target {
    std::string via;                           ///< name or altname of the egress device
    std::optional<IpAddress> next_hop;         ///< gateway on that device; without it: the route to the destination
    std::optional<MacAddress> next_hop_mac;    ///< static link-layer address; no neighbour look-up then
    Rewrite rewrite;
    friend bool operator==(const Target&, const Target&) = default;
};

/// One rule. `original_passes` is for replicate, `failure_drops` for steer.
struct Rule {
    std::string name;
    std::uint32_t priority = 0;
    RuleType type = RuleType::pass;
    Match match;
    std::vector<Target> targets;  ///< steer: 1; replicate: 1..64; else none
    bool original_passes = false;
    bool failure_drops = false;
    Location where;               ///< of the rule's name
};

/// Same rule for the audit: equal in all but the place where it is written.
[[nodiscard]] bool is_same_rule(const Rule& a, const Rule& b);

/// All rules of the set, sorted by priority (index = rank; 0 is looked at first).
struct Policy {
    std::vector<Rule> rules;
    std::string sha256;           ///< hex; of the names and bytes of the files that made it
};

[[nodiscard]] std::string to_string(RuleType type);
[[nodiscard]] std::string to_string(Direction direction);
/// "eth0,ens*,!ens9" or "any".
[[nodiscard]] std::string to_string(const InterfaceSelector& selector);
/// The MATCH column: "dscp ef dst 10.0.0.0/8 proto udp dport 5000-5010"; "-" when everything matches.
[[nodiscard]] std::string match_to_string(const Match& match);
/// The ACTION column: "via eth2 next-hop 10.0.0.1 set dst 192.168.100.1"; replicate: "3 targets: 10.10.1.1 via eth1; ...".
[[nodiscard]] std::string action_to_string(const Rule& rule);

}  // namespace rudder
