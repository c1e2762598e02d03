// SPDX-License-Identifier: Apache-2.0
/// A packet and its rule differ in one thing from those that are sent on at once: it must not show.
#include "check.hpp"
#include "random_frame.hpp"

using namespace rudder;
using namespace rudder::test;

namespace {

constexpr std::uint32_t k_usual_mtu = 1500;
const std::string k_dst = "10.1.2.3", k_dst6 = "2001:db8:1::3";

Topology changed(void (*change)(Link&)) {
    Topology result = topology();
    change(result.links.at(link_named("out0").ifindex));
    return result;
}

struct Case {
    std::string what;
    Policy policy;
    Frame in;
    int verdict = k_redirect;
    Frame out{};               ///< empty: as it came in
    std::uint32_t reason = 0;  ///< RUDDER_REASON_* that the rule's failure counts, 0: none
    bool is_matched = true;    ///< the rule counts it
    Topology world = topology();
    Direction direction = Direction::ingress;
    std::optional<CounterKey> taken{};  ///< what counts the packet beside the rule
    TagPlace place = TagPlace::in_frame;
};

std::map<CounterKey, std::uint64_t> counted(const Case& each, std::uint64_t number) {
    std::map<CounterKey, std::uint64_t> result;
    if (each.is_matched) {
        result[{"r", -1}] = number;
    }
    if (each.taken) {
        result[*each.taken] = number;
    }
    return result;
}

/// One packet under the published policy. `left_over`: by others, in the words that say what is to be done.
void check_one(const Case& each, std::uint32_t left_over = 0) {
    datapath().reset();
    const Run run = datapath().run_tagged(each.in, each.place, link_named("in0").ifindex, each.direction, {.left_over = left_over});
    const Frame& want = each.out.empty() ? each.in : each.out;
    INFO("in   " << hex(each.in) << "\nwant " << hex(want) << "\ngot  " << hex(run.frame));
    CHECK(run.verdict == each.verdict);
    CHECK((run.frame == want));
    const Counts counts = datapath().counts();
    CHECK((counts.packets == counted(each, 1)));
    const std::size_t beside = each.place == TagPlace::beside && be16(each.in, 12) == 0x8100 ? 4 : 0;
    CHECK((counts.bytes == counted(each, each.in.size() - beside)));
    using Failures = std::map<std::pair<CounterKey, std::uint32_t>, std::uint64_t>;
    CHECK((counts.failures == (each.reason == 0 ? Failures{} : Failures{{{{"r", -1}, each.reason}, 1}})));
    using Reasons = std::map<std::uint32_t, std::uint64_t>;
    CHECK((counts.reasons == (each.reason == 0 ? Reasons{} : Reasons{{each.reason, 1}})));
}

/// Packets that the flow cache knows from the second one on or, without flows, that are sent on at once. What others left in skb->cb
/// is not counted.
void check_short(const Case& each, bool has_flows) {
    REQUIRE(datapath().publish(has_flows ? each.policy : uncached(each.policy), each.world));
    const FlowUse before = datapath().flow_use();
    for (const char* const which : {"first", "second", "third"}) {
        INFO(each.what << (has_flows ? ", the " : " without flows, the ") << which);
        check_one(each, has_flows ? 0 : datapath().slot_of({"stranger", -1}));
    }
    const FlowUse after = datapath().flow_use();
    CHECK((has_flows || (after.hits == before.hits && after.misses == before.misses)));
}

/// By the short ways and by the long one. Cases of one policy are best one after another: the kernel takes its time for a new one.
void check_alike(const std::vector<Case>& cases) {
    for (const bool has_flows : {true, false}) {
        for (const Case& each : cases) {
            check_short(each, has_flows);
        }
    }
    datapath().open_short_way(false);
    for (const Case& each : cases) {
        INFO(each.what << ", the long way");
        CHECK(datapath().publish(each.policy, each.world));
        check_one(each);
    }
    datapath().open_short_way(true);
}

Ipv4 v4(std::uint8_t ttl = 64) { return {.dst = k_dst, .ttl = ttl}; }
Ipv6 v6(std::uint8_t hop_limit = 64) { return {.dst = k_dst6, .hop_limit = hop_limit}; }
Frame coming(std::uint8_t ttl = 64, std::size_t size = 30) { return arriving() / v4(ttl) / Udp{} / payload(size); }
Frame going(std::uint8_t ttl = 63, std::size_t size = 30) { return leaving() / v4(ttl) / Udp{} / payload(size); }
Policy plain() { return policy({steer("10.0.0.0/8")}); }
Policy plain6() { return policy({steer("2001:db8:1::/48")}); }

Policy with_ttl(TtlAction::Mode mode, std::uint8_t value = 0, const std::string& dst = "10.0.0.0/8") {
    Rewrite rewrite;
    rewrite.ttl = {mode, value};
    return policy({steer(dst, rewrite)});
}

/// Without the static MAC.
Policy by(std::optional<IpAddress> gateway) {
    Rule result = steer("10.0.0.0/8");
    result.targets[0].next_hop_mac.reset();
    result.targets[0].next_hop = gateway;
    return policy({result});
}

/// Where that gateway's state is this.
Topology with_gateway(bool is_reachable, std::optional<MacAddress> mac) {
    Topology result = topology();
    for (const NextHopQuery& query : next_hop_queries(by(address("192.0.2.9")), result)) {
        result.next_hops[query] = {is_reachable, query.address, mac, false};
    }
    return result;
}

/// One way, by a group, from `rule`.
Policy by_group(Rule rule) {
    Group only;
    only.name = "g";
    only.hash = RUDDER_HASH_5_TUPLE;
    only.members.resize(1);
    only.members[0].way = target("out0");
    rule.targets[0].via.clear();
    rule.targets[0].next_hop_mac.reset();
    rule.targets[0].group = "g";
    Policy result = policy({rule});
    result.groups = {only};
    return result;
}

CounterKey member_of(const Policy& rules) { return {"r", 0, member_identity(rules.groups[0].members[0])}; }

}  // namespace

