// SPDX-License-Identifier: Apache-2.0
#include "policy_of.hpp"

#include "core/config/reading.hpp"

using namespace rudder;
using namespace rudder::test;

namespace {

IpPrefix prefix(const char* text) {
    return parse_ip_prefix(text).prefix.value();
}

}  // namespace

TEST_CASE("a match without fields matches everything but loopback devices") {
    const Match match = match_of("");
    CHECK(match.interface.any);
    CHECK(match.direction == Direction::ingress);
    CHECK(match.src.empty());
    CHECK(match.dst.empty());
    CHECK(match.family_v4);
    CHECK(match.family_v6);
    CHECK_FALSE(match.ip_proto.has_value());
    CHECK(match.dscp == k_dscp_any);
}

TEST_CASE("interfaces are names, globs and exclusions, sorted and without repetitions") {
    const std::string head = "[[rule]]\nname = \"r\"\npriority = 1\ntype = \"pass\"\nmatch = { interface = ";
    const auto selector = [&](const std::string& value) {
        return policy_of(head + value + " }\n").rules.at(0).match.interface;
    };
    CHECK(selector("\"eth0\"") == InterfaceSelector{false, {"eth0"}, {}});
    CHECK(selector("\"any\"") == InterfaceSelector{true, {}, {}});
    CHECK(selector("[\"ens*\", \"eth0\", \"!ens9\", \"eth0\", \"!docker?\"]") ==
          InterfaceSelector{false, {"ens*", "eth0"}, {"docker?", "ens9"}});
    CHECK(selector("[\"any\", \"!wg0\"]") == InterfaceSelector{true, {}, {"wg0"}});
    CHECK(selector("\"an-altname-that-is-longer-than-fifteen-bytes\"").include.size() == 1);
}

TEST_CASE("what any leaves out may be named beside it") {
    const auto result = [](const std::string& list) {
        return build_policy(
            {{"t", "[[rule]]\nname = \"r\"\npriority = 1\ntype = \"pass\"\nmatch.interface = " + list}});
    };
    const PolicyResult named = result("[\"any\", \"lo\", \"l?\"]");
    REQUIRE(named.policy.has_value());
    CHECK(named.policy->rules.at(0).match.interface == InterfaceSelector{true, {"l?", "lo"}, {}});
    CHECK(named.diagnostics.all().empty());
    const PolicyResult port = result("[\"any\", \"eth0\"]");
    CHECK(port.policy->rules.at(0).match.interface == InterfaceSelector{true, {"eth0"}, {}});
    CHECK(port.diagnostics.all().empty());
}

TEST_CASE("words may be written in any case, names may not") {
    CHECK_FALSE(match_of("ip_proto = \"ANY\"").ip_proto.has_value());
    CHECK(match_of("ip_proto = \"TCP\"").ip_proto == 6);
    CHECK(match_of("direction = \"Egress\"").direction == Direction::egress);
    CHECK(match_of("dscp = \"EF\"").dscp == std::uint64_t{1} << 46);
    const std::string rule = "[[rule]]\nname = \"r\"\npriority = 1\ntype = \"Pass\"\nmatch.interface = ";
    CHECK(policy_of(rule + "\"Any\"").rules.at(0).match.interface.any);
    CHECK(policy_of(rule + "\"ETH0\"").rules.at(0).match.interface.include == std::vector<std::string>{"ETH0"});
    CHECK(target_of("via = \"e\"\nttl = \"KEEP\"").rewrite.ttl.mode == TtlAction::Mode::keep);
}

TEST_CASE("directions are read by name") {
    CHECK(match_of("direction = \"egress\"").direction == Direction::egress);
    CHECK(match_of("direction = \"ingress\"").direction == Direction::ingress);
}

TEST_CASE("prefixes are sorted, and those inside another are dropped") {
    const Match match =
        match_of("dst_ip = [\"10.2.0.0/16\", \"192.0.2.1\", \"10.0.0.0/8\", \"10.0.0.0/24\", \"192.0.2.1/32\"]");
    CHECK(match.dst == std::vector{prefix("10.0.0.0/8"), prefix("192.0.2.1/32")});
}

