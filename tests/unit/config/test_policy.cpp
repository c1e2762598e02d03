// SPDX-License-Identifier: Apache-2.0
#include "case_files.hpp"
#include "policy_of.hpp"

#include "core/config/list_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <random>

using namespace rudder;
using namespace rudder::test;

namespace {

std::string numbered_rule(unsigned number) {
    return fmt::format(
        "[[rule]]\nname = \"rule-{0}\"\npriority = {0}\ntype = \"steer\"\n"
        "match = {{ interface = \"eth0\", src_ip = \"@nets\", dst_ip = \"10.{1}.{2}.0/24\", ip_proto = \"tcp\" }}\n"
        "action = {{ via = \"eth1\", next_hop = \"192.0.2.1\" }}\n",
        number, number / 256 % 256, number % 256);
}

bool is_same(const Policy& a, const Policy& b) {
    return std::equal(a.rules.begin(), a.rules.end(), b.rules.begin(), b.rules.end(), is_same_rule);
}

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    return text;
}

}  // namespace

TEST_CASE("no files and empty files give an empty policy") {
    CHECK(build_policy({}).policy->rules.empty());
    CHECK(build_policy({{"a", ""}, {"b", "# nothing\n"}}).policy->rules.empty());
}

TEST_CASE("rules are ordered by priority, not by place") {
    const Policy policy =
        policy_of(replace_all(numbered_rule(7) + numbered_rule(3) + numbered_rule(5), "@nets", "10.0.0.0/8"));
    REQUIRE(policy.rules.size() == 3);
    CHECK(policy.rules[0].name == "rule-3");
    CHECK(policy.rules[2].name == "rule-7");
    CHECK(policy.rules[0].where.file == "test.toml");
    CHECK(policy.rules[0].where.line == 8);
    CHECK(policy.rules[0].where.column == 8);
}

TEST_CASE("the order of the files does not change the policy") {
    std::vector<SourceFile> files = {
        {"sets.toml", "[[set]]\nname = \"nets\"\nprefixes = [\"10.0.0.0/8\", \"192.0.2.0/24\"]\n"}};
    for (unsigned i = 0; i < 40; ++i)
        files.push_back({fmt::format("{:02}.toml", i), numbered_rule(97 * (i + 1) % 1000)});
    const PolicyResult first = build_policy(files);
    REQUIRE(first.policy.has_value());
    std::mt19937 random(1);
    for (int round = 0; round < 50; ++round) {
        std::shuffle(files.begin(), files.end(), random);
        const PolicyResult shuffled = build_policy(files);
        REQUIRE(shuffled.policy.has_value());
        CHECK(is_same(*first.policy, *shuffled.policy));
    }
}

TEST_CASE("a file means the same in chunks and as one document") {
    std::string text = "[[set]]\nname = \"nets\"\nprefixes = [\"10.0.0.0/8\"]\n";
    for (unsigned i = 0; i < 20; ++i) text += numbered_rule(i);
    CHECK(is_same(policy_of(text), policy_of(replace_all(text, "[[rule]]", "[[ rule ]]"))));
}

TEST_CASE("tables of a rule may stand behind another table, as TOML allows") {
    const Policy policy = policy_of(
        "[[rule]]\nname = \"r\"\npriority = 1\ntype = \"pass\"\n[[set]]\nname = \"s\"\nports = [1]\n"
        "[rule.match]\ninterface = \"any\"\ndst_port = \"@s\"\n");
    CHECK(policy.rules.at(0).match.dst_ports == std::vector<PortRange>{{1, 1}});
}

TEST_CASE("the same rules written in each style of TOML are the same policy") {
    const Policy headers = policy_of(steer_rule("via = \"e\"\nttl = 3", "dst_ip = \"10.0.0.0/8\""));
    const Policy dotted = policy_of(
        "[[rule]]\nname = 'r'\npriority = 0x1\ntype = '''steer'''\nmatch.interface = [\"any\"]\nmatch.dst_ip = "
        "[\"10.0.0.0/8\"]\n"
        "action.via = \"\\u0065\"\naction.ttl = 3\n");
    const Policy inlined = policy_of(
        "\xef\xbb\xbfrule = [{ name = \"r\", priority = 1, type = \"steer\", action = { via = \"e\", ttl = 3 }, "
        "match = { interface = \"any\", dst_ip = \"10.0.0.0/8\" } },\r\n ]\r\n");
    CHECK(is_same(headers, dotted));
    CHECK(is_same(headers, inlined));
}

