// SPDX-License-Identifier: Apache-2.0
#include "policy_of.hpp"

#include <catch2/catch.hpp>

using namespace rudder;
using namespace rudder::test;

namespace {

constexpr const char* k_groups = "dst_ip = [\"239.1.1.1\", \"239.1.1.2\"]";

Rule rule_of(const std::string& action, const std::string& match = k_groups) {
    return policy_of(steer_rule("via = \"eth1\"\n" + action, match)).rules.at(0);
}

std::vector<IpAddress> addresses(std::initializer_list<const char*> texts) {
    std::vector<IpAddress> list;
    for (const char* text : texts) list.push_back(parse_ip_address(text).value());
    return list;
}

}  // namespace

TEST_CASE("a rule joins nothing unless it says so") {
    CHECK_FALSE(rule_of("").join.has_value());
    CHECK_FALSE(rule_of("join = false").join.has_value());
    CHECK(rule_of("join = true").join == Join{});
}

TEST_CASE("sources are sorted and each is there once; one may stand without a list") {
    CHECK(rule_of("join = true\nsources = \"10.0.0.2\"").join->sources == addresses({"10.0.0.2"}));
    CHECK(rule_of("join = true\nsources = [\"10.0.0.2\", \"10.0.0.1\", \"10.0.0.2\"]").join->sources ==
          addresses({"10.0.0.1", "10.0.0.2"}));
}

TEST_CASE("a replicate rule joins as well") {
    const Policy policy = policy_of("[[rule]]\nname = \"r\"\npriority = 1\ntype = \"replicate\"\nmatch = { interface = \"any\", " +
                                    std::string(k_groups) + " }\naction = { join = true, targets = [{ via = \"eth1\" }] }\n");
    CHECK(policy.rules.at(0).join.has_value());
}

TEST_CASE("groups of both families have sources of both") {
    const Rule rule = rule_of("join = true\nsources = [\"10.0.0.1\", \"2001:db8::1\"]", "dst_ip = [\"232.1.1.1\", \"ff3e::1\"]");
    CHECK(rule.join->sources == addresses({"10.0.0.1", "2001:db8::1"}));
}

TEST_CASE("a rule that begins to join is another rule, and says what it joins") {
    const Rule before = rule_of("");
    const Rule any = rule_of("join = true");
    const Rule one = rule_of("join = true\nsources = \"10.0.0.1\"");
    CHECK_FALSE(is_same_rule(before, any));
    CHECK_FALSE(is_same_rule(any, one));
    CHECK(action_to_string(before) == "via eth1");
    CHECK(action_to_string(any) == "via eth1; join");
    CHECK(action_to_string(one) == "via eth1; join from 10.0.0.1");
}

TEST_CASE("the groups of a set can be joined") {
    const Policy policy = policy_of("[[set]]\nname = \"s\"\nprefixes = [\"239.1.1.1\", \"ff15::1\"]\n" +
                                    steer_rule("via = \"eth1\"\njoin = true", "dst_ip = \"@s\""));
    CHECK(policy.rules.at(0).match.dst.size() == 2);
}
