// SPDX-License-Identifier: Apache-2.0
#include "stat/draw.hpp"
#include "stat/rates.hpp"
#include "stat/varlink_client.hpp"

#include <catch2/catch.hpp>

using namespace rudder;
using namespace rudder::stat;

namespace {

Json stats(std::uint64_t monotonic_us, std::uint64_t packets, std::uint64_t bytes) {
    return {{"monotonic_us", monotonic_us},
            {"rules",
             Json::array({{{"name", "ef"},
                           {"priority", 10},
                           {"type", "steer"},
                           {"packets", packets},
                           {"bytes", bytes},
                           {"failures", Json::object()},
                           {"targets",
                            Json::array({{{"index", 0}, {"via", "eth1"}, {"packets", packets}, {"bytes", bytes}}})}}})},
            {"reasons", {{"short", 0}, {"malformed", 3}}}};
}

bool has(const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
}

std::string answered_error(const char* reply) {
    const Result<Json> parameters = reply_parameters(reply);
    return parameters ? std::string() : parameters.error().message;
}

}  // namespace

TEST_CASE("the parameters of a reply are its document") {
    CHECK((*reply_parameters(R"({"parameters":{"a":1}})"))["a"] == 1);
}

TEST_CASE("what is not a reply is an error in words") {
    CHECK(answered_error("") == "the reply is not a JSON object");
    CHECK(answered_error("{") == "the reply is not a JSON object");
    CHECK(answered_error("[]") == "the reply is not a JSON object");
    CHECK(answered_error("{}") == "the reply has no parameters");
    CHECK(answered_error(R"({"parameters":[1]})") == "the reply has no parameters");
    CHECK(answered_error(R"({"error":"org.varlink.service.MethodNotFound"})") ==
          "the daemon answered org.varlink.service.MethodNotFound");
    CHECK(answered_error(R"({"error":"\u001b[2J"})") == "the daemon answered \\x1b[2J");
    CHECK_FALSE(answered_error(R"({"error":7})").empty());
}

TEST_CASE("a rate is the growth per second of the daemon's clock") {
    const CounterSample before = sample_of(stats(1'000'000, 100, 1000), 0);
    const CounterSample now = sample_of(stats(3'000'000, 300, 5000), 0);
    CHECK(rate_between(before, now, {"ef", -1}) == Rate{100, 16000});
    CHECK(rate_between(before, now, {"ef", 0}) == Rate{100, 16000});
}

TEST_CASE("a document without a clock is timed by its arrival") {
    const CounterSample before = sample_of(stats(0, 0, 0), 500'000);
    const CounterSample now = sample_of(stats(0, 10, 10), 1'000'000);
    CHECK(rate_between(before, now, {"ef", -1}) == Rate{20, 160});
}

TEST_CASE("there is no rate for what is new, counted anew or not later") {
    const CounterSample before = sample_of(stats(1'000'000, 100, 1000), 0);
    CHECK_FALSE(rate_between({}, before, {"ef", -1}));
    CHECK_FALSE(rate_between(before, sample_of(stats(2'000'000, 99, 1000), 0), {"ef", -1}));
    CHECK_FALSE(rate_between(before, before, {"ef", -1}));
    CHECK_FALSE(rate_between(before, before, {"other", -1}));
}

TEST_CASE("counters are drawn with the reasons that occurred") {
    const std::string text = draw_stats(stats(1, 100, 1000), {true, false});
    CHECK(has(text, "PACKETS"));
    CHECK(has(text, "ef"));
    CHECK(has(text, "target 0 via eth1"));
    CHECK(has(text, "malformed"));
    CHECK_FALSE(has(text, "short"));
    CHECK_FALSE(has(text, "PACKETS/S"));
}

TEST_CASE("rates are drawn once there are two samples") {
    const CounterSample first = sample_of(stats(1'000'000, 100, 1000), 0);
    const CounterSample second = sample_of(stats(2'000'000, 1334, 2000), 0);
    CHECK(has(draw_rates(stats(2'000'000, 1334, 2000), {true, false}, first, second), " 1234 "));
    CHECK(has(draw_rates(stats(1'000'000, 100, 1000), {true, false}, {}, first), " - "));
}

TEST_CASE("no legend means no headings") {
    CHECK_FALSE(has(draw_stats(stats(1, 1, 1), {false, false}), "NAME"));
}

TEST_CASE("a name cannot steer the terminal") {
    Json document = stats(1, 1, 1);
    document["rules"][0]["name"] = "a\x1b[2J\n\xc2\x9b";
    document["reasons"]["\x1b]0;x\x07"] = 5;
    for (const auto draw : {draw_rules, draw_stats}) {
        const std::string text = draw(document, {true, false});
        CHECK(has(text, "a\\x1b[2J\\n\\u009b"));
        CHECK_FALSE(has(text, "\x1b"));
        CHECK_FALSE(has(text, "\xc2\x9b"));
    }
}

TEST_CASE("a steer rule shows the state of its next hop, replicate and mirror rules that of each copy") {
    const Json document = Json::parse(R"({"rules":[
        {"name":"a","type":"steer","state":"active","targets":[{"state":"no-neighbour"}]},
        {"name":"b","type":"replicate","state":"active","targets":[{"index":0,"state":"up","via":"eth1","mac":"02:00:00:00:00:01",
          "rewrite":{"dst_ip":"10.0.0.1"}},{"index":1,"state":"link-down","via":"eth2","mac":null,"rewrite":{"dst_port":5004}}]},
        {"name":"c","type":"drop","state":"deferred","reason":"no interface eth7","targets":[]},
        {"name":"d","type":"mirror","state":"active","targets":[{"index":0,"state":"up","via":"eth4"},
          {"index":1,"state":"no-device","via":"eth5"}]}]})");
    const std::string text = draw_rules(document, {true, false});
    CHECK(has(text, "via eth5"));
    CHECK(has(text, "no-device"));
    CHECK(has(text, "no-neighbour"));
    CHECK(has(text, "10.0.0.1 via eth1 mac 02:00:00:00:00:01"));
    CHECK(has(text, " port 5004 via eth2 "));
    CHECK(has(text, "link-down"));
    CHECK(has(text, "c is deferred: no interface eth7"));
}

