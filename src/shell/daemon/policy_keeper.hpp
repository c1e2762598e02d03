// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/daemon/control.hpp"
#include "shell/daemon/engine.hpp"
#include "shell/daemon/policy_load.hpp"
#include "shell/log/audit.hpp"
#include "shell/log/logger.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace rudder {

/// What became of the loads so far, for the status reports.
struct LoadRecord {
    Diagnostics last_diagnostics;
    bool last_accepted = true;
    std::uint64_t last_unix_us = 0;
    LoadTimes last_times;
    std::uint64_t accepted = 0;
    std::uint64_t rejected = 0;
    std::uint64_t published_unix_us = 0;
    std::vector<ReportFile> files;  ///< of the last accepted set
};

/// The daemon's two verbs. `reload` reads and judges the whole set and then reconciles; `reconcile` follows the
/// network. Both change everything or nothing, and say so in the journal, once for each reason.
class PolicyKeeper {
public:
    PolicyKeeper(ConfigSetOptions set, bool allow_empty, Engine& engine, Logger& logger);

    ReloadVerdict reload(const ReloadRequest& request);
    /// A hint that files may have changed: as reload, but the bytes judged last are not judged again.
    void rescan();
    void reconcile();
    /// Puts back hooks that vanished from the kernel.
    void repair();

    /// The last attempt left something undone: call reconcile again after a while.
    [[nodiscard]] bool needs_retry() const { return needs_retry_; }
    /// "running" or "degraded".
    [[nodiscard]] std::string state() const;
    /// One line for `systemctl status`.
    [[nodiscard]] std::string status_text() const;
    [[nodiscard]] const LoadRecord& record() const { return record_; }

private:
    ReloadVerdict take(ConfigSet set, std::uint64_t read_us, const ReloadRequest& request);
    void refuse_to_become_empty(PolicyLoad& load) const;
    ReloadVerdict reject(const PolicyLoad& load, const ReloadRequest& request);
    ReloadVerdict accept(PolicyLoad load, const ReloadRequest& request);
    void note_times(const LoadTimes& times);
    void note_outcome(const Engine::Outcome& outcome);
    void note_warnings(const std::vector<Error>& warnings);
    void note_waits();
    void log_generation(const Engine::Outcome& outcome);

    ConfigSetOptions set_;
    bool allow_empty_;
    Engine& engine_;
    Logger& logger_;
    LoadRecord record_;
    std::string reported_rejection_;  ///< the findings last logged, so that a rescan does not repeat them
    std::string judged_sha256_;       ///< of the set judged last; empty if it could not be read as a whole
    std::string failure_;             ///< why the wanted policy is not applied; empty if it is
    std::set<std::string> warnings_;  ///< of the last attempt, so that a retry does not repeat them
    Waits waits_;                     ///< of the running generation, as last logged
    BondPorts bond_ports_;            ///< of the running generation, as last logged
    bool needs_retry_ = false;
};

}  // namespace rudder
