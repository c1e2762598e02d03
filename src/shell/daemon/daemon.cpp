// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/daemon.hpp"

#include "shell/config/config_watcher.hpp"
#include "shell/daemon/health_keeper.hpp"
#include "shell/daemon/log_replay.hpp"
#include "shell/daemon/multicast_keeper.hpp"
#include "shell/daemon/notify.hpp"
#include "shell/daemon/policy_keeper.hpp"
#include "shell/daemon/self_check.hpp"
#include "shell/daemon/snapshot.hpp"
#include "shell/health/net_raw.hpp"
#include "shell/health/probe_sockets.hpp"
#include "shell/kernel/bpf_kernel.hpp"
#include "shell/log/events.hpp"
#include "shell/log/spool_logger.hpp"
#include "shell/log/wording.hpp"
#include "shell/net/netlink_monitor.hpp"
#include "shell/os/os_error.hpp"
#include "shell/status/status_interface.hpp"
#include "shell/status/varlink_server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <set>
#include <systemd/sd-event.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace rudder {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds k_audit_interval = 10s;
constexpr std::chrono::microseconds k_first_retry = 1s;
constexpr std::chrono::microseconds k_longest_retry = 60s;
constexpr std::chrono::microseconds k_ready_retry = 1s;
constexpr std::size_t k_kernel_messages = 1000;
constexpr mode_t k_control_mode = 0660;
constexpr mode_t k_status_mode = 0666;

class MonitorTopology final : public TopologySource {
public:
    explicit MonitorTopology(NetlinkMonitor& monitor) : monitor_(monitor) {}
    [[nodiscard]] const Topology& topology() const override { return monitor_.topology(); }
    Status watch(const std::vector<NextHopQuery>& queries) override { return monitor_.watch(queries); }

private:
    NetlinkMonitor& monitor_;
};

/// An error together with what the process says about it to its parent.
struct Failure {
    ExitCode exit_code = ExitCode::internal;
    Error error;
};

std::uint64_t unix_us() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

/// Everything that lives as long as the daemon, in the order of its creation: what comes later uses what comes before.
class Daemon {
public:
    Daemon(const DaemonOptions& options, const Settings& settings, SpoolLogger& logger)
        : options_(options), settings_(settings), logger_(logger) {}

    ExitCode run() {
        std::optional<Failure> failure = start();
        if (!failure) {
            log(Priority::info, event::k_started, "rudderd " RUDDER_VERSION " is running: " + keeper_->status_text());
            const int result = sd_event_loop(loop_.get());
            if (result < 0) failure = Failure{ExitCode::internal, os_error("event loop", result)};
        }
        log_kernel_messages();
        if (failure) log(Priority::error, event::k_start_failed, failure->error.message);
        stop();
        return failure ? failure->exit_code : ExitCode::ok;
    }

private:
    std::optional<Failure> start() {
        lower_net_raw();
        if (const std::string missing = missing_capabilities(); !missing.empty()) {
            return Failure{ExitCode::no_permission, {"this process lacks " + missing + "; run it as root or by the systemd unit", EPERM}};
        }
        for (const auto step : {&Daemon::open_runtime, &Daemon::open_loop, &Daemon::open_kernel, &Daemon::open_network, &Daemon::open_watches, &Daemon::open_sockets}) {
            if (Status status = (this->*step)(); !status) return to_failure(status.error());
        }
        return publish_first();
    }

    static Failure to_failure(const Error& error) {
        const bool is_permission = error.code == EPERM || error.code == EACCES;
        return {is_permission ? ExitCode::no_permission : ExitCode::internal, error};
    }

    Status open_runtime() { return keep(lock_, lock_runtime_directory(options_.runtime_directory)); }

    Status open_loop() {
        if (Status status = keep(loop_, new_event_loop()); !status) return status;
        const auto end = [this] { (void)sd_event_exit(loop_.get(), 0); };
        for (const int signal : {SIGTERM, SIGINT}) {
            auto watch = SignalWatch::open(loop_.get(), signal, end);
            if (!watch) return watch.error();
            signals_.push_back(std::move(watch).value());
        }
        auto hangup = SignalWatch::open(loop_.get(), SIGHUP, [this] { (void)reload_and_notify({}); });
        if (!hangup) return hangup.error();
        signals_.push_back(std::move(hangup).value());
        return keep(log_replay_, LogReplay::open(loop_.get(), logger_, [this] { (void)notify::status(status_text()); }));
    }

