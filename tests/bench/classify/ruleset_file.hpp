// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/base/result.hpp"

#include "traces.hpp"

#include <string>

namespace rudder::bench {

/// A rule set from a CSV file with one heading line and the columns
/// priority,src_cidr,sport_lo,sport_hi,dst_cidr,dport_lo,dport_hi,proto,proto_mask (255: exact, 0: any).
[[nodiscard]] Result<Policy> read_ruleset(const std::string& path);

/// Headers from a file of lines "source destination sport dport protocol first_match", separated by tabs; IPv4
/// addresses decimal or dotted, first_match the index of a rule of `policy`. *Errors*: a line is malformed, or its
/// first match is another.
[[nodiscard]] Result<Trace> read_trace(const std::string& path, const Policy& policy);

}  // namespace rudder::bench
