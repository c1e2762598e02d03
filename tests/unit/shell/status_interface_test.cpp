// SPDX-License-Identifier: Apache-2.0
#include "shell/status/status_interface.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>

namespace rudder::test {
namespace {

/// A daemon of which only the number of its rules is known; counts how often it was asked.
struct Asked {
    std::size_t rules = 3;
    int snapshots = 0;
    std::weak_ptr<const Policy> policy{};  ///< of the last snapshot

    varlink::Answer answer(const std::string& method) {
        return answer_status({"io.rudder.Status." + method, "{}", false}, [this] {
            ++snapshots;
            auto all = std::make_shared<Policy>();
            for (std::size_t i = 0; i < rules; ++i) {
                all->rules.emplace_back();
                all->rules.back().name = "rule-" + std::to_string(i);
            }
            Snapshot snapshot;
            snapshot.policy = all;
            policy = all;
            return snapshot;
        });
    }
};

}  // namespace

TEST_CASE("each method of the interface is answered with its document, a piece at a time") {
    for (const std::string method : {"Rules", "Stats", "Interfaces", "Maps", "Internals", "Config"}) {
        INFO(method);
        CHECK(status_interface().description.find("method " + method + "()") != std::string::npos);
        Asked daemon;
        daemon.rules = 500;
        varlink::Answer answer = daemon.answer(method);
        CHECK(daemon.snapshots == 0);
        int pieces = 1;
        for (std::size_t before = 0; answer.more(answer.text); before = answer.text.size(), ++pieces) REQUIRE(answer.text.size() - before < 40'000);
        CHECK(daemon.snapshots == 1);
        REQUIRE(answer.text.back() == '\0');
        answer.text.pop_back();
        const auto reply = nlohmann::json::parse(answer.text);
        CHECK(reply["parameters"].contains("generation"));
        if (method == "Rules") {
            CHECK(pieces > 2);
            CHECK(reply["parameters"]["rules"].size() == 500);
            CHECK(reply["parameters"]["rules"][499]["name"] == "rule-499");
        }
    }
}

TEST_CASE("an answer lets go of what it was made from, begun, ended or neither") {
    Asked daemon;
    daemon.rules = GENERATE(1u, 20'000u);
    {
        const varlink::Answer unused = daemon.answer("Rules");
        CHECK(daemon.snapshots == 0);
    }
    {
        varlink::Answer begun = daemon.answer("Rules");
        (void)begun.more(begun.text);
        CHECK_FALSE(daemon.policy.expired());
    }
    CHECK(daemon.policy.expired());
    CHECK(daemon.snapshots == 1);
}

TEST_CASE("a method that there is not takes no snapshot") {
    Asked daemon;
    const varlink::Answer answer = daemon.answer("Secrets");
    CHECK_FALSE(answer.more);
    CHECK(answer.text.find("MethodNotFound") != std::string::npos);
    CHECK(daemon.snapshots == 0);
}

}  // namespace rudder::test