TEST_CASE("a set that stands among the lines of a rule is known to the rules before it") {
    const std::string set = "[[ set ]]\nname = \"nets\"\nprefixes = [\"10.0.0.0/8\"]\n";
    const Policy policy = policy_of(numbered_rule(1) + numbered_rule(2) + set);
    CHECK(policy.rules.at(0).match.dst == policy_of(set + numbered_rule(1)).rules.at(0).match.dst);
}

TEST_CASE("a rule that cannot be parsed may hide a set: none is said to be unknown") {
    const PolicyResult result = build_policy({{"t", numbered_rule(1) + numbered_rule(2) + "x = \n"}});
    REQUIRE(result.diagnostics.error_count() == 1);
    CHECK(result.diagnostics.all().front().code == "E0101");
}

TEST_CASE("a rule that cannot be parsed is found behind more mistakes than are reported") {
    std::string text;
    for (unsigned i = 0; i < 2 * Limits{}.errors; ++i) text += replace_all(numbered_rule(i), "@nets", "10.0.0.1/8");
    const PolicyResult result = build_policy({{"t", text + numbered_rule(1'000'000) + "x = \n"}});
    const auto& all = result.diagnostics.all();
    CHECK(std::any_of(all.begin(), all.end(), [](const Diagnostic& found) { return found.code == "E0101"; }));
}

