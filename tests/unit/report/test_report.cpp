// SPDX-License-Identifier: Apache-2.0
#include "core/report/report.hpp"
#include "rudder_abi.h"
#include "snapshot_fixture.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>
#include <random>

using namespace rudder;
using Json = nlohmann::json;

namespace {

constexpr ReportFunction k_reports[] = {report_rules, report_stats, report_interfaces, report_maps, report_internals, report_config};

}  // namespace

TEST_CASE("every document begins with generation, state and time") {
    for (const auto report : k_reports) {
        const Json document = read(report, make_snapshot());
        CHECK(document["generation"] == 7);
        CHECK(document["state"] == "running");
        CHECK(document["unix_us"] == 5'000'000);
        CHECK(document["monotonic_us"] == 77);
    }
}

TEST_CASE("a daemon that has nothing yet can be reported") {
    for (const auto report : k_reports) CHECK(read(report, Snapshot{}).is_object());
}

TEST_CASE("a rule is reported with what it matches, does and counted") {
    const Json rule = read(report_rules, make_snapshot())["rules"][0];
    CHECK(rule["rank"] == 0);
    CHECK(rule["priority"] == 10);
    CHECK(rule["name"] == "ef");
    CHECK(rule["type"] == "steer");
    CHECK(rule["interface"] == "eth0");
    CHECK(rule["direction"] == "ingress");
    CHECK(rule["match"] == "dscp ef dst 10.0.0.0/8");
    CHECK(rule["match_fields"] ==
          Json::parse(R"({"families":["ipv4"],"src_ip":[],"dst_ip":["10.0.0.0/8"],"ip_proto":null,
                                                  "src_port":[],"dst_port":[],"dscp":[46]})"));
    CHECK(rule["action"] == "via eth1 next-hop 192.0.2.1 set dst 192.168.100.1 dport 5004");
    CHECK(rule["on_failure"] == "pass");
    CHECK(rule["state"] == "active");
    CHECK(rule["hooks"] == Json::parse(R"([{"interface":"eth0","ifindex":2,"direction":"ingress"}])"));
    CHECK(rule["packets"] == 100);
    CHECK(rule["bytes"] == 10000);
    CHECK(rule["failures"] == Json::parse(R"({"ttl-expired":2})"));
    CHECK(rule["file"] == "/etc/rudder/conf.d/10-a.toml");
    CHECK(rule["line"] == 10);
}

TEST_CASE("a target is reported with the next hop it resolved to") {
    const Json target = read(report_rules, make_snapshot())["rules"][0]["targets"][0];
    CHECK(target["via"] == "eth1");
    CHECK(target["ifindex"] == 3);
    CHECK(target["next_hop_kind"] == "gateway");
    CHECK(target["next_hop"] == "192.0.2.1");
    CHECK(target["mac"] == "02:00:00:00:00:99");
    CHECK(target["state"] == "up");
    CHECK(target["rewrite"] == Json::parse(R"({"dst_ip":"192.168.100.1","dst_port":5004})"));
    CHECK(target["packets"] == 98);
    CHECK(target["bytes"] == 9800);
}

TEST_CASE("a target says what is left of its copies") {
    Snapshot snapshot = make_snapshot();
    CHECK_FALSE(read(report_rules, snapshot)["rules"][0]["targets"][0].contains("snap"));
    edit(snapshot.policy).rules[0].targets[0].snap = 96;
    CHECK(read(report_rules, snapshot)["rules"][0]["targets"][0]["snap"] == 96);
}

TEST_CASE("a target that cannot be sent to says why") {
    const Json targets = read(report_rules, make_snapshot())["rules"][1]["targets"];
    CHECK(targets[0]["state"] == "no-neighbour");
    CHECK(targets[0]["mac"].is_null());
    CHECK(targets[0]["failures"] == Json::parse(R"({"no-neighbour":1})"));
    CHECK(targets[1]["state"] == "deferred");
    CHECK(targets[1]["reason"] == "no interface eth7");
    CHECK(targets[1]["failures"] == Json::parse(R"({"no-device":5})"));
}

