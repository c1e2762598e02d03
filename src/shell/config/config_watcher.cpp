// SPDX-License-Identifier: Apache-2.0
#include "shell/config/config_watcher.hpp"

#include "shell/config/config_set.hpp"
#include "shell/os/os_error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

namespace rudder {
namespace {

namespace fs = std::filesystem;

// IN_MODIFY only tells that somebody is still writing.
constexpr std::uint32_t k_mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ATTRIB |
                                 IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t k_directory_gone = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT;
constexpr int k_plan_tries = 8;
constexpr std::size_t k_link_depth = 40;  // MAXSYMLINKS of the kernel

std::string name_of(const inotify_event& event) { return event.len > 0 ? std::string(event.name) : std::string(); }

/// Directories beneath `directory` in which the targets of its symbolic links live.
std::set<std::string> link_target_directories(const std::string& directory) {
    std::set<std::string> targets;
    std::error_code error;
    const std::string base = fs::canonical(directory, error).string() + "/";
    if (error) return targets;
    for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
        std::error_code unresolved;
        if (!entry->is_symlink(unresolved)) continue;
        const fs::path target = fs::canonical(entry->path(), unresolved);
        if (!unresolved && target.string().starts_with(base)) targets.insert(target.parent_path());
    }
    return targets;
}

/// Where the links on the way to `directory` lie, as directory and name: a link that is switched is no event of what it
/// leads to. Also the first part that does not exist, which a link may lead to.
std::vector<std::pair<fs::path, std::string>> link_places(const std::string& directory) {
    std::vector<std::pair<fs::path, std::string>> places;
    std::error_code error;
    const fs::path start = fs::absolute(directory, error);
    std::deque<fs::path> left(start.begin(), start.end());
    fs::path reached = "/";
    while (!left.empty() && places.size() < k_link_depth) {
        const fs::path name = left.front();
        left.pop_front();
        if (name.empty() || name == "." || name == "/") continue;
        // Nothing in `reached` is a link, so its parent is the real one.
        if (name == "..") {
            reached = reached.parent_path();
            continue;
        }
        const fs::path next = reached / name;
        const fs::file_status status = fs::symlink_status(next, error);
        if (fs::is_symlink(status) || !fs::exists(status)) places.emplace_back(reached, name);
        if (!fs::exists(status)) break;
        if (!fs::is_symlink(status)) {
            reached = next;
            continue;
        }
        const fs::path target = fs::read_symlink(next, error);
        if (target.is_absolute()) reached = "/";
        left.insert(left.begin(), target.begin(), target.end());
    }
    return places;
}

}  // namespace

ConfigWatcher::ConfigWatcher(std::vector<std::string> directories, WatchTiming timing, std::function<void()> on_settled)
    : directories_(std::move(directories)), timing_(timing), on_settled_(std::move(on_settled)) {}

Result<std::unique_ptr<ConfigWatcher>> ConfigWatcher::open(sd_event* loop, std::vector<std::string> directories,
                                                           WatchTiming timing, std::function<void()> on_settled) {
    std::unique_ptr<ConfigWatcher> watcher(new ConfigWatcher(std::move(directories), timing, std::move(on_settled)));
    if (Status status = watcher->start(loop); !status) return status.error().within("watch the configuration directories");
    return watcher;
}

Status ConfigWatcher::start(sd_event* loop) {
    loop_ = loop;
    auto settle = Timer::open(loop, [this] { settled(); });
    if (!settle) return settle.error();
    settle_timer_ = std::move(settle).value();
    auto again = Timer::open(loop, [this] { rescan(); });
    if (!again) return again.error();
    rescan_timer_ = std::move(again).value();
    rescan_timer_->start(timing_.rescan);
    return watch_again();
}