    Status open_kernel() {
        BpfKernelOptions kernel_options;
        kernel_options.attachment = settings_.attachment;
        kernel_options.log = [this](LibbpfLevel level, std::string_view text) { keep_kernel_message(level, text); };
        const Result<int> leftovers = BpfKernel::remove_leftovers(kernel_options);
        if (!leftovers) return leftovers.error().within("remove what an earlier daemon left");
        if (*leftovers > 0) log(Priority::warning, event::k_leftovers, fmt::format("removed {} that a killed rudderd left", counted(static_cast<std::size_t>(*leftovers), "filter")));
        return keep(kernel_, BpfKernel::open(std::move(kernel_options)));
    }

    Status open_network() {
        if (Status status = keep(monitor_, NetlinkMonitor::open(loop_.get(), [this] { network_changed(); })); !status) return status;
        topology_.emplace(*monitor_);
        engine_.emplace(*kernel_, *topology_);
        // What cannot be written is tried again, and told, by the reconcile that follows.
        monitor_->set_on_loss([this](const std::set<std::uint32_t>& devices) { (void)engine_->follow_devices(devices); });
        keeper_.emplace(options_.set, settings_.allow_empty, *engine_, logger_);
        multicast_.emplace(*kernel_, *engine_, logger_);
        probes_.emplace(loop_.get());
        Status status = keep(health_, HealthKeeper::open(loop_.get(), *probes_, *engine_, logger_, health_file_path(options_.runtime_directory)));
        if (status) health_->set_on_change([this](const std::vector<Error>& failures) { health_changed(failures); });
        return status;
    }

    /// The watcher starts before the first load, so that no change falls between the two.
    Status open_watches() {
        warn_of_missing_directories();
        WatchTiming timing;
        timing.settle = settings_.settle;
        Status status = keep(watcher_, ConfigWatcher::open(loop_.get(), options_.set.directories, timing, [this] { files_changed(); }));
        if (status) status = keep(retry_, Timer::open(loop_.get(), [this] { retry(); }));
        if (status) status = keep(audit_, Timer::open(loop_.get(), [this] { audit(); }));
        if (status) status = keep(ready_, Timer::open(loop_.get(), [this] { tell_ready(); }));
        if (status) status = keep(watchdog_, Timer::open(loop_.get(), [this] { feed_watchdog(); }));
        return status;
    }

    void warn_of_missing_directories() {
        if (!options_.set.are_directories_named) return;
        for (const std::string& directory : options_.set.directories) {
            if (::access(directory.c_str(), F_OK) == 0 || errno != ENOENT) continue;
            logger_.log({Priority::warning, event::k_diagnostic, directory + ": warning[F001]: the directory of --config-dir does not exist",
                         {{"FILE", directory}, {"LINE", "0"}, {"REASON", "F001"}}});
        }
    }

    Status open_sockets() {
        Status status = keep(control_, VarlinkServer::open(loop_.get(), control_socket_path(options_.runtime_directory), k_control_mode, control_interface(), [this](const varlink::Call& call) {
            return answer_control(call, [this](const ReloadRequest& request) { return reload_and_notify(request); });
        }));
        if (status) {
            status = keep(status_, VarlinkServer::open(loop_.get(), status_socket_path(options_.runtime_directory), k_status_mode, status_interface(), [this](const varlink::Call& call) {
                return answer_status(call, [this] { return snapshot(); });
            }, {.lets_others_first = true}));
        }
        return status;
    }

