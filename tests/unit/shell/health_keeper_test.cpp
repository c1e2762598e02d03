// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/health_keeper.hpp"

#include "fake_network.hpp"
#include "loop_runner.hpp"
#include "memory_logger.hpp"
#include "shell/health/health_file.hpp"
#include "shell/log/events.hpp"
#include "temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <filesystem>

namespace rudder::test {
namespace {

using namespace std::chrono_literals;
using Kind = ProbeOutcome::Kind;

const ProbeOutcome k_answer{Kind::answer, {}, {}};
const ProbeOutcome k_refusal{Kind::miss, {MissReason::refused, 0}, {}};

/// Gives the outcome set for a next hop as soon as it is asked.
class InstantPort final : public ProbePort {
public:
    std::map<std::string, ProbeOutcome> outcomes;
    std::optional<ProbeOutcome> ask(const GroupMemberKey&, const ProbeOrder& order) override {
        return outcomes.at(to_string(order.destination));
    }
    std::optional<ProbeOutcome> look(const GroupMemberKey&) override { return std::nullopt; }
    void end(const GroupMemberKey&) override {}
};

/// A rule on eth0 and a group of two gateways on eth1, probed every 100 ms.
Policy probed_policy() {
    Rule rule;
    rule.name = "r";
    rule.type = RuleType::steer;
    rule.match.interface.include = {"eth0"};
    rule.match.family_v6 = false;
    rule.targets.resize(1);
    rule.targets[0].group = "g";
    Group group;
    group.name = "g";
    group.hash = 1;
    group.members.resize(2);
    group.members[0].way.via = group.members[1].way.via = "eth1";
    group.members[0].way.next_hop = parse_ip_address("10.0.0.1");
    group.members[1].way.next_hop = parse_ip_address("10.0.0.2");
    group.probe.emplace();
    group.probe->interval = 100ms;
    group.probe->timeout = 50ms;
    group.probe->fall = 2;
    return {{rule}, "probed", {group}};
}

struct Scene {
    Machine machine;
    LoopRunner loop;
    InstantPort port;
    MemoryLogger logger;
    TemporaryDirectory directory;
    Engine engine{machine.kernel, machine.network};
    std::unique_ptr<HealthKeeper> keeper;

    Scene() { port.outcomes = {{"10.0.0.1", k_answer}, {"10.0.0.2", k_answer}}; }
    void open() {
        keeper = std::move(HealthKeeper::open(loop.get(), port, engine, logger, directory.path("health"))).value();
    }
    void run_policy(Policy policy = probed_policy()) {
        REQUIRE(engine.run(std::move(policy)).status);
        keeper->follow(machine.network.now);
    }
    std::uint64_t alive() { return machine.kernel.state.groups.begin()->second.alive; }
    std::string saved() { return std::move(read_health_file(directory.path("health"))).value(); }
};

}  // namespace

TEST_CASE("a member that stops answering loses its flows without a new generation, and the status says so") {
    Scene scene;
    scene.open();
    CHECK(scene.keeper->status_text().empty());
    scene.run_policy();
    REQUIRE(scene.loop.run_until([&] { return scene.saved().find("up") != std::string::npos; }));
    CHECK(scene.keeper->status_text() == "0 of 2 probed members dead");
    const std::uint64_t generation = scene.engine.applied().generation;
    int changes = 0;
    scene.keeper->set_on_change([&](const std::vector<Error>& failures) { changes += failures.empty() ? 1 : 100; });
    scene.port.outcomes["10.0.0.2"] = k_refusal;
    REQUIRE(scene.loop.run_until([&] { return scene.alive() == 0b01; }));
    CHECK(changes == 1);
    CHECK(scene.keeper->status_text() == "1 of 2 probed members dead");
    CHECK(scene.logger.field(event::k_member_dead, "ADDRESS") == "10.0.0.2");
    scene.port.outcomes["10.0.0.2"] = k_answer;
    REQUIRE(scene.loop.run_until([&] { return scene.alive() == 0b11; }));
    CHECK(scene.engine.applied().generation == generation);
    CHECK(scene.machine.kernel.violations.empty());
}

TEST_CASE("a table that could not be written is told, so that it is tried again") {
    Scene scene;
    scene.open();
    scene.run_policy();
    REQUIRE(scene.loop.run_until([&] { return !scene.saved().empty(); }));
    std::size_t failures = 0;
    scene.keeper->set_on_change([&](const std::vector<Error>& errors) { failures += errors.size(); });
    scene.machine.kernel.fail_at({1});
    scene.port.outcomes["10.0.0.2"] = k_refusal;
    REQUIRE(scene.loop.run_until([&] { return failures > 0; }));
    scene.machine.kernel.fail_at({});
    CHECK(scene.engine.reconcile().status);
    CHECK(scene.alive() == 0b01);
}

TEST_CASE("the next daemon leaves the dead out from its first generation on") {
    Scene first;
    first.open();
    first.port.outcomes["10.0.0.1"] = k_refusal;
    first.run_policy();
    REQUIRE(first.loop.run_until([&] { return first.alive() == 0b10; }));
    first.keeper->save();

    Scene second;
    REQUIRE(write_health_file(second.directory.path("health"), first.saved()));
    second.open();
    REQUIRE(second.engine.run(probed_policy()).status);
    CHECK(second.alive() == 0b10);
    second.port.outcomes["10.0.0.1"] = k_refusal;
    second.keeper->follow(second.machine.network.now);
    CHECK(second.alive() == 0b10);
    Snapshot snapshot;
    second.keeper->describe(snapshot);
    REQUIRE(snapshot.probes.size() == 2);
    CHECK(std::count_if(snapshot.probes.begin(), snapshot.probes.end(),
                        [](const auto& entry) { return entry.second.state.health == Health::dead; }) == 1);
}

TEST_CASE("a policy without probes makes everybody alive again") {
    Scene scene;
    scene.open();
    scene.port.outcomes["10.0.0.1"] = k_refusal;
    scene.run_policy();
    REQUIRE(scene.loop.run_until([&] { return scene.alive() == 0b10; }));
    Policy policy = probed_policy();
    policy.sha256 = "unprobed";
    policy.groups[0].probe.reset();
    scene.run_policy(policy);
    CHECK(scene.machine.kernel.state.groups.at(scene.engine.applied().image.slots.groups.begin()->second).alive ==
          0b11);
    CHECK(scene.keeper->status_text().empty());
}

TEST_CASE("a health file that cannot be read or written is told once and harms nothing") {
    Scene scene;
    std::filesystem::create_directory(scene.directory.path("health"));
    scene.open();
    CHECK(scene.logger.count(event::k_health_file) == 1);
    scene.run_policy();
    REQUIRE(scene.loop.run_until([&] { return scene.logger.count(event::k_health_file) == 2; }));
    scene.port.outcomes["10.0.0.2"] = k_refusal;
    REQUIRE(scene.loop.run_until([&] { return scene.alive() == 0b01; }));
    scene.keeper->save();
    CHECK(scene.logger.count(event::k_health_file) == 2);
}

}  // namespace rudder::test
