// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/diagnostic.hpp"
#include "core/base/policy.hpp"
#include "shell/log/logger.hpp"

#include <cstddef>
#include <cstdint>

/// The audit trail: what each load did to the rules. *Shape*: one entry for each thing changed, at most
/// `k_audit_entries`, then one summary that counts all of them.
namespace rudder {

inline constexpr std::size_t k_audit_entries = 1000;

struct PolicyDifference {
    std::vector<const Rule*> added;    ///< into `after`
    std::vector<const Rule*> removed;  ///< into `before`
    std::vector<const Rule*> changed;  ///< into `after`
};

/// By name. *Ownership*: points into both policies.
[[nodiscard]] PolicyDifference difference(const Policy& before, const Policy& after);

/// To be called after the publish, so that the log never holds it up.
void log_published(Logger& logger, const Policy& before, const Policy& after, std::uint64_t generation);

/// A set that was refused: its findings and the summary.
void log_rejected(Logger& logger, const Diagnostics& diagnostics, const std::string& sha256, std::uint64_t running_generation);

}  // namespace rudder
