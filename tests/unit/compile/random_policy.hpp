// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/base/topology.hpp"
#include "reference.hpp"

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

/// Policies and packets that look for trouble.
namespace rudder::test {

using Random = std::mt19937_64;

/// Uniform in [0, below).
[[nodiscard]] std::uint32_t pick(Random& random, std::uint32_t below);
/// True in `percent` of the cases.
[[nodiscard]] bool chance(Random& random, std::uint32_t percent);

enum class Shape {
    sparse,             ///< long prefixes, few overlaps
    nested,             ///< prefixes inside prefixes, all lengths
    wide,               ///< boxes narrow in one field and open in the others
    overlapping_ports,  ///< crossing source and destination port ranges
    open,               ///< mostly no condition at all
    interfaces,         ///< many devices, globs, lists, exclusions
    lists,              ///< port, prefix and DSCP lists
    vlans,              ///< packets in VLANs
    rare,               ///< the fields of RareMatch
    exclusions,         ///< `not`
    holes,              ///< `not`, of prefixes, by nearly every rule
    open_holes,         ///< likewise, of rules that match nearly everything
    mixed,              ///< a bit of everything
};

/// `count` devices eth0.. and a loopback; some with altnames.
[[nodiscard]] Topology make_topology(std::uint32_t count);
[[nodiscard]] Policy make_policy(Random& random, Shape shape, std::size_t rules, std::uint32_t devices);
/// A packet biased towards the corners of the rules: first and last values and their neighbours.
[[nodiscard]] Probe make_probe(Random& random, const Policy& policy, const Topology& topology);

}  // namespace rudder::test