TEST_CASE("a prefix that holds everything still states its family") {
    const Match match = match_of("src_ip = \"0.0.0.0/0\"");
    CHECK(match.src == std::vector{prefix("0.0.0.0/0")});
    CHECK(match.family_v4);
    CHECK_FALSE(match.family_v6);
}

TEST_CASE("prefixes of a family that cannot match are dropped") {
    const Match match = match_of("src_ip = [\"10.0.0.0/8\", \"2001:db8::/32\"]\ndst_ip = \"2001:db8:1::/48\"");
    CHECK(match.src == std::vector{prefix("2001:db8::/32")});
    CHECK_FALSE(match.family_v4);
    CHECK(match.family_v6);
}

TEST_CASE("protocols are names, numbers or any") {
    CHECK(match_of("ip_proto = \"udp\"").ip_proto == 17);
    CHECK(match_of("ip_proto = 132").ip_proto == 132);
    CHECK_FALSE(match_of("ip_proto = \"any\"").ip_proto.has_value());
}

TEST_CASE("ports are numbers, ranges and lists, merged") {
    const Match match = match_of("src_port = 53\ndst_port = [\"8000-8010\", 80, 81, \"8005-8020\", \"79\"]");
    CHECK(match.src_ports == std::vector<PortRange>{{53, 53}});
    CHECK(match.dst_ports == std::vector<PortRange>{{79, 81}, {8000, 8020}});
}

TEST_CASE("all ports are not the same as no ports given") {
    CHECK(match_of("dst_port = \"0-65535\"").dst_ports == std::vector<PortRange>{{0, 65535}});
}

TEST_CASE("DSCP values are numbers, names and lists") {
    CHECK(match_of("dscp = 46").dscp == std::uint64_t{1} << 46);
    CHECK(match_of("dscp = [\"ef\", 0, \"cs1\"]").dscp == ((std::uint64_t{1} << 46) | 1U | (1U << 8)));
}

TEST_CASE("named sets stand for their entries, alone or in a list, in every file") {
    const std::string sets =
        "[[set]]\nname = \"nets\"\nprefixes = [\"10.1.0.0/16\", \"10.0.0.0/8\"]\n"
        "[[set]]\nname = \"web\"\nports = [80, \"443\"]\n";
    const std::string rule =
        match_rule("src_ip = \"@nets\"\ndst_ip = [\"@nets\", \"192.0.2.0/24\"]\ndst_port = \"@web\"");
    const PolicyResult result = build_policy({{"a.toml", rule}, {"b.toml", sets}});
    REQUIRE(result.policy.has_value());
    CHECK(result.diagnostics.all().empty());
    const Match& match = result.policy->rules.at(0).match;
    CHECK(match.src == std::vector{prefix("10.0.0.0/8")});
    CHECK(match.dst == std::vector{prefix("10.0.0.0/8"), prefix("192.0.2.0/24")});
    CHECK(match.dst_ports == std::vector<PortRange>{{80, 80}, {443, 443}});
}

TEST_CASE("a set that is named again in one list is not expanded again") {
    Limits limits;
    limits.list_entries = 4;
    const std::string sets =
        "[[set]]\nname = \"nets\"\nprefixes = [\"10.1.0.0/16\", \"10.3.0.0/16\"]\n"
        "[[set]]\nname = \"web\"\nports = [80, 443]\n";
    const std::string rule = match_rule("src_ip = [\"@nets\", \"@nets\", \"@nets\"]\ndst_port = [\"@web\", \"@web\"]");
    const PolicyResult result = build_policy({{"t", sets + rule}}, limits);
    REQUIRE(result.policy.has_value());
    CHECK(result.policy->rules.at(0).match.src.size() == 2);
}

