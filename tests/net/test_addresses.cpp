// SPDX-License-Identifier: Apache-2.0
#include "sandbox.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace rudder;
using namespace rudder::test;

namespace {

const std::vector<std::string> k_veth = {"link add veth0 type veth peer name veth1", "link set veth0 up",
                                         "link set veth1 up"};

std::vector<std::string> texts(const Link* link, IpFamily family) {
    std::vector<std::string> found;
    for (const LinkAddress& own : link->addresses) {
        if (own.address.family == family && own.scope == AddressScope::global) found.push_back(to_string(own.address));
    }
    return found;
}

const LinkAddress* own_address(Sandbox& sandbox, const std::string& text) {
    for (const LinkAddress& own : sandbox.link("veth0")->addresses) {
        if (own.address == address(text)) return &own;
    }
    return nullptr;
}

bool agrees_with_ip(Sandbox& sandbox) {
    return sandbox.eventually([&] { return sandbox.topology().links == links_by_ip(); });
}

}  // namespace

TEST_CASE("addresses that exist are known as soon as the monitor is open") {
    std::vector<std::string> setup = k_veth;
    setup.insert(
        setup.end(),
        {"address add 10.0.0.1/24 brd + dev veth0", "address add 10.0.0.2/24 dev veth0",
         "address add 10.1.0.1 peer 10.2.0.1/32 dev veth0", "address add 169.254.7.7/16 scope link dev veth0",
         "address add 2001:db8::9/64 nodad dev veth0", "address add 2001:db8::2/64 nodad preferred_lft 0 dev veth0"});
    Sandbox sandbox(setup);
    CHECK(texts(sandbox.link("veth0"), IpFamily::v4) == std::vector<std::string>{"10.0.0.1", "10.1.0.1", "10.0.0.2"});
    CHECK(texts(sandbox.link("veth0"), IpFamily::v6) == std::vector<std::string>{"2001:db8::2", "2001:db8::9"});
    CHECK(own_address(sandbox, "10.0.0.2")->is_secondary);
    CHECK(own_address(sandbox, "10.0.0.1")->broadcast == address("10.0.0.255"));
    CHECK(own_address(sandbox, "10.1.0.1")->peer == address("10.2.0.1"));
    CHECK(own_address(sandbox, "169.254.7.7")->scope == AddressScope::link);
    CHECK(own_address(sandbox, "2001:db8::2")->is_deprecated);
    CHECK(agrees_with_ip(sandbox));
}

TEST_CASE("an address that comes and goes is reported") {
    Sandbox sandbox(k_veth);
    for (const std::string text : {"10.0.0.1/24", "2001:db8::1/64"}) {
        const std::string bare = text.substr(0, text.find('/'));
        ip("address add " + text + " dev veth0");
        CHECK(sandbox.eventually([&] { return own_address(sandbox, bare) != nullptr; }));
        CHECK(sandbox.changes() >= 1);
        sandbox.forget_changes();
        ip("address del " + text + " dev veth0");
        CHECK(sandbox.eventually([&] { return own_address(sandbox, bare) == nullptr; }));
        CHECK(sandbox.changes() >= 1);
    }
}

TEST_CASE("an IPv6 address is tentative until its check for duplicates has ended") {
    Sandbox sandbox(k_veth);
    ip("address add 2001:db8::1/64 dev veth0");
    CHECK(sandbox.eventually([&] { return own_address(sandbox, "2001:db8::1") != nullptr; }));
    CHECK(own_address(sandbox, "2001:db8::1")->is_tentative);
    CHECK(sandbox.eventually([&] { return !own_address(sandbox, "2001:db8::1")->is_tentative; }));
}

TEST_CASE("when the primary address goes, another one takes its place") {
    Sandbox sandbox(k_veth);
    ip("address add 10.0.0.1/24 dev veth0");
    ip("address add 10.0.0.2/24 dev veth0");
    const auto source = [&] { return source_address(*sandbox.link("veth0"), IpFamily::v4, std::nullopt); };
    CHECK(sandbox.eventually([&] { return texts(sandbox.link("veth0"), IpFamily::v4).size() == 2; }));
    CHECK(source()->address == address("10.0.0.1"));
    ip("address del 10.0.0.1/24 dev veth0");
    CHECK(sandbox.eventually([&] { return agrees_with_ip(sandbox); }));
    CHECK(source() == nullptr);  // secondaries go along unless promote_secondaries is set
}

TEST_CASE("addresses go with their device and do not come back with its number") {
    Sandbox sandbox({"link add veth0 index 77 type veth peer name veth1", "address add 10.0.0.1/24 dev veth0"});
    REQUIRE(sandbox.link("veth0")->addresses.size() == 1);
    ip_batch("link del veth0\nlink add veth0 index 77 type veth peer name veth1\n");
    CHECK(sandbox.eventually([&] { return sandbox.changes() > 0; }));
    CHECK(sandbox.link("veth0")->addresses.empty());
}

TEST_CASE("an address with new lifetimes calls nobody") {
    Sandbox sandbox(k_veth);
    ip("address add 2001:db8::1/64 nodad valid_lft 1000 preferred_lft 1000 dev veth0");
    CHECK(sandbox.eventually([&] { return own_address(sandbox, "2001:db8::1") != nullptr; }));
    CHECK(agrees_with_ip(sandbox));
    sandbox.run_for(2'500'000);  // until the link-local addresses are settled
    sandbox.forget_changes();
    ip("address change 2001:db8::1/64 valid_lft 2000 preferred_lft 2000 dev veth0");
    sandbox.run_for(150'000);
    CHECK(sandbox.changes() == 0);
}

TEST_CASE("lost events also renew the addresses") {
    NetlinkOptions options;
    options.event_buffer_bytes = 1;  // the kernel rounds up to its least
    Sandbox sandbox(k_veth, options);
    std::string lines;
    for (int i = 1; i < 250; ++i) lines += "address add 10.0." + std::to_string(i) + ".1/24 dev veth0\n";
    for (int i = 1; i < 240; ++i) lines += "address del 10.0." + std::to_string(i) + ".1/24 dev veth0\n";
    ip_batch(lines);
    CHECK(sandbox.eventually(
        [&] { return sandbox.monitor().resyncs() > 0 && texts(sandbox.link("veth0"), IpFamily::v4).size() == 10; }));
    CHECK(agrees_with_ip(sandbox));
}
