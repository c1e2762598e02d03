// SPDX-License-Identifier: Apache-2.0
#include "case_files.hpp"
#include "policy_of.hpp"

#include "core/config/build_policy.hpp"
#include "core/config/codes.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

using namespace rudder;
using namespace rudder::test;

namespace {

Diagnostics diagnose(const std::string& name) {
    const std::vector<SourceFile> files = read_case(name);
    return build_policy(files, limits_of(files)).diagnostics;
}

std::vector<Finding> findings_of(const Diagnostics& diagnostics) {
    std::vector<Finding> findings;
    for (const Diagnostic& found : diagnostics.all())
        findings.push_back({found.where.file, found.where.line, found.where.column, found.code});
    std::sort(findings.begin(), findings.end());
    return findings;
}

/// True if the place and its length lie inside the source line.
bool is_inside(const Location& where, const std::string& bytes) {
    if (where.line == 0) return true;
    std::size_t start = 0;
    for (std::uint32_t line = 1; line < where.line; ++line) {
        start = bytes.find('\n', start);
        if (start == std::string::npos) return false;
        ++start;
    }
    const std::size_t end = std::min(bytes.find('\n', start), bytes.size());
    return where.column >= 1 && where.length >= 1 && where.column - 1 + where.length <= end - start + 1;
}

}  // namespace

TEST_CASE("every bad input gives exactly the findings of the table, each at its place") {
    const auto expected = read_expected();
    REQUIRE(expected.size() >= 80);
    for (const auto& [name, findings] : expected) {
        INFO(name);
        const std::vector<SourceFile> files = read_case(name);
        const PolicyResult result = build_policy(files, limits_of(files));
        CHECK(findings_of(result.diagnostics) == findings);
        CHECK(result.policy.has_value() != result.diagnostics.has_errors());
    }
}

TEST_CASE("every case on disk is in the table") {
    const auto expected = read_expected();
    for (const std::string& name : case_names()) {
        INFO(name);
        CHECK(expected.contains(name));
    }
}

TEST_CASE("every code is given by some bad input, and every code given is in the list") {
    std::set<std::string> given;
    for (const auto& [name, findings] : read_expected())
        for (const Finding& finding : findings) given.insert(finding.code);
    std::set<std::string> listed;
    for (const CodeInfo& info : all_codes()) {
        CHECK_FALSE(info.text.empty());
        CHECK_FALSE(info.help.empty());
        CHECK_FALSE(info.help.ends_with('.'));
        CHECK(listed.insert(std::string(info.code)).second);
    }
    CHECK(given == listed);
}

TEST_CASE("every finding says something and marks text inside its line") {
    for (const std::string& name : case_names()) {
        INFO(name);
        std::map<std::string, std::string> texts;
        for (const SourceFile& file : read_case(name)) texts[file.path] = file.bytes;
        const Diagnostics diagnostics = diagnose(name);
        for (const Diagnostic& found : diagnostics.all()) {
            INFO(found.code << " " << found.text);
            CHECK_FALSE(found.text.empty());
            CHECK_FALSE(found.text.ends_with('.'));
            CHECK_FALSE(found.help.empty());
            CHECK_FALSE(found.help.ends_with('.'));
            CHECK(is_inside(found.where, texts[found.where.file]));
            CHECK(
                std::none_of(found.text.begin(), found.text.end(), [](char byte) { return byte >= 0 && byte < 0x20; }));
            for (const DiagnosticNote& note : found.notes) CHECK(is_inside(note.where, texts[note.where.file]));
        }
    }
}

TEST_CASE("what is defined twice shows both places") {
    for (const std::string_view code : {code::duplicate_rule, code::duplicate_priority, code::duplicate_set}) {
        bool is_seen = false;
        for (const std::string& name : case_names()) {
            const Diagnostics diagnostics = diagnose(name);
            for (const Diagnostic& found : diagnostics.all()) {
                if (found.code != code) continue;
                is_seen = true;
                REQUIRE(found.notes.size() == 1);
                CHECK(found.notes.front().where != found.where);
                CHECK(found.notes.front().where.line > 0);
            }
        }
        CHECK(is_seen);
    }
}

TEST_CASE("keys by the names of other tools are answered with ours") {
    const auto help_of = [](const std::string& text) {
        const Diagnostics diagnostics = build_policy({{"test.toml", text}}).diagnostics;
        for (const Diagnostic& found : diagnostics.all())
            if (found.code == code::unknown_key) return found.help;
        return std::string();
    };
    const std::vector<std::pair<std::string, std::string>> matches = {
        {"dport", "dst_port"}, {"sport", "src_port"}, {"proto", "ip_proto"},
        {"src", "src_ip"},     {"dst", "dst_ip"},     {"iface", "interface"},
    };
    for (const auto& [other, key] : matches)
        CHECK(help_of(match_rule(other + " = 1")) == "did you mean `" + key + "`?");
    CHECK(help_of(steer_rule("iface = \"eth1\"")) == "did you mean `via`?");
    CHECK(help_of("[[rule]]\ndport = 1\n") == "`dst_port` is a key of [rule.match]");
}

