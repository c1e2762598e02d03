// SPDX-License-Identifier: Apache-2.0
#include "shell/log/audit.hpp"
#include "shell/log/events.hpp"

#include "memory_logger.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <set>
#include <sstream>

namespace rudder::test {
namespace {

Rule make_rule(const std::string& name, std::uint32_t priority) {
    Rule rule;
    rule.name = name;
    rule.priority = priority;
    rule.type = RuleType::drop;
    rule.match.interface.any = true;
    rule.where = {"a.toml", priority, 1, 1};
    return rule;
}

Policy make_policy(std::vector<Rule> rules) { return {std::move(rules), "abc"}; }

std::vector<std::string> names(const std::vector<const Rule*>& rules) {
    std::vector<std::string> result;
    for (const Rule* rule : rules) result.push_back(rule->name);
    return result;
}

}  // namespace

TEST_CASE("rules are compared by name and meaning, not by place") {
    const Policy before = make_policy({make_rule("kept", 1), make_rule("changed", 2), make_rule("removed", 3)});
    Rule moved = make_rule("kept", 1);
    moved.where = {"b.toml", 99, 1, 1};
    const Policy after = make_policy({moved, make_rule("changed", 5), make_rule("added", 7)});
    const PolicyDifference changes = difference(before, after);
    CHECK(names(changes.added) == std::vector<std::string>{"added"});
    CHECK(names(changes.removed) == std::vector<std::string>{"removed"});
    CHECK(names(changes.changed) == std::vector<std::string>{"changed"});
}

TEST_CASE("a published policy is one entry a changed rule and a summary") {
    MemoryLogger logger;
    log_published(logger, make_policy({make_rule("a", 1)}), make_policy({make_rule("b", 1), make_rule("c", 2)}), 7);
    CHECK(logger.count(event::k_rule_added) == 2);
    CHECK(logger.count(event::k_rule_removed) == 1);
    CHECK(logger.count(event::k_published) == 1);
    CHECK(logger.field(event::k_published, "GENERATION") == "7");
    CHECK(logger.field(event::k_published, "CONFIG_SHA256") == "abc");
    CHECK(logger.field(event::k_rule_added, "RULE") == "c");
    CHECK(logger.field(event::k_rule_added, "FILE") == "a.toml");
    CHECK(logger.field(event::k_rule_added, "LINE") == "2");
}

TEST_CASE("a huge change is cut and counted") {
    std::vector<Rule> rules;
    for (std::uint32_t i = 0; i < 3000; ++i) rules.push_back(make_rule("r" + std::to_string(i), i));
    MemoryLogger logger;
    log_published(logger, {}, make_policy(rules), 1);
    CHECK(logger.count(event::k_rule_added) == static_cast<long>(k_audit_entries));
    CHECK(logger.entries.back().message.find("3000 added") != std::string::npos);
    CHECK(logger.entries.back().message.find("2000 entries left out") != std::string::npos);
}

TEST_CASE("a rejected set is one entry a finding and a summary") {
    Diagnostics diagnostics;
    diagnostics.error("E0001", {"a.toml", 3, 4, 1}, "wrong");
    diagnostics.warning("W0001", {"b.toml", 5, 6, 1}, "odd");
    MemoryLogger logger;
    log_rejected(logger, diagnostics, "abc", 4);
    CHECK(logger.count(event::k_diagnostic) == 2);
    CHECK(logger.count(event::k_rejected) == 1);
    CHECK(logger.entries[0].message == "a.toml:3:4: error[E0001]: wrong");
    CHECK(logger.field(event::k_diagnostic, "FILE") == "b.toml");
}

TEST_CASE("every kind of event has an identifier of its own and an entry in the catalog") {
    std::ifstream file(RUDDER_CATALOG);
    std::stringstream catalog;
    catalog << file.rdbuf();
    std::set<std::string_view> ids;
    for (const EventKind& kind : event::k_all) {
        CAPTURE(kind.name);
        CHECK(kind.message_id.size() == 32);
        CHECK(ids.insert(kind.message_id).second);
        CHECK(catalog.str().find("-- " + std::string(kind.message_id) + "\n") != std::string::npos);
    }
}

}  // namespace rudder::test