TEST_CASE("VLANs are ids, ranges and words; without the key packets are untagged") {
    CHECK(match_of("").vlan == VlanMatch{true, {}});
    CHECK(match_of("vlan = \"none\"").vlan == VlanMatch{true, {}});
    CHECK(match_of("vlan = 100").vlan == VlanMatch{false, {{100, 100}}});
    CHECK(match_of("vlan = [\"10-19\", 20, \"NONE\", 4094]").vlan == VlanMatch{true, {{10, 20}, {4094, 4094}}});
    CHECK(match_of("vlan = \"any\"").vlan == k_vlan_any);
    CHECK(match_of("vlan = [5, \"any\"]").vlan == k_vlan_any);
    CHECK(match_of("vlan = [\"any\", 5]").vlan == k_vlan_any);
}

namespace {

RareMatch rare_of(const std::string& lines) {
    const Match match = match_of(lines);
    return match.rare ? *match.rare : RareMatch{};
}

}  // namespace

TEST_CASE("without a rare field there is no place for them") {
    CHECK_FALSE(match_of("").rare);
    CHECK_FALSE(match_of("dst_port = 80").rare);
    CHECK_FALSE(match_of("fragment = [\"none\", \"first\", \"later\"]").rare);
}

TEST_CASE("ICMP types are those of the protocol") {
    CHECK(rare_of("ip_proto = \"icmp\"\nicmp_type = \"Echo-Request\"").icmp_types == std::vector<ValueRange>{{0x0800, 0x08ff}});
    CHECK(rare_of("ip_proto = \"icmp6\"\nicmp_type = \"echo-request\"").icmp_types == std::vector<ValueRange>{{0x8000, 0x80ff}});
    CHECK(rare_of("ip_proto = \"icmp\"\nicmp_type = [\"3/4\", 11, \"12-13\"]").icmp_types ==
          std::vector<ValueRange>{{0x0304, 0x0304}, {0x0b00, 0x0dff}});
}

TEST_CASE("TCP flags are set, clear or do not matter") {
    CHECK(rare_of("tcp_flags = \"syn,!ack\"").tcp_flags == std::vector<TcpFlags>{{0x02, 0x10}});
    CHECK(rare_of("tcp_flags = [\"rst\", \"FIN\"]").tcp_flags.size() == 2);
}

TEST_CASE("fragments, lengths, TTL and ECN are lists") {
    CHECK(rare_of("fragment = [\"first\", \"later\"]").fragment == (k_fragment_first | k_fragment_later));
    CHECK(rare_of("length = [64, \"100-200\", \"150-300\"]").lengths == std::vector<ValueRange>{{64, 64}, {100, 300}});
    CHECK(rare_of("ttl = \"0-1\"").ttls == std::vector<ValueRange>{{0, 1}});
    CHECK(rare_of("ecn = [\"ce\", 1]").ecn == 0b1010);
}

TEST_CASE("marks and MAC addresses may have masks") {
    CHECK(rare_of("fwmark = [1, \"0x10/0xf0\", \"2\"]").fwmarks ==
          std::vector<MarkPattern>{{1, 0xffffffff}, {2, 0xffffffff}, {0x10, 0xf0}});
    const MacAddress mac{{2, 0, 0, 0, 0, 1}};
    CHECK(rare_of("src_mac = \"02:00:00:00:00:01\"").src_macs == std::vector<MacPattern>{{mac, k_whole_mac}});
    CHECK(rare_of("dst_mac = \"01:00:00:00:00:00/01:00:00:00:00:00\"").dst_macs ==
          std::vector<MacPattern>{{{{1, 0, 0, 0, 0, 0}}, {{1, 0, 0, 0, 0, 0}}}});
}