TEST_CASE("internals say whether the log is complete") {
    const auto draw_log = [](const char* log) { return draw_internals(Json::parse(std::string("{\"log\":") + log + "}"), {true, false}); };
    CHECK(has(draw_log(R"({"is_degraded":false,"entries_waiting":0,"entries_late":3,"entries_lost":0})"), "complete, 3 late and 0 lost since start"));
    CHECK(has(draw_log(R"({"is_degraded":true,"reason":"full","entries_waiting":5,"entries_late":8,"entries_lost":2})"),
              "degraded, 5 entries wait (full), 8 late and 2 lost since start"));
}

TEST_CASE("internals say how often the flow cache was asked in vain") {
    const Json document = Json::parse(R"({"flow_cache":{"max_entries":32768,"hits":70,"misses":30}})");
    CHECK(has(draw_internals(document, {true, false}), "32768 entries; 70 hits and 30 misses since start"));
}

TEST_CASE("documents of any shape are drawn without failing") {
    for (const char* text :
         {"null", "[]", "{}",
          R"({"rules":7,"interfaces":[1],"maps":[[]],"next_hops":[null],"features":{},"files":"x"})",
          R"({"rules":[{"name":{},"packets":-1,"targets":[{"index":"x"}],"failures":[]}],"reasons":[1]})",
          R"({"image":[],"limits":7,"last_load":[],"interfaces":[{"hooks":[7]}],"stray_hooks":[{}]})"}) {
        const Json document = Json::parse(text);
        for (const auto draw : {draw_rules, draw_stats, draw_interfaces, draw_maps, draw_internals, draw_config}) {
            CHECK_FALSE(has(draw(document, {true, false}), "\x1b"));
        }
    }
}

TEST_CASE("the steps of the last load are drawn with their times") {
    const Json document = Json::parse(R"({"last_load_times":{"read_us":1250,"publish_us":23456}})");
    CHECK(has(draw_internals(document, {true, false}), "read 1.2 ms, judge 0.0 ms,"));
    CHECK(has(draw_internals(document, {true, false}), "publish 23.4 ms"));
}

