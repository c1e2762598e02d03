// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/net/netlink_monitor.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace rudder::test {

/// A fresh network namespace, with a loop and a monitor in it. Leaves nothing behind: the namespace ends with the
/// next Sandbox or the process.
class Sandbox {
public:
    explicit Sandbox(const std::vector<std::string>& ip_commands = {}, const NetlinkOptions& options = {});
    ~Sandbox();
    Sandbox(const Sandbox&) = delete;
    Sandbox& operator=(const Sandbox&) = delete;

    [[nodiscard]] NetlinkMonitor& monitor() { return *monitor_; }
    [[nodiscard]] const Topology& topology() const { return monitor_->topology(); }
    [[nodiscard]] const Link* link(const std::string& name) const { return find_link(topology(), name); }
    [[nodiscard]] const NextHopAnswer& answer(const NextHopQuery& query) const { return topology().next_hops.at(query); }
    [[nodiscard]] unsigned changes() const { return changes_; }
    void forget_changes() { changes_ = 0; }

    /// Runs the loop until it holds; false after a generous time.
    [[nodiscard]] bool eventually(const std::function<bool()>& holds);
    /// Runs the loop for so long.
    void run_for(std::uint64_t microseconds);
    void close_monitor() { monitor_.reset(); }
    void open_monitor(const NetlinkOptions& options = {});
    void on_change(std::function<void()> more) { on_change_ = std::move(more); }

private:
    sd_event* loop_ = nullptr;
    std::unique_ptr<NetlinkMonitor> monitor_;
    std::function<void()> on_change_;
    unsigned changes_ = 0;
};

/// Runs `ip <arguments>` and requires that it succeeds.
void ip(const std::string& arguments);
/// Runs `ip -batch` on these lines.
void ip_batch(const std::string& lines);
/// The output of `ip <arguments>`.
[[nodiscard]] std::string ip_output(const std::string& arguments);
[[nodiscard]] std::uint32_t ifindex_of(const std::string& name);
[[nodiscard]] IpAddress address(const std::string& text);
[[nodiscard]] MacAddress mac(const std::string& text);
/// What `ip -j address` says, as the monitor should have it.
[[nodiscard]] std::map<std::uint32_t, Link> links_by_ip();
[[nodiscard]] std::uint64_t monotonic_now();

}  // namespace rudder::test
