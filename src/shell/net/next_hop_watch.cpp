// SPDX-License-Identifier: Apache-2.0
#include "shell/net/next_hop_watch.hpp"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace rudder::netlink {

namespace {

/// The kernel had no room to answer; any other refusal is itself the answer.
bool is_shortage(int code) { return code == ENOMEM || code == ENOBUFS; }

Error shortage(const Answer& answer) { return {std::strerror(answer.code), answer.code}; }

bool is_ours(const Neighbour& entry) { return entry.is_managed && entry.protocol == k_neighbour_protocol; }

/// Somebody else answers for the entry's address; NTF_USE would take the marks that say so.
bool is_foreign(const Neighbour& entry) {
    return (entry.state & (NUD_PERMANENT | NUD_NOARP)) != 0 || (entry.flags & NTF_EXT_LEARNED) != 0;
}

Result<Reply<Neighbour>> look_at(RequestSocket& socket, std::uint32_t ifindex, const IpAddress& address) {
    auto reply = ask_one<Neighbour>(socket, neighbour_get(ifindex, address), RTM_NEWNEIGH, parse_neighbour);
    const std::string operation = "look at neighbour " + to_string(address);
    if (!reply) return reply.error().within(operation);
    if (is_shortage(reply->answer.code)) return shortage(reply->answer).within(operation);
    return reply;
}

Result<Reply<Route>> look_at_route(RequestSocket& socket, const NextHopQuery& query, bool match_only) {
    auto reply = ask_one<Route>(socket, route_get(query.ifindex, query.address, match_only), RTM_NEWROUTE, parse_route);
    const std::string operation = "look up route to " + to_string(query.address);
    if (!reply) return reply.error().within(operation);
    if (is_shortage(reply->answer.code)) return shortage(reply->answer).within(operation);
    return reply;
}

Status send_wish(RequestSocket& socket, const Request& request, const std::string& operation) {
    auto exchange = socket.ask(request, [] {}, [](const Message&) {});
    if (!exchange) return exchange.error().within(operation);
    return {};
}

}  // namespace

void NextHopWatch::set_queries(const std::vector<NextHopQuery>& queries) {
    std::map<NextHopQuery, RouteState> wanted;
    for (const NextHopQuery& query : queries) {
        const auto known = routes_.find(query);
        wanted.emplace(query, known == routes_.end() ? RouteState{} : known->second);
    }
    routes_ = std::move(wanted);
    asks_routes_ = std::any_of(routes_.begin(), routes_.end(), [](const auto& route) { return !route.first.is_gateway; });
    is_dirty_ = true;
}

bool NextHopWatch::note_neighbour(const Neighbour& neighbour) {
    const auto known = neighbours_.find({neighbour.ifindex, neighbour.address});
    if (known == neighbours_.end()) return false;
    known->second.is_dirty = true;
    is_dirty_ = true;
    return true;
}

bool NextHopWatch::note_failed(const Neighbour& neighbour, std::map<NextHopQuery, NextHopAnswer>& answers) {
    const auto known = neighbours_.find({neighbour.ifindex, neighbour.address});
    if (known == neighbours_.end() || known->second.has_failed || (neighbour.state & NUD_FAILED) == 0) return false;
    known->second.has_failed = true;
    bool has_changed = false;
    auto it = routes_.lower_bound({neighbour.ifindex, {}, false});
    for (; it != routes_.end() && it->first.ifindex == neighbour.ifindex; ++it) {
        const auto answer = answers.find(it->first);
        if (!it->second.needs_neighbour || it->second.gateway != neighbour.address || answer == answers.end()) continue;
        answer->second.mac.reset();
        answer->second.has_failed = true;
        has_changed = true;
    }
    return has_changed;
}

bool NextHopWatch::note_routes() {
    if (!asks_routes_) return false;
    are_routes_dirty_ = true;
    is_dirty_ = true;
    return true;
}