TEST_CASE("a rule is shadowed only if an earlier one leaves nothing of its rare fields") {
    const auto warnings = [](const std::string& earlier, const std::string& later) {
        std::string second = match_rule(later);
        second.replace(second.find("\"r\""), 3, "\"s\"").replace(second.find("= 1"), 3, "= 2");
        return build_policy({{"t", match_rule(earlier) + second}}).diagnostics.warning_count();
    };
    CHECK(warnings("", "ttl = 5") == 1);
    CHECK(warnings("ttl = \"1-9\"", "ttl = 5") == 1);
    CHECK(warnings("ttl = \"1-9\"", "ttl = \"5-10\"") == 0);
    CHECK(warnings("ttl = 5", "") == 0);
    CHECK(warnings("tcp_flags = \"syn\"", "tcp_flags = \"syn,!ack\"") == 1);
    CHECK(warnings("tcp_flags = \"syn,!ack\"", "tcp_flags = \"syn\"") == 0);
    CHECK(warnings("fwmark = \"0x10/0xf0\"", "fwmark = 0x1f") == 1);
    CHECK(warnings("fwmark = 0x1f", "fwmark = \"0x10/0xf0\"") == 0);
    CHECK(warnings("fragment = \"first\"", "fragment = [\"none\", \"first\"]") == 0);
    CHECK(warnings("src_mac = \"02:00:00:00:00:00/ff:ff:00:00:00:00\"", "src_mac = \"02:00:00:00:00:01\"") == 1);
}

TEST_CASE("a wide steer rule leaves group addresses to one that names a group's MAC address") {
    const auto warnings = [](const std::string& later) {
        const auto steer = [](const std::string& name, const std::string& match) {
            return "[[rule]]\nname = \"" + name + "\"\npriority = " + (name == "wide" ? "1" : "2") +
                   "\ntype = \"steer\"\nmatch = { interface = \"eth0\"" + match + " }\naction = { via = \"eth1\" }\n";
        };
        return build_policy({{"t", steer("wide", "") + steer("narrow", later)}}).diagnostics.warning_count();
    };
    CHECK(warnings(", dst_mac = \"02:00:00:00:00:01\"") == 1);
    CHECK(warnings(", dst_mac = \"ff:ff:ff:ff:ff:ff\"") == 0);
}

TEST_CASE("the list of a set may stand in a file of its own") {
    const std::string sets = "[[set]]\nname = \"nets\"\nfile = \"nets.list\"\n[[set]]\nname = \"web\"\nfile = \"web.list\"\n";
    const std::string rule = match_rule("src_ip = \"@nets\"\ndst_port = \"@web\"");
    const PolicyResult result = build_policy({{"d/a.toml", sets + rule},
                                              {"d/nets.list", "\xef\xbb\xbf# customers\r\n10.1.0.0/16\r\n\t10.0.0.0/8 # all\n\n2001:db8::/32"},
                                              {"e/web.list", "80\n8000-8010\n443 "}});
    CHECK(result.diagnostics.all().empty());
    REQUIRE(result.policy.has_value());
    const Match& match = result.policy->rules.at(0).match;
    CHECK(match.src == std::vector{prefix("10.0.0.0/8"), prefix("2001:db8::/32")});
    CHECK(match.dst_ports == std::vector<PortRange>{{80, 80}, {443, 443}, {8000, 8010}});
}

TEST_CASE("of two list files of one name the second is not used, and shown") {
    const std::string text = "[[set]]\nname = \"nets\"\nfile = \"nets.list\"\n" + match_rule("src_ip = \"@nets\"");
    const PolicyResult result = build_policy({{"d/a.toml", text}, {"d/nets.list", "10.1.0.0/16"}, {"e/nets.list", "10.2.0.0/16"}});
    REQUIRE(result.policy.has_value());
    CHECK(result.policy->rules.at(0).match.src == std::vector{prefix("10.1.0.0/16")});
    REQUIRE(result.diagnostics.all().size() == 1);
    CHECK(result.diagnostics.all().front().where.file == "e/nets.list");
}

