// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/report/report.hpp"

/// A small daemon at one moment, made by hand: three links, a steer, a replicate and a deferred rule, and their blob.
///
/// lo(1), eth0(2), eth1(3). Rules by rank: 0 "ef" steer eth0 -> eth1 by gateway; 1 "mc" replicate any -> eth1 and the
/// missing eth7; 2 "later" drop on the missing eth7.
[[nodiscard]] rudder::Snapshot make_snapshot();