bool NextHopWatch::note_link(std::uint32_t ifindex) {
    bool is_touched = false;
    for (auto it = routes_.lower_bound({ifindex, {}, false}); it != routes_.end() && it->first.ifindex == ifindex; ++it) {
        it->second.is_dirty = true;
        is_touched = true;
    }
    for (auto it = neighbours_.lower_bound({ifindex, {}}); it != neighbours_.end() && it->first.ifindex == ifindex; ++it) {
        it->second.is_dirty = true;
        it->second.interval = 0;
        it->second.next_ask.reset();
        is_touched = true;
    }
    is_dirty_ = is_dirty_ || is_touched;
    return is_touched;
}

void NextHopWatch::mark_all() {
    for (auto& [query, route] : routes_) route.is_dirty = true;
    for (auto& [key, state] : neighbours_) state.is_dirty = true;
    is_dirty_ = true;
}

void NextHopWatch::mark_due(Microseconds now) {
    for (auto& [key, state] : neighbours_) {
        if (!state.next_ask || *state.next_ask > now) continue;
        state.is_dirty = true;
        is_dirty_ = true;
    }
}

std::optional<Microseconds> NextHopWatch::next_retry() const {
    std::optional<Microseconds> earliest;
    for (const auto& [key, state] : neighbours_) {
        if (state.next_ask && (!earliest || *state.next_ask < *earliest)) earliest = state.next_ask;
    }
    return earliest;
}

std::map<NextHopQuery, NextHopAnswer> NextHopWatch::answers() const {
    std::map<NextHopQuery, NextHopAnswer> answers;
    for (const auto& [query, route] : routes_) {
        NextHopAnswer answer{route.is_reachable, route.gateway, route.group_mac};
        if (route.needs_neighbour) {
            const auto neighbour = neighbours_.find({query.ifindex, *route.gateway});
            const bool is_known = neighbour != neighbours_.end() && neighbour->second.entry.has_value();
            if (is_known && is_usable(*neighbour->second.entry)) answer.mac = neighbour->second.entry->mac;
            answer.has_failed = neighbour != neighbours_.end() && neighbour->second.has_failed;
        }
        answers.emplace_hint(answers.end(), query, answer);
    }
    return answers;
}

Status NextHopWatch::refresh(RequestSocket& socket, const std::map<std::uint32_t, Link>& links, Microseconds now) {
    if (auto status = refresh_routes(socket, links); !status) return status;
    if (auto status = match_neighbours_to_routes(socket); !status) return status;
    if (auto status = release_orphans(socket); !status) return status;
    if (auto status = refresh_neighbours(socket, links, now); !status) return status;
    is_dirty_ = false;
    return {};
}

Status NextHopWatch::refresh_routes(RequestSocket& socket, const std::map<std::uint32_t, Link>& links) {
    if (std::exchange(are_routes_dirty_, false)) {
        for (auto& [query, route] : routes_) route.is_dirty = route.is_dirty || !query.is_gateway;
    }
    for (auto& [query, route] : routes_) {
        if (!route.is_dirty) continue;
        const auto link = links.find(query.ifindex);
        auto found = link == links.end() ? Result<RouteState>(RouteState{}) : look_up(socket, query, link->second);
        if (!found) return found.error();
        route = *found;
        route.is_dirty = false;
    }
    return {};
}