    std::optional<Failure> publish_first() {
        facts_.started_unix_us = unix_us();
        facts_.directories = options_.set.directories;
        const ReloadVerdict verdict = keeper_->reload({});
        if (verdict.exit_code != ExitCode::ok) return Failure{verdict.exit_code, {verdict.summary, 0}};
        if (Status status = engine_->verify(); !status) return to_failure(status.error());
        audit_->start(k_audit_interval);
        follow();
        arm_retry();
        if (const auto timeout = notify::watchdog_timeout()) watchdog_->start(*timeout / 2);
        tell_ready();
        log_kernel_messages();
        return std::nullopt;
    }

    ReloadVerdict reload_and_notify(const ReloadRequest& request) {
        (void)notify::reloading();
        ReloadVerdict verdict = keeper_->reload(request);
        health_->follow(monitor_->topology());  // the status names it
        tell_ready();
        follow();
        log_kernel_messages();
        arm_retry();
        return verdict;
    }

    /// Said while a generation is being staged: a journal that does not read must not hold that up.
    void keep_kernel_message(LibbpfLevel level, std::string_view text) {
        const Priority priority = level == LibbpfLevel::warning ? Priority::warning : Priority::debug;
        if (kernel_messages_.size() == k_kernel_messages || priority > settings_.log_level) return;
        kernel_messages_.push_back({priority, event::k_kernel_message, "libbpf: " + std::string(text), {}});
    }

    void log_kernel_messages() {
        for (const LogEntry& entry : std::exchange(kernel_messages_, {})) logger_.log(entry);
    }

    void tell_ready() {
        if (!notify::ready(status_text())) ready_->start(k_ready_retry);
    }

    std::string status_text() const {
        const LogDelivery log = logger_.delivery();
        std::string text = keeper_ ? keeper_->status_text() : "Starting";
        if (const std::string health = health_ ? health_->status_text() : ""; !health.empty()) text += "; " + health;
        if (!log.is_degraded) return text;
        return fmt::format("{}; audit degraded: {} wait, {} lost ({})", text, counted(log.waiting, "log entry", "log entries"), log.lost, log.reason);
    }

    void files_changed() {
        if (watcher_->overflows() != facts_.inotify_overflows) {
            facts_.inotify_overflows = watcher_->overflows();
            log(Priority::warning, event::k_overflow, "the inotify queue overflowed; the whole set is read again");
        }
        keeper_->rescan();
        after_change();
    }

    void network_changed() {
        // A device that went took our program along, even if another one has its number now.
        const bool has_resynced = monitor_->resyncs() != facts_.netlink_resyncs;
        if (has_resynced) log(Priority::warning, event::k_overflow, "netlink events were lost; everything was asked again");
        facts_.netlink_resyncs = monitor_->resyncs();
        const std::set<std::uint32_t> removed = monitor_->take_removed_links();
        if (!removed.empty() || has_resynced) keeper_->repair();
        keeper_->reconcile();
        multicast_->follow(monitor_->topology().links, removed);
        after_change();
    }

    void retry() {
        keeper_->reconcile();
        after_change();
    }

    /// Finds what nobody tells: programs removed by hand.
    void audit() {
        audit_->start(k_audit_interval);
        keeper_->repair();
        multicast_->look(monitor_->topology().links);
        after_change();
    }

    /// What cannot be written is tried again, and told, by reconcile.
    void health_changed(const std::vector<Error>& failures) {
        if (!failures.empty()) keeper_->reconcile();
        arm_retry();
        (void)notify::status(status_text());
    }

    void follow() {
        multicast_->follow(monitor_->topology().links, {});
        health_->follow(monitor_->topology());
    }

    void after_change() {
        follow();
        (void)notify::status(status_text());
        log_kernel_messages();
        arm_retry();
    }

    void arm_retry() {
        if (!keeper_->needs_retry()) {
            retry_delay_ = k_first_retry;
            return retry_->stop();
        }
        if (retry_->is_running()) return;
        retry_->start(retry_delay_);
        retry_delay_ = std::min(retry_delay_ * 2, k_longest_retry);
    }

    /// Only a daemon whose loop turns and whose kernel state is as recorded is alive.
    void feed_watchdog() {
        const auto timeout = notify::watchdog_timeout();
        if (!timeout) return;
        watchdog_->start(*timeout / 2);
        const Status status = engine_->verify();
        const SelfCheck::Verdict verdict = self_check_.note(status.is_ok());
        if (verdict.is_news) log(Priority::error, event::k_check_failed, status.error().message);
        if (verdict.is_alive) (void)notify::watchdog();
    }