TEST_CASE("ten thousand rules are one policy") {
    std::string text = "[[set]]\nname = \"nets\"\nprefixes = [\"10.0.0.0/8\"]\n";
    for (unsigned i = 10'000; i-- > 0;) text += numbered_rule(i);
    const Policy policy = policy_of(text);
    REQUIRE(policy.rules.size() == 10'000);
    for (unsigned i = 0; i < 10'000; ++i) REQUIRE(policy.rules[i].priority == i);
}

TEST_CASE("a mistake in each of many rules is found, and only there") {
    std::string text;
    for (unsigned i = 0; i < 100; ++i)
        text += replace_all(numbered_rule(i), "@nets", i % 2 == 0 ? "10.0.0.1/8" : "10.0.0.0/8");
    const PolicyResult result = build_policy({{"t", text}});
    CHECK(result.diagnostics.error_count() == 50);
    CHECK_FALSE(result.policy.has_value());
}

TEST_CASE("rules that ask for special addresses are not shadowed by those that do not") {
    const auto rule = [](unsigned number, const std::string& type, const std::string& dst) {
        return fmt::format(
            "[[rule]]\nname = \"r{0}\"\npriority = {0}\ntype = \"{1}\"\nmatch = {{ interface = \"any\"{2} }}\n{3}",
            number, type, dst.empty() ? "" : ", dst_ip = \"" + dst + "\"",
            type == "steer" ? "action.via = \"e\"\n" : "");
    };
    const auto warnings = [&](const std::string& text) {
        return build_policy({{"t", text}}).diagnostics.warning_count();
    };
    CHECK(warnings(rule(1, "drop", "") + rule(2, "drop", "10.0.0.0/8")) == 1);
    CHECK(warnings(rule(1, "drop", "") + rule(2, "drop", "169.254.0.0/16")) == 0);
    CHECK(warnings(rule(1, "steer", "") + rule(2, "drop", "239.1.1.1")) == 0);
    CHECK(warnings(rule(1, "drop", "") + rule(2, "drop", "239.1.1.1")) == 1);
    CHECK(warnings(rule(1, "steer", "10.0.0.0/8") + rule(2, "drop", "10.0.0.255")) == 0);
    CHECK(warnings(rule(1, "steer", "10.0.0.0/8") + rule(2, "steer", "10.0.0.63")) == 0);
    CHECK(warnings(rule(1, "steer", "10.0.0.0/8") + rule(2, "steer", "10.0.0.64")) == 1);
    CHECK(warnings(rule(1, "steer", "10.0.0.63") + rule(2, "steer", "10.0.0.63")) == 1);
    CHECK(warnings(rule(1, "drop", "10.0.0.0/9") + rule(2, "drop", "10.0.0.0/8")) == 0);
}

TEST_CASE("a rule behind one that may wait for its interface is said to match only then") {
    const auto text = [](const std::string& earlier) {
        const std::string match = "match = { interface = \"any\", dst_ip = \"10.0.0.0/8\" }\n";
        return build_policy({{"t", "[[rule]]\nname = \"a\"\npriority = 1\n" + match + earlier +
                                       "[[rule]]\nname = \"b\"\npriority = 2\ntype = \"steer\"\n" + match +
                                       "action.via = \"f\"\n"}})
            .diagnostics.all()
            .at(0)
            .text;
    };
    const std::string waiting = "`b` matches only while `a` is not installed";
    CHECK(text("type = \"drop\"\n").starts_with("`b` never matches"));
    CHECK(text("type = \"steer\"\naction.via = \"e\"\n").starts_with(waiting));
    CHECK(text("type = \"replicate\"\naction.targets = [{ via = \"e\" }]\n").starts_with(waiting));
}

TEST_CASE("long lists that shadow each other are compared entry by entry") {
    std::string even, odd, ports;
    for (unsigned i = 0; i < 2000; ++i) {
        even += fmt::format("\"10.{}.{}.0/24\",", i / 100, i % 100 * 2);
        odd += fmt::format("\"10.{}.{}.0/24\",", i / 100, i % 100 * 2 + 1);
        ports += fmt::format("{},", 2 * i);
    }
    const auto rule = [](unsigned number, const std::string& lists) {
        return fmt::format(
            "[[rule]]\nname = \"r{0}\"\npriority = {0}\ntype = \"drop\"\n[rule.match]\ninterface = \"any\"\n{1}\n",
            number, lists);
    };
    const auto warnings = [&](const std::string& first, const std::string& second) {
        return build_policy({{"t", rule(1, first) + rule(2, second)}}).diagnostics.warning_count();
    };
    CHECK(warnings("src_ip = [" + even + "]", "src_ip = [" + even + "]") == 1);
    CHECK(warnings("src_ip = [" + even + "]", "src_ip = [" + odd + "]") == 0);
    CHECK(warnings("src_ip = [" + even + odd + "]", "src_ip = [" + odd + "]") == 1);
    CHECK(warnings("src_ip = [" + even + "]", "src_ip = [" + even + odd + "]") == 0);
    CHECK(warnings("dst_port = [" + ports + "]", "dst_port = [0, 2, 3998]") == 1);
    CHECK(warnings("dst_port = [" + ports + "]", "dst_port = [1]") == 0);
    CHECK(warnings("dst_port = [\"10-20\"]", "dst_port = [\"10-21\"]") == 0);
    CHECK(warnings("dst_port = [\"10-20\"]", "dst_port = [\"9-20\"]") == 0);
    CHECK(warnings("dst_port = [\"0-65535\"]", "dst_port = [\"9-65535\"]") == 1);
}

TEST_CASE("any number of warnings rejects nothing") {
    std::string text;
    for (unsigned i = 0; i < 1100; ++i)
        text += fmt::format(
            "[[rule]]\nname = \"r{0}\"\npriority = {0}\ntype = \"drop\"\n"
            "match = {{ interface = \"any\", dst_ip = \"10.{1}.{2}.0/24\", ip_proto = \"icmp6\" }}\n",
            i, i / 256, i % 256);
    const PolicyResult result = build_policy({{"t", text}});
    REQUIRE(result.policy.has_value());
    CHECK(result.policy->rules.size() == 1100);
    CHECK(result.diagnostics.warning_count() == Limits{}.warnings + 1);
    const auto& all = result.diagnostics.all();
    CHECK(std::any_of(all.begin(), all.end(),
                      [](const Diagnostic& found) { return found.text == "100 more warnings are not shown"; }));
}

TEST_CASE("the shipped examples are good") {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(RUDDER_EXAMPLE_DIRECTORY)) {
        if (entry.path().extension() != ".toml") continue;
        std::vector<SourceFile> files = {{entry.path().filename().string(), read_bytes(entry.path().string())}};
        for (const auto& other : std::filesystem::directory_iterator(RUDDER_EXAMPLE_DIRECTORY)) {
            const std::string name = other.path().filename().string();
            const bool is_named = files.front().bytes.find("\"" + name + "\"") != std::string::npos;
            if (is_list_file(name) && is_named) files.push_back({name, read_bytes(other.path().string())});
        }
        const PolicyResult result = build_policy(files);
        INFO(entry.path() << "\n" << all_texts(result.diagnostics));
        CHECK(result.policy.has_value());
        CHECK(result.diagnostics.all().empty());
        ++count;
    }
    CHECK(count > 0);
}

TEST_CASE("megabytes of mistakes give a bounded number of findings") {
    std::string list, keys, rules;
    for (unsigned i = 0; i < 20'000; ++i) {
        list += "\"x\",";
        keys += fmt::format("key-{} = 1\n", i);
        rules += fmt::format("[[rule]]\nname = \"{}\"\n", i);
    }
    const PolicyResult result =
        build_policy({{"list", match_rule("dst_ip = [" + list + "]")}, {"keys", match_rule(keys)}, {"rules", rules}});
    CHECK_FALSE(result.policy.has_value());
    CHECK(result.diagnostics.all().size() <= Limits{}.errors + 210);
}
