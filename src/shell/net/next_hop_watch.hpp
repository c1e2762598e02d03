// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/base/topology.hpp"
#include "shell/net/netlink_message.hpp"
#include "shell/net/netlink_socket.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace rudder::netlink {

/// *Units*: microseconds of CLOCK_MONOTONIC.
using Microseconds = std::uint64_t;

/// Waiting time before a neighbour that is not kept resolved is asked for again: doubles from first to last.
struct RetryTimes {
    Microseconds first = 1'000'000;
    Microseconds last = 30'000'000;
};

/// The standing next-hop questions and what the routing and neighbour tables say to them. Events only mark what to
/// look at again; answers come from the kernel's replies.
///
/// Neighbours behind the answers are kept resolved (see neighbour_keep). An entry that somebody else manages,
/// made permanent or learned externally is used and never touched.
class NextHopWatch {
public:
    explicit NextHopWatch(RetryTimes retry) : retry_(retry) {}

    /// From now on exactly these questions; known answers stay until refresh().
    void set_queries(const std::vector<NextHopQuery>& queries);

    /// What an event touches; true if a question depends on it.
    bool note_neighbour(const Neighbour& neighbour);
    /// Puts a failure of that neighbour into the answers that depend on it, ahead of refresh(); true if that changed one.
    bool note_failed(const Neighbour& neighbour, std::map<NextHopQuery, NextHopAnswer>& answers);
    bool note_routes();
    /// The device or its addresses changed: neighbours on it are asked for at once.
    bool note_link(std::uint32_t ifindex);
    void mark_all();
    [[nodiscard]] bool is_dirty() const { return is_dirty_; }

    /// Looks again where something may have changed, asks for neighbours that are due, gives up those no longer
    /// needed. *Errors*: what was not answered stays dirty; its last answer stands.
    [[nodiscard]] Status refresh(RequestSocket& socket, const std::map<std::uint32_t, Link>& links, Microseconds now);

    [[nodiscard]] std::map<NextHopQuery, NextHopAnswer> answers() const;
    /// When refresh() should run again although nothing happens; empty: no need.
    [[nodiscard]] std::optional<Microseconds> next_retry() const;
    /// Marks as dirty what next_retry() was about.
    void mark_due(Microseconds now);
    /// Gives up every neighbour, as far as the kernel listens.
    void release_all(RequestSocket& socket);

private:
    struct NeighbourKey {
        std::uint32_t ifindex = 0;
        IpAddress address;
        friend auto operator<=>(const NeighbourKey&, const NeighbourKey&) = default;
    };
    struct RouteState {
        bool is_dirty = true;
        bool is_reachable = false;
        bool needs_neighbour = false;
        std::optional<IpAddress> gateway;
        std::optional<MacAddress> group_mac;
    };
    struct NeighbourState {
        bool is_dirty = true;
        std::optional<Neighbour> entry;
        bool has_failed = false;               ///< since it was usable last, or the link came up
        std::optional<Microseconds> next_ask;  ///< empty: the entry needs nothing of us, or its link is down
        Microseconds interval = 0;             ///< of the last wait; 0: never asked
    };

    [[nodiscard]] Status refresh_routes(RequestSocket& socket, const std::map<std::uint32_t, Link>& links);
    [[nodiscard]] Status refresh_neighbours(RequestSocket& socket, const std::map<std::uint32_t, Link>& links,
                                            Microseconds now);
    [[nodiscard]] static Result<RouteState> look_up(RequestSocket& socket, const NextHopQuery& query, const Link& link);
    [[nodiscard]] Status keep_resolved(RequestSocket& socket, const NeighbourKey& key, NeighbourState& state,
                                       bool is_link_up, Microseconds now) const;
    static void note_failure(NeighbourState& state, bool is_link_up);
    [[nodiscard]] static Status release(RequestSocket& socket, const NeighbourKey& key);
    [[nodiscard]] Status match_neighbours_to_routes(RequestSocket& socket);
    [[nodiscard]] Status release_orphans(RequestSocket& socket);

    RetryTimes retry_;
    std::map<NextHopQuery, RouteState> routes_;
    std::map<NeighbourKey, NeighbourState> neighbours_;
    bool is_dirty_ = false;
    bool asks_routes_ = false;       ///< some question is not about a gateway
    bool are_routes_dirty_ = false;
    bool has_released_orphans_ = false;
};

}  // namespace rudder::netlink
