// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/config/read_rule.hpp"
#include "core/config/reading.hpp"

/// Checks between the fields of one rule.
namespace rudder {

/// Decides which address families the rule can match and drops prefixes of the others. A family is stated by prefixes,
/// by address rewrites, by an IPv4 next hop (an IPv6 packet cannot have one), and, if nothing else states one, by an
/// IPv6 next hop. *Errors*: fields that contradict each other. *Source*: RFC 5549 for IPv4 packets with an IPv6 next
/// hop.
void settle_families(const Reading& reading, const RuleTables& tables, Rule& rule);

/// Port rewrites need a protocol with ports; a packet must not leave unchanged where it came in.
void check_targets(const Reading& reading, const RuleTables& tables, const Rule& rule);

}  // namespace rudder