    Snapshot snapshot() {
        facts_.netlink_resyncs = monitor_->resyncs();
        facts_.inotify_overflows = watcher_->overflows();
        facts_.log = logger_.delivery();
        Snapshot snapshot = take_snapshot(*kernel_, *engine_, monitor_->topology(), *keeper_, facts_);
        multicast_->describe(snapshot);
        health_->describe(snapshot);
        return snapshot;
    }

    void stop() {
        (void)notify::stopping();
        if (health_) health_->save();
        if (!engine_ || engine_->applied().hooks.empty()) return;
        const std::size_t hooks = engine_->applied().hooks.size();
        if (Status status = engine_->detach_all(); !status) log(Priority::error, event::k_apply_failed, status.error().within("detach").message);
        log(Priority::info, event::k_stopping, "stopped: detached from " + counted(hooks - engine_->applied().hooks.size(), "hook"));
    }

    void log(Priority priority, const EventKind& kind, std::string message,
             SourcePlace where = SourcePlace::current()) {
        logger_.log({priority, kind, std::move(message), {}, where});
    }

    template <class T>
    static Status keep(T& place, Result<T> result) {
        if (!result) return result.error();
        place = std::move(result).value();
        return {};
    }

    const DaemonOptions& options_;
    const Settings& settings_;
    SpoolLogger& logger_;
    std::vector<LogEntry> kernel_messages_;  // until log_kernel_messages()
    UniqueFd lock_;
    EventLoop loop_;
    std::vector<std::unique_ptr<SignalWatch>> signals_;
    std::unique_ptr<LogReplay> log_replay_;
    std::unique_ptr<BpfKernel> kernel_;
    std::unique_ptr<NetlinkMonitor> monitor_;
    std::optional<MonitorTopology> topology_;
    std::optional<Engine> engine_;
    std::optional<PolicyKeeper> keeper_;
    std::optional<MulticastKeeper> multicast_;
    std::optional<ProbeSockets> probes_;
    std::unique_ptr<HealthKeeper> health_;
    std::unique_ptr<ConfigWatcher> watcher_;
    std::unique_ptr<Timer> retry_;
    std::unique_ptr<Timer> audit_;
    std::unique_ptr<Timer> ready_;
    std::unique_ptr<Timer> watchdog_;
    SelfCheck self_check_;
    std::unique_ptr<VarlinkServer> control_;
    std::unique_ptr<VarlinkServer> status_;
    DaemonFacts facts_;
    std::chrono::microseconds retry_delay_ = k_first_retry;
};

/// Before anything else, so that a signal during start is handled by the loop.
void block_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace

ExitCode run_daemon(const DaemonOptions& options) {
    block_signals();
    const SettingsLoad load = load_settings(options.settings_path);
    if (load.diagnostics.has_errors()) {
        fmt::print(stderr, "{}", render_text(load.diagnostics, load.sources, false));
        return ExitCode::configuration;
    }
    SpoolOptions log_options;
    log_options.least = load.settings.log_level;
    SpoolLogger logger(default_log_sink(), std::move(log_options));
    return Daemon(options, load.settings, logger).run();
}

ExitCode clean_up(const std::string& runtime_directory) {
    // Without the directory no daemon runs; it is not created for this.
    const bool has_directory = ::access(runtime_directory.c_str(), F_OK) == 0;
    const Result<UniqueFd> lock = has_directory ? lock_runtime_directory(runtime_directory) : Result<UniqueFd>(UniqueFd());
    const Result<int> removed = lock ? BpfKernel::remove_leftovers({}) : Result<int>(lock.error());
    if (removed) {
        fmt::print("removed {} filters\n", *removed);
        return ExitCode::ok;
    }
    fmt::print(stderr, "rudderd: {}\n", removed.error().message);
    return removed.error().code == EPERM || removed.error().code == EACCES ? ExitCode::no_permission : ExitCode::internal;
}

}  // namespace rudder