TEST_CASE("every drawing ends with its line") {
    const Json document = Json::parse(
        R"({"rules":[{"name":"a"}],"interfaces":[{"name":"a"}],"maps":[{"name":"a"}],"files":[{"path":"a"}]})");
    for (const auto draw : {draw_rules, draw_stats, draw_interfaces, draw_maps, draw_internals, draw_config}) {
        CHECK(draw(document, {true, false}).back() == '\n');
    }
}

TEST_CASE("colour is used only when the style has it") {
    const Json document = Json::parse(R"({"rules":[{"name":"a","type":"drop","state":"active"}]})");
    CHECK_FALSE(has(draw_rules(document, {true, false}), "\x1b"));
}

namespace {

std::string rules_with_join(const Json& join) {
    return draw_rules({{"rules", Json::array({{{"name", "mc"}, {"state", "active"}, {"join", join}}})}}, {true, false});
}

}  // namespace

TEST_CASE("a rule whose groups are joined and whose packets come is not worth a word") {
    CHECK_FALSE(has(rules_with_join(nullptr), "mc has"));
    CHECK_FALSE(has(rules_with_join({{"state", "joined"}, {"interfaces", {"eth0"}}, {"silent_us", 9'000'000}}), "mc has"));
}

TEST_CASE("what is wrong with the groups of a rule is said below the table") {
    CHECK(has(rules_with_join({{"state", "joined"}, {"interfaces", {"eth0", "eth1"}}, {"silent_us", 35'700'000}}),
              "mc has joined on eth0,eth1, no packets seen for 35 s\n"));
    CHECK(has(rules_with_join({{"state", "waiting"}}), "mc waits for an interface to join on\n"));
    const std::string failed = rules_with_join({{"state", "partial"}, {"memberships", 500}, {"failed", 3},
        {"errors", Json::array({{{"memberships", 3}, {"text", "Too many open files"}}})}});
    CHECK(has(failed, "mc has not joined all groups: 3 of 500 failed: Too many open files\n"));
    CHECK(has(failed, "join-failed"));
}

TEST_CASE("the health of a member stands behind its share") {
    const auto drawn = [](const Json& probe) {
        const Json member = {{"via", "eth1"}, {"weight", 1}, {"tier", 1}, {"share", 1.0}, {"state", "up"}, {"probe", probe}};
        const Json target = {{"members", Json::array({member})}};
        std::string text = draw_rules({{"rules", Json::array({{{"name", "r"}, {"type", "steer"}, {"state", "active"}, {"targets", Json::array({target})}}})}}, {true, false});
        std::replace(text.begin(), text.end(), '\n', ' ');
        return text;
    };
    CHECK_FALSE(has(drawn(nullptr), "probe"));
    CHECK(has(drawn({{"type", "tcp"}, {"address", "10.0.0.1"}, {"port", 80}, {"health", "up"}, {"reason", ""}, {"rtt_us", 340}}),
              "probe tcp 10.0.0.1 port 80 up 0.3 ms"));
    CHECK(has(drawn({{"type", "icmp"}, {"address", "10.0.0.1"}, {"health", "dead"}, {"reason", "no answer"}, {"rtt_us", 340}}),
              "probe icmp 10.0.0.1 dead (no answer)"));
    CHECK(has(drawn({{"type", "icmp"}, {"address", "10.0.0.1"}, {"health", "dead"}, {"reason", ""}, {"is_held_down", true}}),
              "probe icmp 10.0.0.1 dead (held down)"));
}

TEST_CASE("the groups joined on an interface are counted beside its ingress hook") {
    const Json hooks = Json::array({{{"direction", "ingress"}}, {{"direction", "egress"}}});
    const auto drawn = [&](const Json& states) {
        Json joins = Json::array();
        for (const Json& state : states) joins.push_back({{"state", state}});
        return draw_interfaces({{"interfaces", Json::array({{{"name", "eth0"}, {"hooks", hooks}, {"joins", joins}}})}}, {true, false});
    };
    CHECK(has(drawn({"joined", "joined", "failed"}), "2, 1 failed"));
    CHECK_FALSE(has(drawn(Json::array()), "failed"));
}
