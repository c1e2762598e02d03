// SPDX-License-Identifier: Apache-2.0
#include "shell/multicast/joins.hpp"

#include "joining.hpp"
#include "memory_logger.hpp"
#include "shell/log/events.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cerrno>

using namespace rudder;
using namespace rudder::test;

namespace {

/// Memberships as the kernel keeps them: by device, gone with it, refused where the test says so.
class FakePort final : public MembershipPort {
public:
    std::set<Membership> members;
    std::map<Membership, int> refused;
    std::vector<std::string> calls;
    bool can_list = true;
    std::size_t room = 1000;

    [[nodiscard]] int join(const Membership& membership) override {
        calls.push_back("join " + text(membership));
        if (members.size() == room) return EMFILE;
        if (const auto found = refused.find(membership); found != refused.end()) return found->second;
        members.insert(membership);
        return 0;
    }
    void leave(const Membership& membership) override {
        calls.push_back("leave " + text(membership));
        members.erase(membership);
    }
    [[nodiscard]] Result<KernelGroups> list_groups() override {
        if (!can_list) return Error{"no /proc", ENOENT};
        KernelGroups groups;
        for (const Membership& membership : members) groups.emplace(membership.ifindex, membership.group);
        return groups;
    }
    [[nodiscard]] std::size_t sockets() const override { return 1; }

    static std::string text(const Membership& membership) {
        return to_string(membership.group) + (membership.source ? "<" + to_string(*membership.source) : "") + "@" +
               std::to_string(membership.ifindex);
    }
    std::vector<std::string> take_calls() { return std::exchange(calls, {}); }
};

using Calls = std::vector<std::string>;

struct Scene {
    FakePort port;
    MemoryLogger logger;
    Joins joins{port, logger};
    Links links = two_links();
    Policy policy{{joining_rule("r", {"eth*"}, {"239.1.1.1"})}, "1"};

    void follow(const std::set<std::uint32_t>& replaced = {}) { joins.follow(policy, links, replaced); }
};

}  // namespace

TEST_CASE("the groups of a policy are joined once") {
    Scene scene;
    scene.follow();
    CHECK(scene.port.take_calls() == Calls{"join 239.1.1.1@2", "join 239.1.1.1@3"});
    CHECK(scene.joins.held().size() == 2);
    scene.follow();
    CHECK(scene.port.take_calls().empty());
    CHECK(scene.logger.count(event::k_memberships) == 1);
}

TEST_CASE("groups are left when their rule goes") {
    Scene scene;
    scene.follow();
    scene.policy = {{}, "2"};
    scene.follow();
    CHECK(scene.port.members.empty());
    CHECK(scene.joins.held().empty());
    CHECK(scene.joins.left_out() == 0);
}

TEST_CASE("a policy without joins asks the kernel nothing") {
    Scene scene;
    scene.policy.rules[0].join.reset();
    scene.follow();
    scene.joins.look(scene.policy, scene.links);
    CHECK(scene.port.calls.empty());
}

TEST_CASE("a device that comes later is joined on") {
    Scene scene;
    scene.follow();
    scene.port.take_calls();
    add_link(scene.links, 9, "eth9");
    scene.follow();
    CHECK(scene.port.take_calls() == Calls{"join 239.1.1.1@9"});
}

TEST_CASE("a device that was deleted and made again under the same number is joined on again") {
    Scene scene;
    scene.follow();
    scene.port.take_calls();
    scene.port.members.erase(any_source(2, "239.1.1.1"));
    scene.follow({2});
    CHECK(scene.port.take_calls() == Calls{"leave 239.1.1.1@2", "join 239.1.1.1@2"});
    CHECK(scene.port.members.size() == 2);
}

TEST_CASE("a device whose carrier came back is joined on again, so that reports are sent") {
    Scene scene;
    scene.follow();
    scene.port.take_calls();
    scene.links[3].is_up = false;
    scene.follow();
    CHECK(scene.port.take_calls().empty());
    scene.links[3].is_up = true;
    scene.follow();
    CHECK(scene.port.take_calls() == Calls{"leave 239.1.1.1@3", "join 239.1.1.1@3"});
}