TEST_CASE("a list file of nothing but mistakes is not read to its end") {
    std::string junk;
    for (int i = 0; i < 5000; ++i) junk += "no prefix\n";
    const std::string text = "[[set]]\nname = \"nets\"\nfile = \"nets.list\"\n" + match_rule("src_ip = \"@nets\"");
    const PolicyResult result = build_policy({{"a.toml", text}, {"nets.list", junk}});
    CHECK_FALSE(result.policy.has_value());
    CHECK(result.diagnostics.error_count() == k_mistakes_per_table);
}

TEST_CASE("`not` is read like a match and kept as it is written") {
    const Match match = match_of("dst_ip = \"10.0.0.0/8\"\nnot = { dst_ip = \"10.1.0.0/16\", dst_port = [22, \"80-81\"], ip_proto = \"udp\", "
                                 "dscp = \"ef\", ttl = 1, src_mac = \"02:00:00:00:00:01\" }");
    REQUIRE(match.excluded);
    CHECK(match.excluded->dst == std::vector{prefix("10.1.0.0/16")});
    CHECK(match.excluded->dst_ports == std::vector<PortRange>{{22, 22}, {80, 81}});
    CHECK(match.excluded->ip_proto == 17);
    CHECK(match.excluded->dscp == std::uint64_t{1} << 46);
    CHECK(match.excluded->rare.ttls == std::vector<ValueRange>{{1, 1}});
    CHECK(match.excluded->rare.src_macs.size() == 1);
    CHECK(match_to_string(match) == "dst 10.0.0.0/8 not dscp ef not dst 10.1.0.0/16 not proto udp not dport 22,80-81 not ttl 1 "
                                    "not src_mac 02:00:00:00:00:01");
    CHECK(match_of("[rule.match.not]\nsrc_port = 53").excluded->src_ports == std::vector<PortRange>{{53, 53}});
}

TEST_CASE("an exclusion that leaves no address of a family that is asked for is an error") {
    const auto is_refused = [](const std::string& match) {
        const PolicyResult result = build_policy({{"t", match_rule(match)}});
        return result.diagnostics.error_count() == 1 && result.diagnostics.all().front().code == "E0425";
    };
    CHECK(is_refused("dst_ip = \"10.0.0.0/8\"\nnot = { src_ip = \"0.0.0.0/0\" }"));
    CHECK(is_refused("not = { src_ip = \"0.0.0.0/0\", dst_ip = \"::/0\" }"));
    CHECK(is_refused("not = { src_ip = [\"0.0.0.0/1\", \"128.0.0.0/1\", \"::/0\"] }"));
    CHECK_FALSE(is_refused("not = { src_ip = \"0.0.0.0/0\" }"));
    CHECK_FALSE(is_refused("dst_ip = [\"10.0.0.0/8\", \"2001:db8::/32\"]\nnot = { src_ip = \"0.0.0.0/0\" }"));
    CHECK_FALSE(is_refused("not = { src_ip = \"0.0.0.0/1\" }"));
}

TEST_CASE("a rule that excludes VLANs is for all others and for untagged packets") {
    CHECK(match_of("not = { vlan = 5 }").vlan == k_vlan_any);
    CHECK(match_of("not = { dscp = 5 }").vlan == VlanMatch{});
    CHECK(match_of("vlan = \"1-9\"\nnot = { vlan = 5 }").vlan == VlanMatch{false, {{1, 9}}});
}

TEST_CASE("a rule that excludes something shadows only rules that exclude the same") {
    const auto warnings = [](const std::string& earlier, const std::string& later) {
        std::string second = match_rule(later);
        second.replace(second.find("\"r\""), 3, "\"s\"").replace(second.find("= 1"), 3, "= 2");
        return build_policy({{"t", match_rule(earlier) + second}}).diagnostics.warning_count();
    };
    CHECK(warnings("not = { dst_port = 22 }", "dst_port = 80") == 0);
    CHECK(warnings("not = { dst_port = 22 }", "not = { dst_port = 22 }") == 1);
    CHECK(warnings("", "not = { dst_port = 22 }") == 1);
}