TEST_CASE("at once: every protocol") {
    check_alike({{"udp", plain(), coming(), k_redirect, going()},
                 {"tcp", plain(), arriving() / v4() / Tcp{} / payload(9), k_redirect, leaving() / v4(63) / Tcp{} / payload(9)},
                 {"icmp", plain(), arriving() / v4() / Icmp{} / payload(9), k_redirect, leaving() / v4(63) / Icmp{} / payload(9)},
                 {"253", plain(), arriving() / Ipv4{.dst = k_dst, .protocol = 253} / payload(9), k_redirect,
                  leaving() / Ipv4{.dst = k_dst, .ttl = 63, .protocol = 253} / payload(9)},
                 {"udp over v6", plain6(), arriving() / v6() / Udp{} / payload(9), k_redirect, leaving() / v6(63) / Udp{} / payload(9)},
                 {"icmpv6", plain6(), arriving() / v6() / Icmp6{} / payload(9), k_redirect, leaving() / v6(63) / Icmp6{} / payload(9)}});
}

TEST_CASE("at once, but for what the rule does with the packet") {
    check_alike({{"keep", with_ttl(TtlAction::Mode::keep), coming(1), k_redirect, going(1)},
                 {"set", with_ttl(TtlAction::Mode::set, 9), coming(1), k_redirect, going(9)},
                 {"keep, v6", with_ttl(TtlAction::Mode::keep, 0, "2001:db8:1::/48"), arriving() / v6(1) / Udp{} / payload(9), k_redirect,
                  leaving() / v6(1) / Udp{} / payload(9)},
                 {"set, v6", with_ttl(TtlAction::Mode::set, 9, "2001:db8:1::/48"), arriving() / v6(1) / Udp{} / payload(9), k_redirect,
                  leaving() / v6(9) / Udp{} / payload(9)},
                 {"set to the same", with_ttl(TtlAction::Mode::set, 64), coming(), k_redirect, going(64)}});
    Rewrite port;
    port.dst_port = 6000;
    check_alike({{"a port", policy({steer("10.0.0.0/8", port)}), coming(), k_redirect, leaving() / v4(63) / Udp{4000, 6000} / payload(30)}});
    Rewrite tag;
    tag.vlan = 5;
    check_alike({{"a tag", policy({steer("10.0.0.0/8", tag)}), coming(), k_redirect, leaving() / Vlan{5} / v4(63) / Udp{} / payload(30)}});
    const Policy grouped = by_group(steer("10.0.0.0/8"));
    check_alike({{"a group", grouped, coming(), k_redirect, going(), 0, true, topology(), Direction::ingress, member_of(grouped)}});
}

