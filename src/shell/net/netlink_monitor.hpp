// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/base/topology.hpp"
#include "shell/net/address_table.hpp"
#include "shell/net/link_table.hpp"
#include "shell/net/netlink_socket.hpp"
#include "shell/net/next_hop_watch.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

struct sd_event;
struct sd_event_source;

namespace rudder {

/// *Units*: microseconds; bytes as SO_RCVBUFFORCE takes them.
struct NetlinkOptions {
    netlink::Microseconds settle = 20'000;            ///< from the first event to looking again
    netlink::Microseconds resync_interval = 200'000;  ///< least time between two resyncs
    netlink::Microseconds failure_pause = 1'000'000;  ///< before another try when the kernel did not answer
    netlink::RetryTimes retry;
    int event_buffer_bytes = 8 * 1024 * 1024;
};

/// Keeps a Topology true to the kernel of this network namespace: rtnetlink in, plain data out.
///
/// Events only say where to look again. What is dirty is asked once per settle window, and a window opens no
/// earlier than four times the cost of the last one after it: storms of any size take at most a fifth of a CPU beyond
/// reading them. Lost events (ENOBUFS) make everything dirty.
class NetlinkMonitor {
public:
    /// Opens the sockets, joins the link, address, neighbour, route, rule and next-hop groups, lists the links
    /// and hangs on `loop`. `on_change` runs from the loop, at most once per settle window, when the topology differs, a
    /// device was replaced or events were lost; it may call watch(). *Ownership*: takes a reference on `loop`.
    [[nodiscard]] static Result<std::unique_ptr<NetlinkMonitor>> open(sd_event* loop, std::function<void()> on_change,
                                                                      const NetlinkOptions& options = {});
    /// Called from the loop with devices as soon as events say that they lost their carrier, were set down or went, or that a
    /// neighbour on them failed, ahead of the settle window: topology() says so then. What they really are comes with the
    /// next on_change, which follows in any case.
    void set_on_loss(std::function<void(const std::set<std::uint32_t>&)> on_loss) { on_loss_ = std::move(on_loss); }

    /// Gives up the neighbours kept resolved.
    ~NetlinkMonitor();
    NetlinkMonitor(const NetlinkMonitor&) = delete;
    NetlinkMonitor& operator=(const NetlinkMonitor&) = delete;

    /// The links with their addresses, and the answers to the watched questions.
    [[nodiscard]] const Topology& topology() const { return topology_; }

    /// Sets the next-hop questions. On return topology().next_hops answers exactly these, as the kernel has it now
    /// (links stay as they were, but for those that go down, so that a compilation sees one set of them). A neighbour not
    /// known yet is asked for, kept resolved from then on, and reported by on_change. *Errors*: the kernel did not answer; questions it did
    /// not answer have their last or no answer, and are asked again later. *Blocking*: some system calls per new question.
    Status watch(const std::vector<NextHopQuery>& queries);

    /// Known devices that went since the last call (deleted or moved away), also where another device has taken the ifindex
    /// since: what was attached to them is gone. Not complete when resyncs() has grown.
    [[nodiscard]] std::set<std::uint32_t> take_removed_links() { return links_.take_removed(); }

    /// How often events were lost and everything was asked again.
    [[nodiscard]] std::uint64_t resyncs() const { return resyncs_; }
    /// Why the kernel's last conversation failed; empty while it answers.
    [[nodiscard]] const std::optional<Error>& last_error() const { return last_error_; }

private:
    struct SourceDeleter {
        void operator()(sd_event_source* source) const;
    };
    using Source = std::unique_ptr<sd_event_source, SourceDeleter>;

    NetlinkMonitor(netlink::EventSocket events, netlink::RequestSocket requests, std::function<void()> on_change,
                   const NetlinkOptions& options);
    [[nodiscard]] Status hang_on(sd_event* loop);
    [[nodiscard]] bool read_events(unsigned datagrams);
    void note(const netlink::Message& message);
    void note_link_down(const netlink::Message& message);
    void note_neighbour_failed(const netlink::Neighbour& neighbour);
    void tell_losses();
    void settle();
    [[nodiscard]] bool is_dirty() const;
    [[nodiscard]] Status refresh();
    [[nodiscard]] Status refresh_links(std::set<std::uint32_t>& changed);
    [[nodiscard]] Status refresh_next_hops();
    void recover(const Status& status);
    void arm_settle();
    void arm_retry();

    NetlinkOptions options_;
    std::function<void()> on_change_;
    std::function<void(const std::set<std::uint32_t>&)> on_loss_;
    netlink::EventSocket events_;
    netlink::RequestSocket requests_;
    netlink::LinkTable links_;
    netlink::AddressTable addresses_;
    netlink::NextHopWatch next_hops_;
    Topology topology_;
    std::set<std::uint32_t> changed_links_;  ///< not yet reported by on_change
    bool has_lost_events_ = false;
    std::set<std::uint32_t> lost_;           ///< devices with a loss since the last settle
    bool has_untold_loss_ = false;
    bool is_settle_armed_ = false;
    netlink::Microseconds not_before_ = 0;   ///< of the next settle
    netlink::Microseconds next_resync_ = 0;
    std::uint64_t resyncs_ = 0;
    std::optional<Error> last_error_;
    Source event_source_;
    Source settle_timer_;
    Source retry_timer_;
};

}  // namespace rudder
