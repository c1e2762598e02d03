// SPDX-License-Identifier: Apache-2.0
#include "shell/net/netlink_monitor.hpp"

#include <linux/rtnetlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace rudder {

namespace {

using netlink::Microseconds;

/// Datagrams read in one turn, so that the loop's other sources get theirs in a storm.
constexpr unsigned k_datagrams_per_turn = 256;
/// Turns that watch() reads before it answers in spite of an endless storm.
constexpr unsigned k_turns_before_answer = 64;
/// A settle window opens no earlier than this many times the cost of the last one after it.
constexpr Microseconds k_rest_factor = 4;
constexpr Microseconds k_timer_accuracy = 1'000;

Microseconds monotonic_now() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<Microseconds>(now.tv_sec) * 1'000'000 + static_cast<Microseconds>(now.tv_nsec) / 1'000;
}

Error event_error(const std::string& operation, int rc) { return {operation + ": " + std::strerror(-rc), -rc}; }

void arm(sd_event_source* timer, Microseconds at) {
    (void)sd_event_source_set_time(timer, at);
    (void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

}  // namespace

void NetlinkMonitor::SourceDeleter::operator()(sd_event_source* source) const {
    sd_event_source_disable_unref(source);
}

NetlinkMonitor::NetlinkMonitor(netlink::EventSocket events, netlink::RequestSocket requests,
                               std::function<void()> on_change, const NetlinkOptions& options)
    : options_(options),
      on_change_(std::move(on_change)),
      events_(std::move(events)),
      requests_(std::move(requests)),
      next_hops_(options.retry) {}

NetlinkMonitor::~NetlinkMonitor() { next_hops_.release_all(requests_); }

Result<std::unique_ptr<NetlinkMonitor>> NetlinkMonitor::open(sd_event* loop, std::function<void()> on_change,
                                                             const NetlinkOptions& options) {
    // Listen first, list then: nothing can happen unheard in between.
    auto events = netlink::EventSocket::open(options.event_buffer_bytes);
    if (!events) return events.error().within("listen to rtnetlink");
    auto requests = netlink::RequestSocket::open();
    if (!requests) return requests.error().within("open rtnetlink");
    std::unique_ptr<NetlinkMonitor> monitor(new NetlinkMonitor(std::move(events).value(), std::move(requests).value(),
                                                               std::move(on_change), options));
    if (auto status = monitor->hang_on(loop); !status) return status.error();
    if (auto status = monitor->refresh(); !status) return status.error();
    monitor->changed_links_.clear();
    if (monitor->is_dirty()) monitor->arm_settle();
    return monitor;
}

Status NetlinkMonitor::hang_on(sd_event* loop) {
    const auto on_events = [](sd_event_source*, int, std::uint32_t, void* self) {
        auto* monitor = static_cast<NetlinkMonitor*>(self);
        (void)monitor->read_events(k_datagrams_per_turn);
        monitor->tell_losses();
        return 0;
    };
    const auto on_settle = [](sd_event_source*, std::uint64_t, void* self) {
        static_cast<NetlinkMonitor*>(self)->settle();
        return 0;
    };
    const auto on_retry = [](sd_event_source*, std::uint64_t, void* self) {
        auto* monitor = static_cast<NetlinkMonitor*>(self);
        monitor->next_hops_.mark_due(monotonic_now());
        monitor->settle();
        return 0;
    };
    sd_event_source* source = nullptr;
    if (const int rc = sd_event_add_io(loop, &source, events_.descriptor(), EPOLLIN, on_events, this); rc < 0) {
        return event_error("watch the netlink socket", rc);
    }
    event_source_.reset(source);
    int rc = sd_event_add_time(loop, &source, CLOCK_MONOTONIC, 0, k_timer_accuracy, on_settle, this);
    if (rc < 0) return event_error("add the settle timer", rc);
    settle_timer_.reset(source);
    (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
    rc = sd_event_add_time(loop, &source, CLOCK_MONOTONIC, 0, k_timer_accuracy, on_retry, this);
    if (rc < 0) return event_error("add the neighbour timer", rc);
    retry_timer_.reset(source);
    (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
    return {};
}

/// Returns whether there may be more to read.
bool NetlinkMonitor::read_events(unsigned datagrams) {
    auto outcome = events_.drain(datagrams, [this](const netlink::Message& message) { note(message); });
    if (!outcome) last_error_ = outcome.error();
    if (!outcome || *outcome == netlink::EventSocket::Outcome::overflow) {
        has_lost_events_ = true;
        arm_settle();
    }
    return outcome && *outcome == netlink::EventSocket::Outcome::more;
}

void NetlinkMonitor::note(const netlink::Message& message) {
    bool is_relevant = false;
    switch (message.type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
            links_.note(message);
            note_link_down(message);
            is_relevant = true;
            break;
        case RTM_NEWNEIGH:
        case RTM_DELNEIGH:
            if (const auto entry = netlink::parse_neighbour(message.payload)) {
                is_relevant = next_hops_.note_neighbour(*entry);
                note_neighbour_failed(*entry);
            }
            break;
        case RTM_NEWADDR:
        case RTM_DELADDR:
            if (const auto ifindex = netlink::parse_address_ifindex(message.payload)) {
                addresses_.note(*ifindex);
                (void)next_hops_.note_link(*ifindex);
            }
            (void)next_hops_.note_routes();
            is_relevant = true;
            break;
        default: is_relevant = next_hops_.note_routes(); break;
    }
    if (is_relevant) arm_settle();
}

/// Only losses are told ahead, and once: being late costs packets there.
void NetlinkMonitor::note_link_down(const netlink::Message& message) {
    const auto identity = netlink::link_identity(message.payload);
    if (!identity || identity->first != AF_UNSPEC) return;
    const auto known = topology_.links.find(identity->second);
    if (known == topology_.links.end() || !known->second.is_up) return;
    const auto said = message.type == RTM_NEWLINK ? netlink::parse_link(message.payload) : std::nullopt;
    if (said && said->is_up) return;
    known->second.is_up = false;
    lost_.insert(known->first);
    has_untold_loss_ = true;
}

void NetlinkMonitor::note_neighbour_failed(const netlink::Neighbour& neighbour) {
    if (!next_hops_.note_failed(neighbour, topology_.next_hops)) return;
    lost_.insert(neighbour.ifindex);
    has_untold_loss_ = true;
}

void NetlinkMonitor::tell_losses() {
    if (std::exchange(has_untold_loss_, false) && on_loss_) on_loss_(lost_);
}

void NetlinkMonitor::arm_settle() {
    if (is_settle_armed_) return;
    Microseconds at = std::max(monotonic_now() + options_.settle, not_before_);
    if (has_lost_events_) at = std::max(at, next_resync_);
    arm(settle_timer_.get(), at);
    is_settle_armed_ = true;
}

void NetlinkMonitor::arm_retry() {
    if (const auto at = next_hops_.next_retry()) {
        arm(retry_timer_.get(), std::max(*at, not_before_));
    } else {
        (void)sd_event_source_set_enabled(retry_timer_.get(), SD_EVENT_OFF);
    }
}

void NetlinkMonitor::settle() {
    is_settle_armed_ = false;
    (void)sd_event_source_set_enabled(settle_timer_.get(), SD_EVENT_OFF);
    const Microseconds start = monotonic_now();
    const bool is_resync = has_lost_events_ && start >= next_resync_;
    if (is_resync) {
        has_lost_events_ = false;
        links_.mark_all();
        addresses_.mark_all();
        next_hops_.mark_all();
        ++resyncs_;
        next_resync_ = start + options_.resync_interval;
    }
    const auto next_hops_before = topology_.next_hops;
    const Status status = refresh();
    const Microseconds end = monotonic_now();
    not_before_ = end + k_rest_factor * (end - start);
    recover(status);
    if (is_dirty() || next_hops_.is_dirty() || has_lost_events_) arm_settle();
    arm_retry();
    // Among lost events may have been the replacement of a device by an equal one.
    const bool has_changed =
        is_resync || !lost_.empty() || !changed_links_.empty() || topology_.next_hops != next_hops_before;
    changed_links_.clear();
    lost_.clear();
    if (has_changed) on_change_();
}

bool NetlinkMonitor::is_dirty() const { return links_.is_dirty() || addresses_.is_dirty(); }

Status NetlinkMonitor::refresh_links(std::set<std::uint32_t>& changed) {
    if (auto status = links_.refresh(requests_, changed); !status) return status;
    // A new device under a known number has other addresses.
    for (const std::uint32_t ifindex : changed) addresses_.note(ifindex);
    return addresses_.refresh(requests_, changed);
}

Status NetlinkMonitor::refresh() {
    std::set<std::uint32_t> changed;
    const Status status = refresh_links(changed);
    topology_.links = links_.links();
    for (auto& [ifindex, link] : topology_.links) {
        const auto found = addresses_.addresses().find(ifindex);
        if (found != addresses_.addresses().end()) link.addresses = found->second;
    }
    for (const std::uint32_t ifindex : changed) (void)next_hops_.note_link(ifindex);
    // Routes can change with a device, without an event of their own: its carrier, its VRF, its address family.
    if (!changed.empty()) (void)next_hops_.note_routes();
    changed_links_.merge(changed);
    if (!status) return status;
    return next_hops_.is_dirty() ? refresh_next_hops() : Status{};
}

Status NetlinkMonitor::refresh_next_hops() {
    Status status = next_hops_.refresh(requests_, topology_.links, monotonic_now());
    topology_.next_hops = next_hops_.answers();
    return status;
}

/// A conversation that broke off leaves the socket in an unknown state: the next one gets a new socket, later.
void NetlinkMonitor::recover(const Status& status) {
    if (status.is_ok()) {
        last_error_.reset();
        return;
    }
    last_error_ = status.error();
    not_before_ = std::max(not_before_, monotonic_now() + options_.failure_pause);
    if (auto fresh = netlink::RequestSocket::open()) requests_ = std::move(fresh).value();
}

Status NetlinkMonitor::watch(const std::vector<NextHopQuery>& queries) {
    for (unsigned turn = 0; turn < k_turns_before_answer && read_events(k_datagrams_per_turn);) ++turn;
    if (has_lost_events_) next_hops_.mark_all();
    next_hops_.set_queries(queries);
    Status status = refresh_next_hops();
    recover(status);
    if (!status) arm_settle();
    arm_retry();
    return status;
}

}  // namespace rudder