TEST_CASE("at once, but for the next hop") {
    const MacAddress mac{{2, 0, 0, 0, 9, 9}};
    const Policy gateway = by(address("192.0.2.9"));
    const Frame unresolved = arriving() / v4(63) / Udp{} / payload(30);  // the kernel writes the MACs behind us
    check_alike({{"a known gateway", gateway, coming(), k_redirect, Ethernet{mac, link_named("out0").mac, {}} / v4(63) / Udp{} / payload(30), 0,
                  true, with_gateway(true, mac)},
                 {"one to be asked for", gateway, coming(), k_redirect, unresolved, 0, true, with_gateway(true, {})},
                 {"the kernel's route", by({}), coming(), k_redirect, unresolved},
                 {"no route", gateway, coming(), k_next, {}, RUDDER_REASON_NO_ROUTE, true, with_gateway(false, {})}});
    const Topology down = changed([](Link& link) { link.is_up = false; });
    Rule drops = steer("10.0.0.0/8");
    drops.failure_drops = true;
    check_alike({{"down", plain(), coming(), k_next, {}, RUDDER_REASON_LINK_DOWN, true, down},
                 {"down and dropped", policy({drops}), coming(), k_drop, {}, RUDDER_REASON_LINK_DOWN, true, down}});
}

TEST_CASE("at once, but at egress: the TTL stays") {
    const Policy out = policy({steer("10.0.0.0/8", {}, Direction::egress)}), out6 = policy({steer("2001:db8:1::/48", {}, Direction::egress)});
    for (const std::uint8_t ttl : std::initializer_list<std::uint8_t>{0, 1, 64}) {
        check_alike({{"ttl " + std::to_string(ttl), out, coming(ttl), k_redirect, going(ttl), 0, true, topology(), Direction::egress},
                     {"hop limit " + std::to_string(ttl), out6, arriving() / v6(ttl) / Udp{} / payload(9), k_redirect,
                      leaving() / v6(ttl) / Udp{} / payload(9), 0, true, topology(), Direction::egress}});
    }
    Rule in_place = steer("10.0.0.0/8", {}, Direction::egress);
    in_place.targets[0].via = "in0";
    check_alike({{"by the device of the hook", policy({in_place}), coming(), k_next, leaving("in0") / v4() / Udp{} / payload(30), 0, true,
                  topology(), Direction::egress}});
}

TEST_CASE("at once, but for the length of the frame") {
    constexpr std::size_t k_headers = 20 + 8;
    const Topology jumbo = changed([](Link& link) { link.mtu = 9000; });
    const Topology small = changed([](Link& link) { link.mtu = 576; });
    for (const std::size_t size : {k_usual_mtu - k_headers, k_usual_mtu - k_headers + 1}) {
        const std::string what = std::to_string(14 + k_headers + size) + " bytes";
        const bool is_usual = size + k_headers <= k_usual_mtu;
        REQUIRE(coming(64, size).size() == (is_usual ? 1514 : 1515));
        check_alike({{what, plain(), coming(64, size), is_usual ? k_redirect : k_next, is_usual ? going(63, size) : Frame{},
                      is_usual ? RUDDER_REASON_NONE : RUDDER_REASON_TOO_BIG},
                     {what + ", a large MTU", plain(), coming(64, size), k_redirect, going(63, size), 0, true, jumbo},
                     {what + ", a small MTU", plain(), coming(64, size), k_next, {}, RUDDER_REASON_TOO_BIG, true, small}});
    }
}