TEST_CASE("the state of a target follows its link, route and neighbour") {
    const auto state_with = [](unsigned flags) {
        Snapshot snapshot = make_snapshot();
        snapshot.next_hops[0].flags = static_cast<std::uint16_t>(flags);
        return read(report_rules, snapshot)["rules"][0]["targets"][0]["state"].get<std::string>();
    };
    CHECK(state_with(RUDDER_NH_MAC_VALID) == "link-down");
    CHECK(state_with(RUDDER_NH_LINK_UP | RUDDER_NH_UNREACHABLE) == "no-route");
    CHECK(state_with(RUDDER_NH_LINK_UP | RUDDER_NH_LAYER3) == "up");
    CHECK(state_with(RUDDER_NH_LINK_UP | RUDDER_NH_BY_PACKET) == "by-packet");
    CHECK(state_with(RUDDER_NH_LINK_UP | RUDDER_NH_GATEWAY4) == "no-neighbour");
}

TEST_CASE("a deferred rule says why it is not installed") {
    const Json rule = read(report_rules, make_snapshot())["rules"][2];
    CHECK(rule["state"] == "deferred");
    CHECK(rule["reason"] == "no interface eth7");
    CHECK(rule["hooks"].empty());
}

TEST_CASE("counters are reported per rule, per target and per reason") {
    const Json document = read(report_stats, make_snapshot());
    CHECK(document["packets"] == 105);
    CHECK(document["bytes"] == 10500);
    CHECK(document["rules"][1]["targets"][0]["packets"] == 4);
    CHECK(document["rules"][0]["failures"] == Json::parse(R"({"ttl-expired":2})"));
    CHECK(document["reasons"]["short"] == 11);
    CHECK(document["reasons"]["malformed"] == 12);
    CHECK(document["reasons"].size() == RUDDER_REASON_COUNT - 1);
}

TEST_CASE("every interface is reported with its hooks or why it has none") {
    const Json interfaces = read(report_interfaces, make_snapshot())["interfaces"];
    CHECK(interfaces.size() == 3);
    CHECK(interfaces[0]["hooks"].empty());
    CHECK(interfaces[0]["why_no_hook"] == "loopback is selected only by name");
    CHECK(interfaces[0]["mac"].is_null());
    CHECK(interfaces[1]["why_no_hook"] == "");
    CHECK(interfaces[1]["hooks"] == Json::parse(R"([{"direction":"ingress","state":"attached","mechanism":"tcx",
                                                     "program_id":41,"rules":2,"detail":""}])"));
    CHECK(interfaces[2]["hooks"][0]["state"] == "missing");
}

TEST_CASE("a hook that nothing needs, or on a link that is gone, is shown") {
    Snapshot snapshot = make_snapshot();
    snapshot.hooks.push_back({{2, Direction::egress}, "tcx", 42, true, ""});
    snapshot.hooks.push_back({{99, Direction::ingress}, "cls_bpf", 43, true, ""});
    const Json document = read(report_interfaces, snapshot);
    CHECK(document["interfaces"][1]["hooks"][1]["state"] == "leftover");
    CHECK(document["stray_hooks"][0]["ifindex"] == 99);
}

TEST_CASE("the maps are reported with their sizes and the image decoded") {
    const Json document = read(report_maps, make_snapshot());
    CHECK(document["memory_bytes"] == 4096 + 65536);
    CHECK(document["maps"][1]["name"] == "blob");
    const Json image = document["image"];
    CHECK(image["rule_count"] == 3);
    CHECK(image["hooks"].size() == 2);
    CHECK(image["hooks"][1] ==
          Json::parse(R"({"ifindex":3,"interface":"eth1","direction":"ingress","hook_class":1,"flags":["layer3"]})"));
    CHECK(image["rules"][0]["action"] == "steer");
    CHECK(image["rules"][0]["flags"] == Json::parse(R"(["failure-drops"])"));
    CHECK(image["rules"][0]["targets"][0]["dst_ip"] == "192.168.100.1");
    CHECK(image["rules"][0]["targets"][0]["dst_port"] == 5004);
    CHECK(image["rules"][1]["targets"][0]["ttl"] == 64);
    CHECK(image["rules"][1]["targets"][1]["is_deferred"] == true);
    CHECK(image["trees_ipv4"].size() == 1);
    CHECK(document["next_hops"][0]["flags"] == Json::parse(R"(["link-up","mac-valid","gateway4"])"));
    CHECK(document["next_hops"][0]["interface"] == "eth1");
    CHECK(document["counters"].size() == 6);
}

