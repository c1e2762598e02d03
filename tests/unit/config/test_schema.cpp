// SPDX-License-Identifier: Apache-2.0
#include "case_files.hpp"

#include "core/base/net_types.hpp"
#include "core/config/codes.hpp"
#include "core/config/schema.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>

using namespace rudder;

namespace {

/// The man page without the escapes of scdoc.
std::string man_page() {
    std::string page = test::read_bytes(RUDDER_MAN_PAGE);
    std::erase(page, '\\');
    return page;
}

}  // namespace

TEST_CASE("every key has one row in each of its tables, and a line of text") {
    for (const KeySpec& spec : key_table()) {
        INFO(spec.key);
        CHECK_FALSE(spec.doc.empty());
        CHECK_FALSE(spec.doc.ends_with('.'));
        for (const TableBit table : {k_root, k_rule, k_match, k_action, k_target, k_set, k_group, k_member, k_health})
            if ((spec.tables & table) != 0) CHECK(find_key(table, spec.key) == &spec);
    }
}

TEST_CASE("rows name codes that exist") {
    for (const KeySpec& spec : key_table()) {
        if (spec.code.empty()) continue;
        const auto codes = all_codes();
        CHECK(std::any_of(codes.begin(), codes.end(), [&](const CodeInfo& info) { return info.code == spec.code; }));
    }
}

TEST_CASE("every suggested DSCP and protocol word can be read") {
    for (const std::string_view word : find_key(k_match, "dscp")->words) CHECK(parse_dscp_name(word).has_value());
    for (const std::string_view word : find_key(k_match, "ip_proto")->words)
        CHECK((word == "any" || parse_ip_protocol_name(word).has_value()));
}

TEST_CASE("the words of `type` are the rule types") {
    const auto words = find_key(k_rule, "type")->words;
    REQUIRE(words.size() == type_table().size());
    for (std::size_t i = 0; i < words.size(); ++i) CHECK(words[i] == type_table()[i].word);
}

TEST_CASE("the man page has every code with its text, and no other") {
    const std::string page = man_page();
    for (const CodeInfo& info : all_codes()) {
        std::string text(info.text);
        if (text.front() >= 'a' && text.front() <= 'z') text.front() = static_cast<char>(text.front() - 'a' + 'A');
        INFO(info.code);
        CHECK(page.find("\n*" + std::string(info.code) + "*\n\t" + text + ".\n") != std::string::npos);
    }
    std::size_t entries = 0;
    for (const char* start : {"\n*E0", "\n*W0"})
        for (std::size_t at = page.find(start); at != std::string::npos; at = page.find(start, at + 1)) ++entries;
    CHECK(entries == all_codes().size());
}

TEST_CASE("the man page names every key, and every word and table that is not supported yet") {
    const std::string page = man_page();
    const std::string later = page.substr(page.find("# NOT SUPPORTED YET"));
    for (const KeySpec& spec : key_table()) {
        INFO(spec.key);
        if (spec.is_supported() && spec.tables != k_root)
            CHECK(page.find("*" + std::string(spec.key) + "*") != std::string::npos);
        else
            CHECK((spec.is_supported() ? page : later).find(spec.key) != std::string::npos);
    }
    for (const TypeSpec& type : type_table())
        CHECK((type.is_supported ? page : later).find(type.word) != std::string::npos);
}