TEST_CASE("at once, but for what lies before and behind the IP header") {
    Ipv4 before = v4(), after = v4(63);
    before.option_bytes = after.option_bytes = 8;
    check_alike({{"options", plain(), arriving() / before / Udp{} / payload(9), k_redirect, leaving() / after / Udp{} / payload(9)}});
    for (const std::uint8_t type : std::initializer_list<std::uint8_t>{0, 43, 44, 51, 60}) {
        check_alike({{"extension " + std::to_string(type), plain6(), arriving() / v6() / Extension{.type = type} / Udp{} / payload(9), k_redirect,
                      leaving() / v6(63) / Extension{.type = type} / Udp{} / payload(9)}});
    }
    for (const std::uint16_t fragment : std::initializer_list<std::uint16_t>{0x2000, 0x2010, 0x0010}) {
        before = {.dst = k_dst, .fragment = fragment, .protocol = 17};
        after = {.dst = k_dst, .ttl = 63, .fragment = fragment, .protocol = 17};
        check_alike({{"fragment " + std::to_string(fragment), plain(), arriving() / before / payload(24), k_redirect,
                      leaving() / after / payload(24)}});
    }
    Rule in_any = steer("10.0.0.0/8");
    in_any.match.vlan = k_vlan_any;
    for (const TagPlace place : {TagPlace::in_frame, TagPlace::beside}) {
        for (const std::uint16_t tci : std::initializer_list<std::uint16_t>{0xe000, 5}) {
            check_alike({{"tag " + std::to_string(tci), policy({in_any}), arriving() / Vlan{tci} / v4() / Udp{} / payload(9), k_redirect,
                          leaving() / Vlan{tci} / v4(63) / Udp{} / payload(9), 0, true, topology(), Direction::ingress, {}, place},
                         {"tag over v6", plain6(), arriving() / Vlan{0xe000} / v6() / Udp{} / payload(9), k_redirect,
                          leaving() / Vlan{0xe000} / v6(63) / Udp{} / payload(9), 0, true, topology(), Direction::ingress, {}, place}});
        }
    }
}

TEST_CASE("at once, but for the TTL") {
    for (const std::uint8_t ttl : std::initializer_list<std::uint8_t>{0, 1}) {
        check_alike({{"ttl " + std::to_string(ttl), plain(), coming(ttl), k_next, {}, RUDDER_REASON_TTL_EXPIRED},
                     {"hop limit " + std::to_string(ttl), plain6(), arriving() / v6(ttl) / Udp{} / payload(9), k_next, {},
                      RUDDER_REASON_TTL_EXPIRED}});
    }
    for (const std::uint8_t ttl : std::initializer_list<std::uint8_t>{2, 128, 255}) {
        check_alike({{"ttl " + std::to_string(ttl), plain(), coming(ttl), k_redirect, going(static_cast<std::uint8_t>(ttl - 1))}});
    }
}

