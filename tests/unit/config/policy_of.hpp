// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/config/build_policy.hpp"

#include <catch2/catch.hpp>

#include <string>

namespace rudder::test {

/// Findings as text, for the messages of failing tests.
inline std::string all_texts(const Diagnostics& diagnostics) {
    std::string text;
    for (const Diagnostic& found : diagnostics.all())
        text += found.code + " " + std::to_string(found.where.line) + ": " + found.text + "\n";
    return text;
}

/// The policy of a text that must be good.
inline Policy policy_of(const std::string& text) {
    const PolicyResult result = build_policy({{"test.toml", text}});
    INFO(text << "\n" << all_texts(result.diagnostics));
    REQUIRE(result.policy.has_value());
    return *result.policy;
}

/// A pass rule with these lines in its match.
inline std::string match_rule(const std::string& lines) {
    return "[[rule]]\nname = \"r\"\npriority = 1\ntype = \"pass\"\n[rule.match]\ninterface = \"any\"\n" + lines + "\n";
}

/// A steer rule with these lines in its action and, after it, in its match.
inline std::string steer_rule(const std::string& action, const std::string& match = "") {
    return "[[rule]]\nname = \"r\"\npriority = 1\ntype = \"steer\"\n[rule.action]\n" + action +
           "\n[rule.match]\ninterface = \"any\"\n" + match + "\n";
}

inline Match match_of(const std::string& lines) {
    return policy_of(match_rule(lines)).rules.at(0).match;
}

inline Target target_of(const std::string& action) {
    return policy_of(steer_rule(action)).rules.at(0).targets.at(0);
}

}  // namespace rudder::test
