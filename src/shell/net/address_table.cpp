// SPDX-License-Identifier: Apache-2.0
#include "shell/net/address_table.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

namespace rudder::netlink {

namespace {

/// With more devices than this to look at, listing all is cheaper than single questions.
constexpr std::size_t k_single_questions = 16;

constexpr std::uint32_t k_all_devices = 0;

/// The kernel's order tells which IPv4 address is primary. Its order of IPv6 addresses tells which came last.
void put_in_order(std::vector<LinkAddress>& addresses) {
    const auto first_v6 = std::stable_partition(
        addresses.begin(), addresses.end(), [](const LinkAddress& own) { return own.address.family == IpFamily::v4; });
    std::sort(first_v6, addresses.end(),
              [](const LinkAddress& a, const LinkAddress& b) { return a.address < b.address; });
}

}  // namespace

void AddressTable::note(std::uint32_t ifindex) {
    if (is_all_dirty_) return;
    dirty_.insert(ifindex);
    if (dirty_.size() > k_single_questions) is_all_dirty_ = true;
}

Status AddressTable::refresh(RequestSocket& socket, std::set<std::uint32_t>& changed) {
    if (is_all_dirty_) return refresh_all(socket, changed);
    for (const std::uint32_t ifindex : std::set<std::uint32_t>(dirty_)) {
        if (auto status = refresh_one(socket, ifindex, changed); !status) return status;
    }
    return {};
}

/// A kernel without IPv6 answers the question for it with the IPv4 addresses, an old one with those of all devices.
Result<Exchange> AddressTable::list(RequestSocket& socket, IpFamily family, std::uint32_t ifindex, Listing& found) {
    const Listing before = found;
    const auto each = [&](const Message& message) {
        if (message.type != RTM_NEWADDR) return;
        auto entry = parse_address(message.payload);
        if (!entry || entry->address.address.family != family) return;
        if (ifindex != k_all_devices && entry->ifindex != ifindex) return;
        found[entry->ifindex].push_back(std::move(entry->address));
    };
    return socket.ask(
        address_dump(family, ifindex), [&] { found = before; }, each);
}

Status AddressTable::refresh_all(RequestSocket& socket, std::set<std::uint32_t>& changed) {
    Listing present;
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        auto exchange = list(socket, family, k_all_devices, present);
        if (!exchange) return exchange.error().within("list addresses");
        if (exchange->answer.code != 0) return refusal("list addresses", exchange->answer);
        if (exchange->is_interrupted) return {};
    }
    for (const auto& [ifindex, addresses] : Listing(addresses_)) {
        if (!present.contains(ifindex)) adopt(ifindex, {}, changed);
    }
    for (auto& [ifindex, addresses] : present) adopt(ifindex, std::move(addresses), changed);
    dirty_.clear();
    is_all_dirty_ = false;
    return {};
}

Status AddressTable::refresh_one(RequestSocket& socket, std::uint32_t ifindex, std::set<std::uint32_t>& changed) {
    const std::string operation = "list addresses of link " + std::to_string(ifindex);
    Listing present;
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        auto exchange = list(socket, family, ifindex, present);
        if (!exchange) return exchange.error().within(operation);
        if (exchange->answer.code != 0 && exchange->answer.code != ENODEV) return refusal(operation, exchange->answer);
        if (exchange->is_interrupted) return {};
    }
    adopt(ifindex, std::move(present[ifindex]), changed);
    dirty_.erase(ifindex);
    return {};
}

void AddressTable::adopt(std::uint32_t ifindex, std::vector<LinkAddress> addresses, std::set<std::uint32_t>& changed) {
    put_in_order(addresses);
    const auto known = addresses_.find(ifindex);
    if (known == addresses_.end() ? addresses.empty() : known->second == addresses) return;
    changed.insert(ifindex);
    if (addresses.empty()) {
        addresses_.erase(ifindex);
    } else {
        addresses_.insert_or_assign(ifindex, std::move(addresses));
    }
}

}  // namespace rudder::netlink