Result<NextHopWatch::RouteState> NextHopWatch::look_up(RequestSocket& socket, const NextHopQuery& query,
                                                       const Link& link) {
    RouteState state;
    state.is_reachable = true;
    state.gateway = query.address;
    if (link.is_loopback || link.is_layer3) return state;
    state.group_mac = query.is_gateway ? std::nullopt : group_mac(query.address);
    state.needs_neighbour = !state.group_mac;
    if (query.is_gateway || state.group_mac) return state;

    auto reply = look_at_route(socket, query, false);
    if (!reply) return reply.error();
    if (!reply->value || reply->value->ifindex != query.ifindex) return RouteState{};
    const Route& route = *reply->value;
    if (route.type == RTN_BROADCAST) {
        state.group_mac = MacAddress{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
        state.needs_neighbour = false;
        return state;
    }
    if (route.type != RTN_UNICAST) return RouteState{};
    if (route.gateway) {
        state.gateway = route.gateway;
        return state;
    }
    if (query.address.family == IpFamily::v6) return state;
    auto match = look_at_route(socket, query, true);
    if (!match) return match.error();
    return match->answer.code == 0 ? state : RouteState{};
}

Status NextHopWatch::match_neighbours_to_routes(RequestSocket& socket) {
    std::set<NeighbourKey> wanted;
    for (const auto& [query, route] : routes_) {
        if (route.needs_neighbour) wanted.insert({query.ifindex, *route.gateway});
    }
    for (auto known = neighbours_.begin(); known != neighbours_.end();) {
        if (wanted.contains(known->first)) {
            ++known;
            continue;
        }
        if (auto status = release(socket, known->first); !status) return status;
        known = neighbours_.erase(known);
    }
    for (const NeighbourKey& key : wanted) neighbours_.try_emplace(key);
    return {};
}

Status NextHopWatch::refresh_neighbours(RequestSocket& socket, const std::map<std::uint32_t, Link>& links,
                                        Microseconds now) {
    for (auto& [key, state] : neighbours_) {
        if (!state.is_dirty) continue;
        auto reply = look_at(socket, key.ifindex, key.address);
        if (!reply) return reply.error();
        const bool has_gone = state.entry && !reply->value;
        state.entry = std::move(reply->value);
        if (has_gone) {
            state.interval = 0;
            state.next_ask.reset();
        }
        const auto link = links.find(key.ifindex);
        const bool is_link_up = link != links.end() && link->second.is_up;
        note_failure(state, is_link_up);
        if (auto status = keep_resolved(socket, key, state, is_link_up, now); !status) return status;
        state.is_dirty = false;
    }
    return {};
}

/// The kernel tries a failed neighbour again and again, by way of an incomplete entry: that is no sign of life.
void NextHopWatch::note_failure(NeighbourState& state, bool is_link_up) {
    if (!is_link_up || (state.entry && is_usable(*state.entry))) state.has_failed = false;
    if (state.entry && (state.entry->state & NUD_FAILED) != 0) state.has_failed = is_link_up;
}

Status NextHopWatch::keep_resolved(RequestSocket& socket, const NeighbourKey& key, NeighbourState& state,
                                   bool is_link_up, Microseconds now) const {
    const bool is_settled = state.entry && (is_foreign(*state.entry) || state.entry->is_managed);
    if (is_settled || !is_link_up) {
        state.next_ask.reset();
        state.interval = 0;
        return {};
    }
    if (state.next_ask && *state.next_ask > now) return {};
    if (auto status = send_wish(socket, neighbour_keep(key.ifindex, key.address), "resolve " + to_string(key.address));
        !status) {
        return status;
    }
    const bool is_resolved = state.entry && is_usable(*state.entry);
    const Microseconds longer = state.interval == 0 ? retry_.first : std::min(state.interval * 2, retry_.last);
    state.interval = is_resolved ? retry_.last : longer;
    state.next_ask = now + state.interval;
    return {};
}

Status NextHopWatch::release(RequestSocket& socket, const NeighbourKey& key) {
    auto reply = look_at(socket, key.ifindex, key.address);
    if (!reply) return reply.error();
    if (!reply->value || !is_ours(*reply->value) || is_foreign(*reply->value)) return {};
    return send_wish(socket, neighbour_release(key.ifindex, key.address), "release " + to_string(key.address));
}

Status NextHopWatch::release_orphans(RequestSocket& socket) {
    if (has_released_orphans_) return {};
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        std::set<NeighbourKey> orphans;
        const auto each = [&](const Message& message) {
            const auto entry = message.type == RTM_NEWNEIGH ? parse_neighbour(message.payload) : std::nullopt;
            if (entry && is_ours(*entry)) orphans.insert({entry->ifindex, entry->address});
        };
        auto exchange = socket.ask(neighbour_dump(family), [] {}, each);
        if (!exchange) return exchange.error().within("list neighbours");
        for (const NeighbourKey& key : orphans) {
            if (neighbours_.contains(key)) continue;
            if (auto status = release(socket, key); !status) return status;
        }
    }
    has_released_orphans_ = true;
    return {};
}

void NextHopWatch::release_all(RequestSocket& socket) {
    for (const auto& [key, state] : neighbours_) {
        if (!release(socket, key)) return;
    }
    neighbours_.clear();
}

}  // namespace rudder::netlink