TEST_CASE("the image says where its bit vectors are, for a family that has some") {
    Snapshot snapshot = make_snapshot();
    auto* const header = reinterpret_cast<rudder_blob_header*>(edit(snapshot.image).blob.data());
    Json image = read(report_maps, snapshot)["image"];
    CHECK(image["vectors_ipv4"].is_null());
    CHECK(image["vectors_ipv6"].is_null());
    header->vectors_v6.column_offset = 4096;
    header->vectors_v6.column_count = 4;
    const std::uint8_t octets[] = {34, 32, 0, 63};
    std::copy(std::begin(octets), std::end(octets), header->vectors_v6.octet);
    image = read(report_maps, snapshot)["image"];
    CHECK(image["vectors_ipv4"].is_null());
    CHECK(image["vectors_ipv6"] == Json::parse(R"({"first_column":4096,"octets":[34,32,0,63]})"));
    header->vectors_v6.column_count = 0xffffffff;
    CHECK(read(report_maps, snapshot)["image"]["vectors_ipv6"]["octets"].size() == RUDDER_MAX_COLUMNS);
}

TEST_CASE("a blob of garbage is reported without reading outside of it") {
    std::mt19937 random(11);
    for (int round = 0; round < 2000; ++round) {
        Snapshot snapshot = make_snapshot();
        std::vector<std::uint8_t>& blob = edit(snapshot.image).blob;
        for (int i = 0; i < 6; ++i) blob[8 + random() % (blob.size() - 8)] = static_cast<std::uint8_t>(random());
        blob.resize(random() % (blob.size() + 1));
        blob.shrink_to_fit();
        CHECK(read(report_maps, snapshot).is_object());
        CHECK(read(report_rules, snapshot).is_object());
    }
}

TEST_CASE("internals name version, kernel, features and limits") {
    const Json document = read(report_internals, make_snapshot());
    CHECK(document["version"] == "0.1.0");
    CHECK(document["kernel_release"] == "6.18.0");
    CHECK(document["uptime_us"] == 4'000'000);
    CHECK(document["loads_accepted"] == 3);
    CHECK(document["last_load_times"]["compile_us"] == 1234);
    CHECK(document["image"]["rules"] == 3);
    CHECK(document["image"]["rules_deferred"] == 1);
    CHECK(document["image"]["targets"] == 3);
    CHECK(document["limits"]["rules"] == RUDDER_MAX_RULES);
    CHECK(document["features"][0]["chosen"] == "tcx");
}

TEST_CASE("internals tell of what use the flow cache is") {
    Snapshot snapshot = make_snapshot();
    snapshot.flow_cache = {32768, 70, 30};
    CHECK(read(report_internals, snapshot)["flow_cache"] == Json::parse(R"({"max_entries":32768,"hits":70,"misses":30})"));
}

TEST_CASE("internals tell how the log fares") {
    Snapshot snapshot = make_snapshot();
    snapshot.log = {true, "the receiver does not keep up", 12, 3456, 20, 7};
    const Json log = read(report_internals, snapshot)["log"];
    CHECK(log["is_degraded"] == true);
    CHECK(log["reason"] == "the receiver does not keep up");
    CHECK(log["entries_waiting"] == 12);
    CHECK(log["bytes_waiting"] == 3456);
    CHECK(log["entries_late"] == 20);
    CHECK(log["entries_lost"] == 7);
}

TEST_CASE("the configuration is reported with its files and the last findings") {
    Snapshot snapshot = make_snapshot();
    snapshot.last_load_accepted = false;
    snapshot.last_diagnostics.error("E0201", {"b.toml", 3, 1, 4}, "wrong", "right");
    const Json document = read(report_config, snapshot);
    CHECK(document["sha256"] == "c0ffee");
    CHECK(document["directories"][0] == "/etc/rudder/conf.d");
    CHECK(document["files"][0] ==
          Json::parse(R"({"path":"/etc/rudder/conf.d/10-a.toml","sha256":"abcd","bytes":321})"));
    CHECK(document["last_load"]["accepted"] == false);
    CHECK(document["last_load"]["errors"] == 1);
    CHECK(document["last_load"]["diagnostics"][0]["line"] == 3);
}

