// SPDX-License-Identifier: Apache-2.0
#include "sandbox.hpp"

#include <catch2/catch.hpp>
#include <net/if.h>
#include <sched.h>
#include <systemd/sd-event.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>

namespace rudder::test {

namespace {

constexpr std::uint64_t k_patience = 10'000'000;

std::optional<IpAddress> address_of(const nlohmann::json& entry, const char* key) {
    return entry.contains(key) ? parse_ip_address(entry.at(key).get<std::string>()) : std::nullopt;
}

LinkAddress address_from_json(const nlohmann::json& entry) {
    LinkAddress own;
    own.address = address_of(entry, "local").value();
    own.prefix_length = entry.at("prefixlen");
    own.peer = address_of(entry, "address");
    own.broadcast = address_of(entry, "broadcast");
    const std::map<std::string, AddressScope> scopes = {{"global", AddressScope::global}, {"site", AddressScope::site},
                                                        {"link", AddressScope::link}, {"host", AddressScope::host}};
    own.scope = scopes.at(entry.at("scope"));
    own.is_secondary = entry.contains("secondary") || entry.contains("temporary");
    own.is_tentative = entry.contains("tentative") || entry.contains("dadfailed");
    own.is_deprecated = entry.contains("deprecated");
    return own;
}

/// IPv4 as listed, IPv6 sorted.
std::vector<LinkAddress> addresses_from_json(const nlohmann::json& entries) {
    std::vector<LinkAddress> v4;
    std::map<IpAddress, LinkAddress> v6;
    for (const auto& entry : entries) {
        const LinkAddress own = address_from_json(entry);
        if (own.address.family == IpFamily::v4) {
            v4.push_back(own);
        } else {
            v6.emplace(own.address, own);
        }
    }
    for (const auto& [address, own] : v6) v4.push_back(own);
    return v4;
}

Link link_from_json(const nlohmann::json& entry) {
    Link link;
    link.ifindex = entry.at("ifindex");
    link.name = entry.at("ifname");
    link.altnames = entry.value("altnames", std::vector<std::string>{});
    std::sort(link.altnames.begin(), link.altnames.end());
    link.mtu = entry.at("mtu");
    link.carrier_changes = entry.at("stats64").at("tx").at("carrier_changes");
    const std::vector<std::string> flags = entry.at("flags");
    const auto has = [&](const char* flag) { return std::find(flags.begin(), flags.end(), flag) != flags.end(); };
    // `ip` hides RUNNING behind LOWER_UP and NO-CARRIER.
    link.is_up = has("UP") && !has("NO-CARRIER");
    link.is_loopback = has("LOOPBACK");
    link.is_layer3 = entry.at("link_type") == "none";
    if (!link.is_layer3) link.mac = parse_mac_address(entry.at("address").get<std::string>()).value_or(MacAddress{});
    link.addresses = addresses_from_json(entry.at("addr_info"));
    if (entry.contains("linkinfo")) {
        link.kind = entry.at("linkinfo").value("info_kind", "");
        link.slave_kind = entry.at("linkinfo").value("info_slave_kind", "");
    }
    if (entry.contains("master")) link.master = ::if_nametoindex(entry.at("master").get<std::string>().c_str());
    if (entry.contains("link") && entry.at("link").is_string() && link.kind != "veth") {
        link.lower = ::if_nametoindex(entry.at("link").get<std::string>().c_str());
    }
    return link;
}

}  // namespace

std::uint64_t monotonic_now() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000;
}

Sandbox::Sandbox(const std::vector<std::string>& ip_commands, const NetlinkOptions& options) {
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    for (const auto& command : ip_commands) ip(command);
    REQUIRE(sd_event_new(&loop_) >= 0);
    open_monitor(options);
}

Sandbox::~Sandbox() {
    monitor_.reset();
    sd_event_unref(loop_);
}

void Sandbox::open_monitor(const NetlinkOptions& options) {
    auto opened = NetlinkMonitor::open(
        loop_,
        [this] {
            ++changes_;
            if (on_change_) on_change_();
        },
        options);
    if (!opened) FAIL(opened.error().message);
    monitor_ = std::move(opened).value();
}

bool Sandbox::eventually(const std::function<bool()>& holds) {
    const std::uint64_t deadline = monotonic_now() + k_patience;
    while (!holds()) {
        const std::uint64_t now = monotonic_now();
        if (now >= deadline || sd_event_run(loop_, deadline - now) < 0) return false;
    }
    return true;
}

void Sandbox::run_for(std::uint64_t microseconds) {
    const std::uint64_t deadline = monotonic_now() + microseconds;
    for (std::uint64_t now = monotonic_now(); now < deadline; now = monotonic_now()) {
        REQUIRE(sd_event_run(loop_, deadline - now) >= 0);
    }
}

void ip(const std::string& arguments) {
    INFO("ip " << arguments);
    REQUIRE(std::system(("ip " + arguments).c_str()) == 0);
}

void ip_batch(const std::string& lines) {
    FILE* pipe = ::popen("ip -batch -", "w");
    REQUIRE(pipe != nullptr);
    std::fputs(lines.c_str(), pipe);
    REQUIRE(::pclose(pipe) == 0);
}

std::string ip_output(const std::string& arguments) {
    FILE* pipe = ::popen(("ip " + arguments).c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string text;
    std::array<char, 4096> buffer{};
    for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) text.append(buffer.data(), n);
    REQUIRE(::pclose(pipe) == 0);
    return text;
}

std::uint32_t ifindex_of(const std::string& name) {
    const std::uint32_t ifindex = ::if_nametoindex(name.c_str());
    INFO(name);
    REQUIRE(ifindex != 0);
    return ifindex;
}

IpAddress address(const std::string& text) {
    const auto parsed = parse_ip_address(text);
    REQUIRE(parsed.has_value());
    return *parsed;
}

MacAddress mac(const std::string& text) {
    const auto parsed = parse_mac_address(text);
    REQUIRE(parsed.has_value());
    return *parsed;
}

std::map<std::uint32_t, Link> links_by_ip() {
    std::map<std::uint32_t, Link> links;
    for (const auto& entry : nlohmann::json::parse(ip_output("-d -j -s -s address"))) {
        Link link = link_from_json(entry);
        links.emplace(link.ifindex, link);
    }
    return links;
}

}  // namespace rudder::test
