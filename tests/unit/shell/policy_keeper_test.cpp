// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/policy_keeper.hpp"

#include "fake_network.hpp"
#include "memory_logger.hpp"
#include "shell/log/events.hpp"
#include "temporary_directory.hpp"

#include <catch2/catch.hpp>

namespace rudder::test {
namespace {

std::string rule_text(const std::string& name, int priority) {
    return "[[rule]]\nname = \"" + name + "\"\npriority = " + std::to_string(priority) + "\ntype = \"drop\"\nmatch = { interface = \"eth0\", direction = \"ingress\" }\n";
}

struct Keeping {
    TemporaryDirectory top;
    Machine machine;
    MemoryLogger logger;
    Engine engine{machine.kernel, machine.network};
    PolicyKeeper keeper;

    explicit Keeping(bool allow_empty = false)
        : keeper({{top.path("conf.d")}, {}, {}, Trust::required}, allow_empty, engine, logger) {
        top.write("conf.d/10.toml", rule_text("a", 10));
    }
    ExitCode reload() { return keeper.reload({}).exit_code; }
};

}  // namespace

TEST_CASE("an accepted set is published and told once") {
    Keeping k;
    CHECK(k.reload() == ExitCode::ok);
    CHECK(k.engine.applied().generation == 1);
    CHECK(k.keeper.state() == "running");
    CHECK(k.logger.count(event::k_published) == 1);
    CHECK(k.reload() == ExitCode::ok);
    CHECK(k.engine.applied().generation == 1);
    CHECK(k.logger.count(event::k_published) == 1);
}

TEST_CASE("the times of a load are those of the steps it took") {
    Keeping k;
    REQUIRE(k.reload() == ExitCode::ok);
    CHECK(k.keeper.record().last_times.read_us > 0);
    CHECK(k.keeper.record().last_times.judge_us > 0);
    CHECK(k.keeper.record().last_times.compile_us > 0);
    k.top.write("conf.d/20.toml", "nonsense = 1\n");
    REQUIRE(k.reload() == ExitCode::configuration);
    CHECK(k.keeper.record().last_times.judge_us > 0);
    CHECK(k.keeper.record().last_times.compile_us == 0);
}

TEST_CASE("a rejected set keeps what runs and is reported once for each content") {
    Keeping k;
    REQUIRE(k.reload() == ExitCode::ok);
    k.top.write("conf.d/20.toml", "nonsense = 1\n");
    const ReloadVerdict verdict = k.keeper.reload({});
    CHECK(verdict.exit_code == ExitCode::configuration);
    CHECK(verdict.generation == 1);
    CHECK(verdict.diagnostics.find("20.toml:1:1: error[") != std::string::npos);
    CHECK(k.engine.policy().rules.size() == 1);
    CHECK(k.keeper.state() == "degraded");
    CHECK(k.keeper.status_text().find("20.toml:1") != std::string::npos);
    CHECK(k.reload() == ExitCode::configuration);
    CHECK(k.logger.count(event::k_rejected) == 1);
    k.top.write("conf.d/20.toml", "nonsense = 2\n");
    CHECK(k.reload() == ExitCode::configuration);
    CHECK(k.logger.count(event::k_rejected) == 2);
    std::filesystem::remove(k.top.path("conf.d/20.toml"));
    CHECK(k.reload() == ExitCode::ok);
    CHECK(k.keeper.state() == "running");
    CHECK(k.engine.applied().generation == 1);
}

TEST_CASE("a rule that waits and is active again is told once each, with what it waits for") {
    Keeping k;
    std::string text = rule_text("a", 10);
    text.replace(text.find("eth0"), 4, "eth7");
    k.top.write("conf.d/10.toml", text);
    const ReloadVerdict verdict = k.keeper.reload({});
    CHECK(verdict.summary == "configuration accepted: 1 rule, 1 deferred, generation 1");
    CHECK(k.logger.entries.back().message.find("1 rule, 1 added, 0 removed, 0 changed, 1 deferred") != std::string::npos);
    CHECK(k.logger.count(event::k_deferred) == 1);
    CHECK(k.logger.field(event::k_deferred, "RULE") == "a");
    CHECK(k.logger.field(event::k_deferred, "INTERFACE") == "eth7");
    CHECK(k.logger.field(event::k_deferred, "REASON") == "no interface eth7");
    k.keeper.reconcile();
    k.machine.add_link(7, "eth7");
    k.keeper.reconcile();
    k.keeper.reconcile();
    CHECK(k.logger.count(event::k_deferred) == 1);
    CHECK(k.logger.count(event::k_active_again) == 1);
    CHECK(k.logger.field(event::k_active_again, "INTERFACE") == "eth7");
}

TEST_CASE("a target that waits is named") {
    Keeping k;
    k.top.write("conf.d/10.toml", "[[rule]]\nname = \"a\"\npriority = 10\ntype = \"replicate\"\nmatch = { interface = \"eth0\", direction = \"ingress\" }\n"
                                  "action = { targets = [ { via = \"eth1\" }, { via = \"eth9\" } ] }\n");
    REQUIRE(k.reload() == ExitCode::ok);
    CHECK(k.logger.field(event::k_deferred, "TARGET") == "eth9");
    CHECK(k.logger.entries.front().message == "target eth9 of rule a is deferred: no interface eth9");
    CHECK(k.logger.field(event::k_deferred, "INTERFACE") == "eth9");
}

TEST_CASE("a way out by a port of a bond is warned of once, also when the port joins later") {
    Keeping k;
    const std::string head = "[[rule]]\nname = \"a\"\npriority = 10\ntype = \"steer\"\nmatch = { interface = \"eth0\", direction = \"ingress\" }\n";
    SECTION("by its name") {
        k.top.write("conf.d/10.toml", head + "action = { via = \"eth1\", next_hop_mac = \"02:00:00:00:00:01\" }\n");
    }
    SECTION("as a member of a group") {
        k.top.write("conf.d/10.toml", head + "action = { group = \"g\" }\n[[group]]\nname = \"g\"\nmembers = [ { via = \"eth1\", next_hop_mac = \"02:00:00:00:00:01\" } ]\n");
    }
    REQUIRE(k.reload() == ExitCode::ok);
    CHECK(k.logger.count(event::k_bond_port) == 0);
    k.machine.network.now.links[3].slave_kind = "bridge";
    k.keeper.reconcile();
    CHECK(k.logger.count(event::k_bond_port) == 0);
    k.machine.network.now.links[3].slave_kind = "bond";
    k.keeper.reconcile();
    k.keeper.reconcile();
    CHECK(k.logger.count(event::k_bond_port) == 1);
    CHECK(k.logger.field(event::k_bond_port, "RULE") == "a");
    CHECK(k.logger.field(event::k_bond_port, "INTERFACE") == "eth1");
}

TEST_CASE("a set refused at start leaves nothing active") {
    Keeping k;
    k.top.write("conf.d/10.toml", "nonsense = 1\n");
    CHECK(k.keeper.reload({}).summary == "configuration rejected with 1 error; nothing is active");
}

TEST_CASE("a set that becomes empty or unreadable is refused while rules run") {
    Keeping k;
    REQUIRE(k.reload() == ExitCode::ok);
    SECTION("file removed") { std::filesystem::remove(k.top.path("conf.d/10.toml")); }
    SECTION("file masked") { k.top.write("conf.d/10.toml", ""); }
    SECTION("file without rules") { k.top.write("conf.d/10.toml", "# nothing\n"); }
    SECTION("directory removed") { std::filesystem::remove_all(k.top.path("conf.d")); }
    SECTION("directory replaced by a file") {
        std::filesystem::remove_all(k.top.path("conf.d"));
        k.top.write("conf.d", "x");
    }
    CHECK(k.reload() == ExitCode::configuration);
    CHECK(k.engine.policy().rules.size() == 1);
    CHECK(k.machine.kernel.state.hooks.size() == 1);
}

TEST_CASE("a set may become empty where that is allowed") {
    Keeping k(true);
    REQUIRE(k.reload() == ExitCode::ok);
    std::filesystem::remove(k.top.path("conf.d/10.toml"));
    CHECK(k.reload() == ExitCode::ok);
    CHECK(k.machine.kernel.state.hooks.empty());
}

TEST_CASE("an empty set is a policy to start with") {
    Keeping k;
    std::filesystem::remove_all(k.top.path("conf.d"));
    CHECK(k.reload() == ExitCode::ok);
    CHECK(k.engine.applied().generation == 1);
}

TEST_CASE("a rescan takes what changed and does not judge the same bytes twice") {
    Keeping k;
    REQUIRE(k.reload() == ExitCode::ok);
    const std::uint64_t accepted = k.keeper.record().accepted;
    k.keeper.rescan();
    CHECK(k.keeper.record().accepted == accepted);
    k.top.write("conf.d/20.toml", rule_text("b", 20));
    k.keeper.rescan();
    CHECK(k.engine.policy().rules.size() == 2);
    k.top.write("conf.d/20.toml", "nonsense = 1\n");
    k.keeper.rescan();
    k.keeper.rescan();
    CHECK(k.keeper.record().rejected == 1);
    k.top.write("conf.d/20.toml", rule_text("b", 20));
    k.keeper.rescan();
    CHECK(k.keeper.state() == "running");
}

TEST_CASE("a set that cannot be read is judged by each rescan") {
    Keeping k;
    REQUIRE(k.reload() == ExitCode::ok);
    std::filesystem::create_directory(k.top.path("conf.d/30.toml"));
    k.keeper.rescan();
    k.keeper.rescan();
    CHECK(k.keeper.record().rejected == 2);
    std::filesystem::remove(k.top.path("conf.d/30.toml"));
    k.keeper.rescan();
    CHECK(k.keeper.state() == "running");
}

TEST_CASE("each generation has one sha256, and a warning is told once") {
    Keeping k;
    REQUIRE(k.reload() == ExitCode::ok);
    k.top.write("conf.d/10.toml", rule_text("a", 11));
    CHECK(k.reload() == ExitCode::ok);
    CHECK(k.engine.applied().generation == 2);
    CHECK(k.logger.count(event::k_published) == 2);
    CHECK(k.logger.field(event::k_published, "GENERATION") == "2");
    k.machine.network.is_failing = true;
    k.top.write("conf.d/10.toml", rule_text("a", 12));
    CHECK(k.reload() == ExitCode::ok);
    CHECK(k.keeper.needs_retry());
    k.keeper.reconcile();
    CHECK(k.logger.count(event::k_apply_warning) == 1);
    k.machine.network.is_failing = false;
    k.keeper.reconcile();
    CHECK_FALSE(k.keeper.needs_retry());
}

TEST_CASE("a policy that cannot be applied is told once and retried") {
    Keeping k;
    REQUIRE(k.reload() == ExitCode::ok);
    k.top.write("conf.d/20.toml", rule_text("b", 20));
    k.machine.kernel.fail_at({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    const ReloadVerdict verdict = k.keeper.reload({});
    CHECK(verdict.exit_code == ExitCode::internal);
    CHECK(verdict.generation == 1);
    CHECK(k.keeper.needs_retry());
    CHECK(k.keeper.state() == "degraded");
    k.machine.kernel.fail_at({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    k.keeper.reconcile();
    CHECK(k.logger.count(event::k_apply_failed) == 1);
    k.machine.kernel.fail_at({});
    k.keeper.reconcile();
    CHECK_FALSE(k.keeper.needs_retry());
    CHECK(k.keeper.state() == "running");
    CHECK(k.engine.policy().rules.size() == 2);
    CHECK(k.logger.field(event::k_rule_added, "RULE") == "b");
}

}  // namespace rudder::test