TEST_CASE("all sources of a group are left before the first is joined again") {
    Scene scene;
    scene.policy = {{joining_rule("r", {"eth0"}, {"232.1.1.1", "232.1.1.2"}, {"10.0.0.1", "10.0.0.2"})}, "s"};
    scene.follow();
    scene.port.take_calls();
    scene.links[2].carrier_changes += 2;
    scene.follow();
    CHECK(scene.port.take_calls() == Calls{"leave 232.1.1.1<10.0.0.1@2", "leave 232.1.1.1<10.0.0.2@2", "join 232.1.1.1<10.0.0.1@2",
                                           "join 232.1.1.1<10.0.0.2@2", "leave 232.1.1.2<10.0.0.1@2", "leave 232.1.1.2<10.0.0.2@2",
                                           "join 232.1.1.2<10.0.0.1@2", "join 232.1.1.2<10.0.0.2@2"});
}

TEST_CASE("a group whose sources change is never without a member") {
    Scene scene;
    scene.policy = {{joining_rule("r", {"eth0"}, {"232.1.1.1"}, {"10.0.0.1"})}, "1"};
    scene.follow();
    scene.port.take_calls();
    scene.policy = {{joining_rule("r", {"eth0"}, {"232.1.1.1"}, {"10.0.0.2"})}, "2"};
    scene.follow();
    CHECK(scene.port.take_calls() == Calls{"join 232.1.1.1<10.0.0.2@2", "leave 232.1.1.1<10.0.0.1@2"});
}

TEST_CASE("a membership that the kernel dropped without a word is found by a look") {
    Scene scene;
    scene.follow();
    scene.port.take_calls();
    scene.port.members.erase(any_source(3, "239.1.1.1"));
    scene.joins.look(scene.policy, scene.links);
    CHECK(scene.port.take_calls() == Calls{"leave 239.1.1.1@3", "join 239.1.1.1@3"});
}

TEST_CASE("without the kernel's list nothing is taken for lost") {
    Scene scene;
    scene.follow();
    scene.port.take_calls();
    scene.port.can_list = false;
    scene.joins.look(scene.policy, scene.links);
    CHECK(scene.port.take_calls().empty());
}

TEST_CASE("a refusal is a warning, said once, and tried again by every look") {
    Scene scene;
    scene.port.refused[any_source(3, "239.1.1.1")] = ENODEV;
    scene.follow();
    CHECK(scene.joins.held().at(any_source(3, "239.1.1.1")) == ENODEV);
    CHECK(scene.joins.held().at(any_source(2, "239.1.1.1")) == 0);
    CHECK(scene.logger.count(event::k_membership_failed) == 1);
    CHECK(scene.logger.field(event::k_membership_failed, "REASON") == "cannot join 1 multicast group, first 239.1.1.1 on eth1: No such device");
    scene.joins.look(scene.policy, scene.links);
    CHECK(scene.logger.count(event::k_membership_failed) == 1);
    scene.port.refused.clear();
    scene.joins.look(scene.policy, scene.links);
    CHECK(scene.joins.held().at(any_source(3, "239.1.1.1")) == 0);
    CHECK(scene.logger.count(event::k_memberships) == 2);
}

TEST_CASE("where there is no room for old and new at once, the new is joined when the old has been left") {
    Scene scene;
    scene.port.room = 2;
    scene.follow();
    scene.policy = {{joining_rule("r", {"eth*"}, {"239.1.1.2"})}, "2"};
    scene.follow();
    CHECK(scene.port.members == std::set<Membership>{any_source(2, "239.1.1.2"), any_source(3, "239.1.1.2")});
    CHECK(scene.joins.held() == Memberships{{any_source(2, "239.1.1.2"), 0}, {any_source(3, "239.1.1.2"), 0}});
    CHECK(scene.logger.count(event::k_membership_failed) == 0);
}

TEST_CASE("a refused membership is given up with its rule") {
    Scene scene;
    scene.port.refused[any_source(2, "239.1.1.1")] = EMFILE;
    scene.port.refused[any_source(3, "239.1.1.1")] = EMFILE;
    scene.follow();
    CHECK(scene.logger.count(event::k_membership_failed) == 1);
    scene.policy = {{}, "2"};
    scene.follow();
    CHECK(scene.joins.held().empty());
}
