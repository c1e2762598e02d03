// SPDX-License-Identifier: Apache-2.0
#include "core/base/net_types.hpp"
#include "core/config/codes.hpp"
#include "core/config/schema.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>

using namespace rudder;

TEST_CASE("every key has one row in each of its tables, and a line of text") {
    for (const KeySpec& spec : key_table()) {
        INFO(spec.key);
        CHECK_FALSE(spec.doc.empty());
        CHECK_FALSE(spec.doc.ends_with('.'));
        for (const TableBit table : {k_root, k_rule, k_match, k_action, k_target, k_set})
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