TEST_CASE("bytes that are not UTF-8 are replaced in every document") {
    Snapshot snapshot = make_snapshot();
    const std::string bad = "x\xff\x1b\"";
    edit(snapshot.policy).rules[0].name = bad;
    edit(snapshot.policy).rules[0].where.file = bad;
    edit(snapshot.policy).rules[0].targets[0].via = bad;
    snapshot.topology.links[2].name = bad;
    snapshot.topology.links[2].altnames = {bad};
    snapshot.files[0].path = bad;
    snapshot.directories = {bad};
    snapshot.maps[0].name = bad;
    snapshot.hooks[0].detail = bad;
    snapshot.last_diagnostics.error("E1", {bad, 1, 1, 1}, bad, bad);
    for (const auto report : k_reports) CHECK(read(report, snapshot).is_object());
    CHECK(read(report_rules, snapshot)["rules"][0]["name"] == "x\xef\xbf\xbd\x1b\"");
}

TEST_CASE("equal snapshots give equal documents") {
    for (const auto report : k_reports) CHECK(text_of(report, make_snapshot()) == text_of(report, make_snapshot()));
}

TEST_CASE("a document in pieces is the document, and nothing of it is made before it is asked for") {
    Snapshot snapshot = make_snapshot();
    Policy& policy = edit(snapshot.policy);
    const Rule rule = policy.rules[0];
    while (policy.rules.size() < 50) policy.rules.push_back(rule);
    for (const auto report : k_reports) {
        Document document = report(std::make_shared<const Snapshot>(snapshot));
        std::string text = "before";
        std::size_t pieces = 1;
        for (std::size_t end = text.size(); document.write(text, 100); end = text.size(), ++pieces) REQUIRE(text.size() >= end + 100);
        CHECK(text == "before" + text_of(report, snapshot));
        CHECK(document.text().empty());
        if (report == &report_rules) CHECK(pieces > 50);
    }
}

TEST_CASE("a document keeps the snapshot that it is written from, until it goes") {
    auto shared = std::make_shared<const Snapshot>(make_snapshot());
    const std::weak_ptr<const Snapshot> watched = shared;
    {
        Document document = report_rules(shared);
        shared.reset();
        CHECK_FALSE(watched.expired());
        CHECK(document.text() == text_of(report_rules, make_snapshot()));
    }
    CHECK(watched.expired());
}

namespace {

/// The fixture's steer rule by a group of one member, which is probed.
Snapshot make_probed_snapshot() {
    Snapshot snapshot = make_snapshot();
    Group group;
    group.name = "g";
    group.members.resize(1);
    group.members[0].way.via = "eth1";
    group.members[0].way.next_hop = parse_ip_address("192.0.2.1");
    edit(snapshot.policy).rules[0].targets[0].group = "g";
    edit(snapshot.policy).groups = {group};
    MemberProbe probe;
    probe.task.order.type = HealthProbe::Type::tcp;
    probe.task.order.destination = parse_ip_address("192.0.2.1").value();
    probe.task.order.port = 80;
    snapshot.probes[{"g", member_identity(group.members[0])}] = probe;
    snapshot.taken_monotonic_us = 9'000'000;
    return snapshot;
}

Json probe_of(const Snapshot& snapshot) {
    return read(report_rules, snapshot)["rules"][0]["targets"][0]["members"][0]["probe"];
}

}  // namespace

TEST_CASE("a target that names a group has its sample and limit reported, too") {
    Snapshot snapshot = make_probed_snapshot();
    Target& target = edit(snapshot.policy).rules[0].targets[0];
    target.sample = 10;
    target.limit = RateLimit{};
    const Json shown = read(report_rules, snapshot)["rules"][0]["targets"][0];
    CHECK(shown["sample"] == 10);
    CHECK(shown.contains("limit"));
    CHECK(shown["members"].size() == 1);
}