TEST_CASE("at once, but for the header checksum") {
    const auto with = [](std::uint16_t identification, std::optional<std::uint16_t> checksum, std::uint8_t ttl = 64) {
        return Ipv4{.dst = k_dst, .ttl = ttl, .checksum = checksum, .identification = identification};
    };
    const auto right = [&](std::uint16_t identification) { return be16(arriving() / with(identification, {}) / Udp{} / payload(9), 24); };
    const auto identified = [&](unsigned checksum) {  // the packet with that checksum; the sum grows by what it lacks
        const unsigned identification = fold16(right(0) + 0xffffu - checksum);
        REQUIRE(right(static_cast<std::uint16_t>(identification)) == checksum);
        return static_cast<std::uint16_t>(identification);
    };
    const auto sent = [&](std::uint16_t identification) { return Frame(leaving() / with(identification, {}, 63) / Udp{} / payload(9)); };
    std::vector<Case> cases;
    for (const std::uint16_t checksum : std::initializer_list<std::uint16_t>{0, 1, 0xfe, 0xff, 0xfeff, 0xff00, 0xfefe, 0xfffe}) {
        const std::uint16_t number = identified(checksum);
        const std::string what = "checksum " + std::to_string(checksum);
        cases.push_back({what, plain(), arriving() / with(number, {}) / Udp{} / payload(9), k_redirect, sent(number)});
        for (const unsigned wrong : {checksum + 1u, checksum ^ 0x8000u, checksum + 0x100u}) {
            const Ipv4 ip = with(number, static_cast<std::uint16_t>(wrong));
            cases.push_back({what + ", but " + std::to_string(wrong), plain(), arriving() / ip / Udp{} / payload(9), k_next, {},
                             RUDDER_REASON_MALFORMED, false});
        }
    }
    const std::uint16_t zero = identified(0), other = 0x4711;
    cases.push_back({"the other zero", plain(), arriving() / with(zero, std::uint16_t{0xffff}) / Udp{} / payload(9), k_redirect, sent(zero)});
    for (const std::uint16_t wrong : {std::uint16_t{0}, std::uint16_t{0xffff}}) {
        cases.push_back({"no checksum", plain(), arriving() / with(other, wrong) / Udp{} / payload(9), k_next, {}, RUDDER_REASON_MALFORMED, false});
    }
    check_alike(cases);
}

TEST_CASE("the kernel's sum of a summed packet stays right, sent on at once or not") {
    std::vector<Case> cases;
    for (const unsigned ttl : {2u, 64u, 255u}) {
        cases.push_back({"v4", plain(), coming(static_cast<std::uint8_t>(ttl))});
        for (const std::uint16_t zero : {std::uint16_t{0}, std::uint16_t{0xffff}}) {  // what the checksum was goes to the identification
            const auto left = static_cast<std::uint8_t>(ttl);
            Ipv4 ip{.dst = k_dst, .ttl = left, .identification = 0};
            ip.identification = static_cast<std::uint16_t>(be16(arriving() / ip / Udp{} / payload(9), 24));
            ip.checksum = zero;
            cases.push_back({"zero", plain(), arriving() / ip / Udp{} / payload(9)});
        }
    }
    cases.push_back({"v6", plain6(), arriving() / v6() / Udp{} / payload(9)});
    for (const bool has_flows : {true, false}) {
        for (const Case& each : cases) {
            INFO(each.what << " " << hex(each.in));
            REQUIRE(datapath().publish(has_flows ? each.policy : uncached(each.policy), topology()));
            CHECK(datapath().run(each.in, link_named("in0").ifindex, Direction::ingress, 1, {.is_summed = true}).verdict == k_redirect);
        }
    }
}

TEST_CASE("at once, but for a limit") {
    for (const bool has_flows : {true, false}) {
        Rule limited = steer("10.0.0.0/8");
        limited.limit = RateLimit{RateLimit::Unit::packets, 1, has_flows ? 3u : 2u};  // other terms begin anew
        limited.excess_drops = true;
        const Policy rules = policy({limited});
        REQUIRE(datapath().publish(has_flows ? rules : uncached(rules), topology()));
        for (std::uint64_t i = 0; i < 5; i++) {
            const bool is_sent = i < limited.limit->burst;
            const Run run = datapath().run(coming(), link_named("in0").ifindex, Direction::ingress);
            CHECK(run.verdict == (is_sent ? k_redirect : k_drop));
            CHECK((run.frame == (is_sent ? going() : coming())));
        }
        const Counts counts = datapath().counts();
        CHECK((counts.packets == std::map<CounterKey, std::uint64_t>{{{"r", -1}, 5}}));
        CHECK((counts.reasons == std::map<std::uint32_t, std::uint64_t>{{RUDDER_REASON_RATE_LIMITED, 5 - limited.limit->burst}}));
    }
    Rule ample = steer("10.0.0.0/8");
    ample.limit = RateLimit{RateLimit::Unit::packets, 1, 1000};
    ample.excess_drops = true;
    check_alike({{"within the limit", policy({ample}), coming(), k_redirect, going()},
                 {"within the limit, expired", policy({ample}), coming(1), k_next, {}, RUDDER_REASON_TTL_EXPIRED}});
}

