// SPDX-License-Identifier: Apache-2.0
#include "shell/net/link_table.hpp"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace rudder::netlink {

namespace {

/// With more devices than this to look at, one dump is cheaper than single questions.
constexpr std::size_t k_single_questions = 64;

}  // namespace

void LinkTable::note(const Message& message) {
    const auto identity = link_identity(message.payload);
    if (!identity) return;
    const auto [family, ifindex] = *identity;
    // A DELLINK of family AF_BRIDGE means that a port left its bridge.
    if (message.type == RTM_DELLINK && family == AF_UNSPEC && links_.contains(ifindex)) replaced_.insert(ifindex);
    if (is_all_dirty_) return;
    dirty_.insert(ifindex);
    if (dirty_.size() > k_single_questions) is_all_dirty_ = true;
}

Status LinkTable::refresh(RequestSocket& socket, std::set<std::uint32_t>& changed) {
    changed.insert(replaced_.begin(), replaced_.end());
    removed_.merge(replaced_);
    replaced_.clear();
    if (is_all_dirty_) return refresh_all(socket, changed);
    while (!dirty_.empty()) {
        if (auto status = refresh_one(socket, *dirty_.begin(), changed); !status) return status;
        dirty_.erase(dirty_.begin());
    }
    return {};
}

Status LinkTable::refresh_all(RequestSocket& socket, std::set<std::uint32_t>& changed) {
    std::map<std::uint32_t, Link> present;
    const auto each = [&](const Message& message) {
        if (message.type != RTM_NEWLINK) return;
        if (auto link = parse_link(message.payload)) present.insert_or_assign(link->ifindex, std::move(*link));
    };
    auto exchange = socket.ask(link_dump(), [&] { present.clear(); }, each);
    if (!exchange) return exchange.error().within("list links");
    if (exchange->answer.code != 0) return refusal("list links", exchange->answer);
    if (!exchange->is_interrupted) {
        std::set<std::uint32_t> gone;
        for (const auto& [ifindex, link] : links_) {
            if (!present.contains(ifindex)) gone.insert(ifindex);
        }
        for (const std::uint32_t ifindex : gone) remove(ifindex, changed);
    }
    for (auto& [ifindex, link] : present) adopt(std::move(link), changed);
    dirty_.clear();
    is_all_dirty_ = exchange->is_interrupted;
    return {};
}

Status LinkTable::refresh_one(RequestSocket& socket, std::uint32_t ifindex, std::set<std::uint32_t>& changed) {
    auto reply = ask_one<Link>(socket, link_get(ifindex), RTM_NEWLINK, parse_link);
    if (!reply) return reply.error().within("look at link " + std::to_string(ifindex));
    if (reply->answer.code != 0 && reply->answer.code != ENODEV) {
        return refusal("look at link " + std::to_string(ifindex), reply->answer);
    }
    if (reply->value && reply->value->ifindex == ifindex) {
        adopt(std::move(*reply->value), changed);
    } else {
        remove(ifindex, changed);
    }
    return {};
}

void LinkTable::adopt(Link link, std::set<std::uint32_t>& changed) {
    Link& known = links_[link.ifindex];
    if (known == link) return;
    changed.insert(link.ifindex);
    known = std::move(link);
}

void LinkTable::remove(std::uint32_t ifindex, std::set<std::uint32_t>& changed) {
    if (links_.erase(ifindex) == 0) return;
    removed_.insert(ifindex);
    changed.insert(ifindex);
}

std::set<std::uint32_t> LinkTable::take_removed() { return std::exchange(removed_, {}); }

}  // namespace rudder::netlink
