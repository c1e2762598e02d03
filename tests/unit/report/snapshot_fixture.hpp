// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/report/report.hpp"

#include <nlohmann/json_fwd.hpp>

#include <memory>

/// A small daemon at one moment, made by hand: three links, a steer, a replicate and a deferred rule, and their blob.
///
/// lo(1), eth0(2), eth1(3). Rules by rank: 0 "ef" steer eth0 -> eth1 by gateway; 1 "mc" replicate any -> eth1 and the
/// missing eth7; 2 "later" drop on the missing eth7.
[[nodiscard]] rudder::Snapshot make_snapshot();

/// A copy of what is shared, to be changed; it takes its place.
template <class T>
T& edit(std::shared_ptr<const T>& shared) {
    const auto copy = std::make_shared<T>(*shared);
    shared = copy;
    return *copy;
}

using ReportFunction = rudder::Document (*)(const rudder::SharedSnapshot&);
/// All of the document.
[[nodiscard]] std::string text_of(ReportFunction report, const rudder::Snapshot& snapshot);
[[nodiscard]] nlohmann::json read(ReportFunction report, const rudder::Snapshot& snapshot);