TEST_CASE("packets of all kinds one after another: only a group's member is counted beside its rule") {
    Rewrite ttl, port;
    ttl.ttl = {TtlAction::Mode::set, 9};
    port.dst_port = 6000;
    Policy rules = by_group(steer("10.0.0.0/16"));
    const Group only = rules.groups[0];
    rules = policy({rules.rules[0], steer("10.1.0.0/16"), steer("10.2.0.0/16", ttl), steer("10.3.0.0/16", port), steer("2001:db8:1::/48")});
    rules.groups = {only};
    const CounterKey member{"r0", 0, member_identity(only.members[0])};
    const auto frame_of = [](unsigned rule, std::uint8_t left) {
        return rule == 4 ? Frame(arriving() / v6(left) / Udp{} / payload(9))
                         : Frame(arriving() / Ipv4{.dst = "10." + std::to_string(rule) + ".2.3", .ttl = left} / Udp{} / payload(9));
    };
    Random random(31);
    for (const bool has_flows : {true, false}) {
        REQUIRE(datapath().publish(has_flows ? rules : uncached(rules), topology()));
        const std::uint32_t left_over = datapath().slot_of(member);
        std::map<CounterKey, std::uint64_t> want;
        std::uint64_t expired = 0;
        for (int i = 0; i < 400; i++) {
            const unsigned rule = below(random, 5);
            const bool is_expired = below(random, 5) == 0, is_sent = !is_expired || rule == 2;
            const Run run = datapath().run(frame_of(rule, is_expired ? 1 : 64), link_named("in0").ifindex, Direction::ingress, 1,
                                           {.left_over = left_over});
            CHECK(run.verdict == (is_sent ? k_redirect : k_next));
            want[{"r" + std::to_string(rule), -1}]++;
            want[member] += rule == 0 && is_sent;
            expired += !is_sent;
        }
        const Counts counts = datapath().counts();
        CHECK((counts.packets == want));
        CHECK((counts.reasons == std::map<std::uint32_t, std::uint64_t>{{RUDDER_REASON_TTL_EXPIRED, expired}}));
    }
}

TEST_CASE("both MAC addresses are written whole, whichever way a packet goes") {
    Random random(32);
    const auto random_mac = [&random] {
        MacAddress mac;
        for (std::uint8_t& byte : mac.bytes) {
            byte = static_cast<std::uint8_t>(random());
        }
        return mac;
    };
    for (int i = 0; i < 10; i++) {
        const Ethernet out{random_mac(), random_mac(), {}};
        Rule sends = steer("10.0.0.0/8"), sends6 = steer("2001:db8:1::/48");
        sends.targets[0].next_hop_mac = sends6.targets[0].next_hop_mac = out.dst;
        Topology world = topology();
        world.links.at(link_named("out0").ifindex).mac = out.src;
        check_alike({{"v4", policy({sends}), coming(), k_redirect, out / v4(63) / Udp{} / payload(30), 0, true, world},
                     {"v6", policy({sends6}), arriving() / v6() / Udp{} / payload(9), k_redirect, out / v6(63) / Udp{} / payload(9), 0,
                      true, world}});
    }
}
