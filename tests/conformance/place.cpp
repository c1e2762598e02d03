// SPDX-License-Identifier: Apache-2.0
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include "place.hpp"

#include <cstdlib>
#include <fstream>

namespace rudder::test {
namespace {

std::size_t failed_checks = 0;

/// Catch2 says of each check whether it held, but keeps the count to itself.
class FailureCounter : public Catch::TestEventListenerBase {
public:
    using Catch::TestEventListenerBase::TestEventListenerBase;
    bool assertionEnded(const Catch::AssertionStats& stats) override {
        failed_checks += stats.assertionResult.isOk() ? 0u : 1u;
        return true;
    }
};
CATCH_REGISTER_LISTENER(FailureCounter)

void record(const std::string& row, std::size_t fixtures) {
    const char* directory = std::getenv("RUDDER_CONFORMANCE");
    if (directory == nullptr || *directory == '\0') {
        return;
    }
    std::ofstream file(std::string(directory) + "/run", std::ios::app);
    file << row << '\t' << fixtures << '\n';
    if (!file.flush()) {
        FAIL("cannot write to " << directory);
    }
}

}  // namespace

Ethernet Place::group_frame() const {
    const MacAddress mac = is_v4() ? MacAddress{{1, 0, 0x5e, 1, 1, 1}} : MacAddress{{0x33, 0x33, 0, 1, 0, 1}};
    return {mac, arriving().src, {}};
}

Stack Place::head(const Ethernet& ethernet, const Ip& ip, const std::string& src, const std::string& dst,
                  std::uint8_t ttl) const {
    Stack stack{{ethernet}};
    stack.layers.insert(stack.layers.end(), ip.tags.begin(), ip.tags.end());
    const std::string from = ip.src.empty() ? src : ip.src, to = ip.dst.empty() ? dst : ip.dst;
    const std::uint16_t fragment = ip.fragment.value_or(0);
    if (is_v4()) {
        return stack / Ipv4{.src = from,
                            .dst = to,
                            .ttl = ip.ttl.value_or(ttl),
                            .tos = ip.tos,
                            .fragment = static_cast<std::uint16_t>(fragment | (ip.is_unbreakable ? 0x4000 : 0)),
                            .option_bytes = ip.option_bytes,
                            .protocol = ip.protocol};
    }
    stack.layers.emplace_back(Ipv6{.src = from,
                                   .dst = to,
                                   .hop_limit = ip.ttl.value_or(ttl),
                                   .traffic_class = ip.tos,
                                   .next_header = ip.extensions.empty() && !ip.fragment ? ip.protocol : std::nullopt});
    stack.layers.insert(stack.layers.end(), ip.extensions.begin(), ip.extensions.end());
    if (ip.fragment) {
        const auto field = static_cast<std::uint16_t>(fragment << 3 | (fragment & 0x2000 ? 1 : 0));
        stack.layers.emplace_back(Extension{.type = 44, .fragment = field, .next = ip.protocol});
    }
    return stack;
}

Rewrite Place::readdressing(std::optional<std::uint16_t> port) const {
    Rewrite rewrite;
    rewrite.dst_ip = address(new_dst());
    rewrite.dst_port = port;
    return rewrite;
}

void Place::check(Row row) {
    row.direction = direction;
    fixtures_++;
    test::check(row);
}

void Place::check_untouched(const std::string& what, const Frame& in, std::uint32_t reason) {
    Rule everything = steer("", {}, direction);
    everything.match.interface.include.clear();
    everything.match.interface.any = true;
    check({what, policy({everything}), in, k_next, {}, reason, false});
}

Run Place::run(Datapath& on, const Frame& in, const Metadata& metadata, std::uint32_t repeat) {
    fixtures_++;
    return on.run(in, link_named("in0").ifindex, direction, repeat, metadata);
}

Run Place::run_tagged(const Frame& in, TagPlace tag) {
    fixtures_++;
    return datapath().run_tagged(in, tag, link_named("in0").ifindex, direction);
}

void Place::cannot(const std::string& why) {
    WARN(why);
    is_proven_ = false;
}

void prove(const std::string& subject, const Filter& makes_sense, const std::function<void(Place&)>& judge) {
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        for (const Direction direction : {Direction::ingress, Direction::egress}) {
            Place place(family, direction);
            if (!makes_sense(place)) {
                continue;
            }
            const std::string row = subject + (place.is_v4() ? "/v4/" : "/v6/") + to_string(direction) + "/run";
            INFO(row);
            const std::size_t before = failed_checks;
            judge(place);
            if (failed_checks == before && place.is_proven()) {
                record(row, place.fixtures());
            }
        }
    }
}

void prove(const std::string& subject, const std::function<void(Place&)>& judge) {
    prove(
        subject, [](const Place&) { return true; }, judge);
}

}  // namespace rudder::test