TEST_CASE("the probe of a member is reported with what is known by it") {
    Snapshot snapshot = make_probed_snapshot();
    CHECK(probe_of(snapshot) == Json::parse(R"({"type":"tcp","address":"192.0.2.1","port":80,"source":null,"health":"unknown","health_us":null,
        "reason":"","is_held_down":false,"asked":0,"answered":0,"answers_in_a_row":0,"misses_in_a_row":0,"last_result":null,
        "last_result_us":null,"rtt_us":null})"));
    MemberState& state = snapshot.probes.begin()->second.state;
    state.health = Health::dead;
    state.since = std::chrono::seconds(4);
    state.death = Miss{MissReason::refused, 0};
    state.result_at = std::chrono::seconds(8);
    state.answered = 3;
    state.rtt = std::chrono::microseconds(250);
    const Json dead = probe_of(snapshot);
    CHECK(dead["health"] == "dead");
    CHECK(dead["health_us"] == 5'000'000);
    CHECK(dead["reason"] == "refused");
    CHECK(dead["last_result"] == "answer");
    CHECK(dead["last_result_us"] == 1'000'000);
    CHECK(dead["rtt_us"] == 250);
    snapshot.probes.begin()->second.trouble = "no file descriptors";
    CHECK(probe_of(snapshot)["reason"] == "no file descriptors");
    snapshot.probes.clear();
    CHECK(probe_of(snapshot).is_null());
}

namespace {

/// The fixture's multicast rule with `join`, whose groups are to be joined on eth0 and eth1.
Snapshot make_joining_snapshot() {
    Snapshot snapshot = make_snapshot();
    Rule& rule = edit(snapshot.policy).rules[1];
    rule.join.emplace();
    rule.match.interface = {false, {"eth0", "eth1"}, {}};
    return snapshot;
}

Membership membership(std::uint32_t ifindex) {
    return {ifindex, parse_ip_address("239.1.1.1").value(), std::nullopt};
}

}  // namespace

TEST_CASE("a rule that joins nothing has no join") {
    const Json document = read(report_rules, make_snapshot());
    for (const Json& rule : document["rules"]) CHECK(rule["join"].is_null());
}

TEST_CASE("the memberships of a rule are reported with their state") {
    Snapshot snapshot = make_joining_snapshot();
    const auto join = [&] { return read(report_rules, snapshot)["rules"][1]["join"]; };
    CHECK(join()["state"] == "failed");
    snapshot.memberships[membership(2)] = 0;
    snapshot.memberships[membership(3)] = 105;
    snapshot.silent_us["mc"] = 12'000'000;
    CHECK(join() == Json::parse(R"({"state":"partial","groups":1,"sources":[],"interfaces":["eth0","eth1"],"memberships":2,"joined":1,
        "failed":1,"errors":[{"errno":"ENOBUFS","text":"No buffer space available","memberships":1}],"silent_us":12000000})"));
    snapshot.memberships[membership(3)] = 0;
    CHECK(join()["state"] == "joined");
    edit(snapshot.policy).rules[1].match.interface = {false, {"lan7"}, {}};
    CHECK(join()["state"] == "waiting");
}

TEST_CASE("the memberships of an interface are reported one by one, and counted for the daemon") {
    Snapshot snapshot = make_joining_snapshot();
    snapshot.memberships[membership(2)] = 0;
    snapshot.memberships[{2, parse_ip_address("232.1.1.1").value(), parse_ip_address("10.0.0.1").value()}] = 19;
    snapshot.memberships[membership(3)] = 0;
    snapshot.membership_sockets = 2;
    const Json interfaces = read(report_interfaces, snapshot)["interfaces"];
    CHECK(interfaces[0]["joins"].empty());
    CHECK(interfaces[1]["joins"] == Json::parse(R"([{"group":"232.1.1.1","source":"10.0.0.1","state":"failed","errno":"ENODEV",
        "reason":"No such device"},{"group":"239.1.1.1","source":null,"state":"joined"}])"));
    CHECK(interfaces[2]["joins"].size() == 1);
    CHECK(read(report_internals, snapshot)["joins"] == Json::parse(R"({"memberships":3,"joined":2,"failed":1,
        "errors":[{"errno":"ENODEV","text":"No such device","memberships":1}],"beyond_limit":0,"sockets":2})"));
}