ConfigWatcher::WatchPlan ConfigWatcher::make_plan() const {
    WatchPlan plan;
    const auto add = [&plan](const fs::path& path, const std::string& name, bool all_names) {
        struct stat status {};
        if (stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return false;
        const auto [found, is_new] = plan.try_emplace({status.st_dev, status.st_ino}, Watched{path, {}, all_names});
        found->second.all_names |= all_names;
        // A directory watched for its own sake needs no list of names.
        if (name.empty()) found->second.names.clear();
        if (!name.empty() && (is_new || !found->second.names.empty())) found->second.names.insert(name);
        return true;
    };
    for (const std::string& directory : directories_) {
        fs::path path = fs::path(directory).lexically_normal();
        if (!path.has_filename()) path = path.parent_path();
        for (std::string missing; !add(path, missing, false) && path.has_relative_path(); path = path.parent_path()) {
            missing = path.filename();
        }
        for (const auto& [parent, name] : link_places(fs::path(directory).lexically_normal())) add(parent, name, false);
        for (const std::string& target : link_target_directories(directory)) add(target, {}, true);
    }
    return plan;
}

Status ConfigWatcher::watch_again() {
    io_.reset();
    inotify_.reset(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!inotify_.is_open()) return os_error("create inotify instance", errno);
    being_written_.clear();
    // A directory may appear between the look and the watch: look until two looks agree.
    for (int attempt = 0; attempt < k_plan_tries; ++attempt) {
        plan_ = make_plan();
        watched_.clear();
        for (const auto& [identity, watched] : plan_) {
            const int descriptor = inotify_add_watch(inotify_.get(), watched.path.c_str(), k_mask);
            if (descriptor >= 0) {
                watched_[descriptor] = watched;
            } else if (errno != ENOENT && errno != ENOTDIR) {
                return os_error("watch " + watched.path, errno);
            }
        }
        if (make_plan() == plan_) break;
    }
    auto io = IoWatch::open(loop_, inotify_.get(), EPOLLIN, [this](std::uint32_t) { read_events(); });
    if (!io) return io.error();
    io_ = std::move(io).value();
    return {};
}

/// Follows directories that came, went or were replaced. Failing leaves the rescan to try again.
void ConfigWatcher::refresh() {
    if (is_stale_ || make_plan() != plan_) is_stale_ = !watch_again().is_ok();
}

void ConfigWatcher::read_events() {
    alignas(inotify_event) std::array<char, 65536> buffer;
    for (;;) {
        const ssize_t got = read(inotify_.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return;
        handle(buffer.data(), static_cast<std::size_t>(got));
        // At once, so that what is written into a new directory is not missed. The events left in the old instance
        // could say no more than that the settle time runs.
        if (is_stale_) return refresh();
    }
}

void ConfigWatcher::handle(const char* bytes, std::size_t size) {
    for (std::size_t offset = 0; offset + sizeof(inotify_event) <= size;) {
        const auto* event = reinterpret_cast<const inotify_event*>(bytes + offset);
        handle_event(*event);
        offset += sizeof(inotify_event) + event->len;
    }
}

void ConfigWatcher::handle_event(const inotify_event& event) {
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
        ++overflows_;
        being_written_.clear();
        return settle_later();
    }
    const auto found = watched_.find(event.wd);
    if (found == watched_.end()) return;
    const Watched& watched = found->second;
    const std::string name = name_of(event);
    const bool is_waited_for = watched.names.contains(name);
    const bool is_read = watched.names.empty() && (watched.all_names || name.empty() || is_config_file_name(name) || name.starts_with(".."));
    const bool is_gone = (event.mask & k_directory_gone) != 0;
    if (!is_waited_for && !is_read && !is_gone) return;
    // An inode number may be used again, so that the plan alone cannot tell a new directory from a deleted one.
    is_stale_ |= is_waited_for || is_gone;
    note_writer(event, watched);
    settle_later();
}

/// A file is complete when its writer closes it; a link made under its name is complete at once.
void ConfigWatcher::note_writer(const inotify_event& event, const Watched& watched) {
    const std::string path = watched.path + "/" + name_of(event);
    if ((event.mask & IN_ISDIR) != 0) return;
    if ((event.mask & IN_MODIFY) != 0) {
        being_written_.insert(path);
    } else if ((event.mask & IN_CREATE) != 0) {
        struct stat status {};
        if (lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 1) being_written_.insert(path);
    } else if ((event.mask & (IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE)) != 0) {
        being_written_.erase(path);
    }
}

void ConfigWatcher::settle_later() {
    const auto now = std::chrono::steady_clock::now();
    if (!is_settling_) first_event_ = now;
    is_settling_ = true;
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(first_event_ + timing_.at_most - now);
    const std::chrono::microseconds wanted = being_written_.empty() ? std::chrono::microseconds(timing_.settle) : left;
    settle_timer_->start(std::max(std::chrono::microseconds(0), std::min(wanted, left)));
}

void ConfigWatcher::settled() {
    is_settling_ = false;
    being_written_.clear();
    settle_timer_->stop();
    refresh();
    on_settled_();
}

void ConfigWatcher::rescan() {
    rescan_timer_->start(timing_.rescan);
    if (!is_settling_) settled();
}

}  // namespace rudder
