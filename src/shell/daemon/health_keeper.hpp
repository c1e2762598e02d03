// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/topology.hpp"
#include "core/report/report.hpp"
#include "shell/daemon/engine.hpp"
#include "shell/health/health_checks.hpp"
#include "shell/log/logger.hpp"
#include "shell/os/event_loop.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace rudder {

/// The health of the running policy's members: asked, told to the engine, and kept for the next daemon.
/// A change of health rewrites the tables of groups at once; it is no new generation.
class HealthKeeper {
public:
    /// Reads what an earlier daemon knew from `path`, and has the engine leave out who was dead: to be called before
    /// the first policy runs. *Ownership*: borrows all.
    static Result<std::unique_ptr<HealthKeeper>> open(sd_event* loop, ProbePort& port, Engine& engine, Logger& logger,
                                                      std::string path);

    /// Called after the set of dead members has changed, with what could not be written to the kernel.
    void set_on_change(std::function<void(const std::vector<Error>&)> on_change) { on_change_ = std::move(on_change); }

    /// To be called after the policy or the network may have changed.
    void follow(const Topology& topology);
    /// Writes what is known, if that is still to be done.
    void save();

    /// "1 of 4 probed members dead"; empty if none is probed.
    [[nodiscard]] std::string status_text() const;
    void describe(Snapshot& snapshot) const;

private:
    HealthKeeper(ProbePort& port, Engine& engine, Logger& logger, std::string path);
    void restore();
    void note_change();
    void arm();

    Engine& engine_;
    Logger& logger_;
    std::string path_;
    HealthChecks checks_;
    std::function<void(const std::vector<Error>&)> on_change_ = [](const std::vector<Error>&) {};
    std::unique_ptr<Timer> turn_;
    std::unique_ptr<Timer> save_;
    DeadMembers dead_;                            ///< as the engine knows them
    std::optional<std::string> followed_policy_;  ///< its sha256
    std::map<std::uint32_t, Link> followed_links_;
    bool is_saved_ = true;
    bool has_failed_ = false;  ///< the last attempt to save
};

}  // namespace rudder
