// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "shell/os/event_loop.hpp"
#include "shell/os/unique_fd.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

struct inotify_event;

namespace rudder {

struct WatchTiming {
    std::chrono::milliseconds settle{300};   ///< quiet time after the last event
    std::chrono::milliseconds at_most{5000}; ///< after the first event, however busy the directory is
    std::chrono::seconds rescan{30};         ///< backstop for what inotify does not see (mounts, network file systems)
};

/// Tells when the configuration directories have come to rest after a change.
///
/// Watches each directory, where symbolic links on the way to it lie, the directories that links in it lead to, and,
/// for a directory that does not exist, its nearest existing parent. A file that is being written holds the verdict back
/// until it is closed. Names the loader does not read (editors' and package managers' temporary files) are not events.
/// What changed is not said: the owner reads the whole set again and compares contents.
/// *Source*: inotify(7). IN_OPEN and IN_ACCESS are left out: our own reads would raise them.
class ConfigWatcher {
public:
    /// `on_settled` is called from the loop and may run long. *Errors*: no inotify instance (EMFILE).
    static Result<std::unique_ptr<ConfigWatcher>> open(sd_event* loop, std::vector<std::string> directories,
                                                       WatchTiming timing, std::function<void()> on_settled);

    /// How often the kernel's queue overflowed. Each one leads to a full look, as any other event does.
    [[nodiscard]] std::uint64_t overflows() const { return overflows_; }

    /// Handles a buffer of inotify events as read(2) returns them; the tests' way to events that are hard to provoke.
    void handle(const char* bytes, std::size_t size);

private:
    /// A watched directory. `names`: the only entries that matter (a parent waiting for a directory); empty: those
    /// the loader reads; `all_names`: the target of a symbolic link.
    struct Watched {
        std::string path;
        std::set<std::string> names;
        bool all_names = false;
        friend bool operator==(const Watched&, const Watched&) = default;
    };
    /// By device and inode, so that a replaced directory is seen as another one.
    using WatchPlan = std::map<std::pair<std::uint64_t, std::uint64_t>, Watched>;

    ConfigWatcher(std::vector<std::string> directories, WatchTiming timing, std::function<void()> on_settled);
    Status start(sd_event* loop);
    [[nodiscard]] WatchPlan make_plan() const;
    Status watch_again();
    void refresh();
    void read_events();
    void handle_event(const inotify_event& event);
    void note_writer(const inotify_event& event, const Watched& watched);
    void settle_later();
    void settled();
    void rescan();

    sd_event* loop_ = nullptr;
    std::vector<std::string> directories_;
    WatchTiming timing_;
    std::function<void()> on_settled_;
    UniqueFd inotify_;
    std::unique_ptr<IoWatch> io_;
    std::unique_ptr<Timer> settle_timer_;
    std::unique_ptr<Timer> rescan_timer_;
    WatchPlan plan_;
    std::map<int, Watched> watched_;          ///< by watch descriptor
    std::set<std::string> being_written_;     ///< paths opened for writing and not closed yet
    std::chrono::steady_clock::time_point first_event_;
    bool is_settling_ = false;
    bool is_stale_ = false;                   ///< the watches no longer cover the directories
    std::uint64_t overflows_ = 0;
};

}  // namespace rudder
