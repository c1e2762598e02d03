// SPDX-License-Identifier: Apache-2.0
#include "core/config/plain_reader.hpp"
#include "core/config/toml_reader.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

using namespace rudder;

namespace {

std::string text_of(const ConfigTable& table);

std::string text_of(const Span& span) {
    return std::to_string(span.line) + ":" + std::to_string(span.column) + "+" + std::to_string(span.length) + " ";
}

std::string text_of(const ConfigValue& value) {
    // toml++ lets the first header of a list of tables end where the last one ends; nothing points at that.
    const auto* tables = value.as_list();
    const bool is_made_by_headers =
        tables != nullptr && !tables->empty() && tables->front().span.column == value.span.column;
    const Span span{value.span.line, value.span.column, is_made_by_headers ? 1 : value.span.length};
    std::string text = std::to_string(value.data.index()) + "@" + text_of(span);
    if (const auto* string = value.as_string()) text += "\"" + *string + "\"";
    if (const auto* number = value.as_integer()) text += std::to_string(*number);
    if (const auto* boolean = std::get_if<bool>(&value.data)) text += *boolean ? "yes" : "no";
    if (const auto* items = value.as_list())
        for (const ConfigValue& item : *items) text += "[" + text_of(item) + "]";
    if (const auto* table = value.as_table()) text += text_of(*table);
    return text;
}

/// The order of keys does not matter.
std::string text_of(const ConfigTable& table) {
    std::vector<std::string> entries;
    for (const ConfigEntry& entry : table)
        entries.push_back("{" + entry.key + "@" + text_of(entry.key_span) + "= " + text_of(entry.value) + "}\n");
    std::sort(entries.begin(), entries.end());
    std::string text;
    for (const std::string& entry : entries) text += entry;
    return text;
}

struct Outcome {
    std::size_t chunks = 0;
    std::size_t plain = 0;
};

/// Each chunk that is plain must be what toml++ makes of it.
Outcome compare(const std::string& text) {
    const SourceFile file{"t.toml", text};
    Diagnostics ignored;
    Outcome outcome;
    for (const Chunk& chunk : prescan(file, {}, ignored)) {
        ++outcome.chunks;
        ConfigTable plain;
        if (!read_plain(file, chunk, plain)) {
            CHECK(plain.empty());
            continue;
        }
        ++outcome.plain;
        ConfigTable full;
        Diagnostics mistakes;
        INFO(text.substr(chunk.offset, chunk.length));
        REQUIRE(read_toml(file, chunk, full, mistakes));
        REQUIRE(text_of(plain) == text_of(full));
    }
    return outcome;
}

bool is_plain(const std::string& text) {
    const Outcome outcome = compare(text);
    return outcome.chunks == outcome.plain;
}

/// A random sequence of what plain text is made of, and of what is close to it.
std::string random_text(std::mt19937& random) {
    static const char* const k_pieces[] = {"[[rule]]",
                                           "[rule.match]",
                                           "[rule.action]",
                                           "[[rule.action.targets]]",
                                           "[rule.action.targets.x]",
                                           "[[rule.m]]",
                                           "a = ",
                                           "b=",
                                           "match = ",
                                           "m\t= ",
                                           "a.b = ",
                                           "\"q\" = ",
                                           "\n",
                                           "\n\n",
                                           "\r\n",
                                           " ",
                                           "\t",
                                           "# text",
                                           "# \xc3\xa4",
                                           "\"text\"",
                                           "\"\"",
                                           "'t'",
                                           "''",
                                           "\"\"\"t\"\"\"",
                                           "\"\\n\"",
                                           "\"\xc3\xa4\"",
                                           "1",
                                           "-7",
                                           "0",
                                           "007",
                                           "-0",
                                           "+1",
                                           "1_000",
                                           "0x1f",
                                           "1.5",
                                           "1979-05-27",
                                           "999999999999999999999",
                                           "true",
                                           "false",
                                           "[",
                                           "]",
                                           "{",
                                           "}",
                                           ",",
                                           "[1, 2]",
                                           "[ \"a\",\n \"b\" ]",
                                           "{ a = 1, b = 2 }",
                                           "{}",
                                           "[]",
                                           "[{ a = 1 }, { a = 2 }]",
                                           "[1,\n# c\n]",
                                           "=",
                                           ".",
                                           "[[ rule ]]",
                                           "[x]",
                                           "[[set]]"};
    static const char* const k_lines[] = {"[[rule]]\n",      "a = 1\n",         "match = { a = \"x\", b = [1, 2] }\n",
                                          "[rule.match]\n",  "m = [\n 1,\n]\n", "[[rule.action.targets]]\n",
                                          "[rule.action]\n", "b = 'x' # c\n",   "[[rule.m]]\n"};
    std::string text;
    for (std::size_t i = random() % 12; i > 0; --i) {
        const bool is_line = random() % 3 != 0;
        text += is_line ? k_lines[random() % std::size(k_lines)] : k_pieces[random() % std::size(k_pieces)];
    }
    return text;
}

}  // namespace

TEST_CASE("rules as people write them are plain") {
    CHECK(
        is_plain("[[rule]]\nname = \"a\"\npriority = 10\nmatch = { interface = \"eth0\", dst_port = [80, '443'] }\n"));
    CHECK(
        is_plain("# head\n\n[[rule]] # c\r\nname='a'\r\n\r\n[rule.match]\r\nsrc_ip = [ \"10.0.0.0/8\", # c\r\n  "
                 "\"::/0\",\r\n]\r\n"));
    CHECK(is_plain("[[rule]]\na = 1\n[[rule.action.targets]]\nvia = \"b\"\n[[rule.action.targets]]\nvia = \"c\"\n"));
    CHECK(is_plain("[[rule]]\na = 1\n[rule.action]\nx = true\n[[rule.action.targets]]\nvia = \"b\""));
    CHECK(is_plain("# \xc3\xa4 nothing else"));
    CHECK(is_plain("[[set]]\nname = \"s\"\nprefixes = [\n  \"10.0.0.0/8\",\n  # one more\n  \"10.1.0.0/16\"\n]\n"));
}

TEST_CASE("what needs the whole of TOML is not plain") {
    for (const char* line : {"a.b = 1", "\"a\" = 1", "a = \"\\u0041\"", "a = \"\"\"x\"\"\"", "a = '''x'''", "a = 1.5",
                             "a = 0x1f", "a = 1_000", "a = +1", "a = 1979-05-27", "a = inf", "a = \"\xc3\xa4\"",
                             "[ rule.x ]", "[rule.'x']", "a = 1234567890123456789"})
        CHECK_FALSE(is_plain("[[rule]]\n" + std::string(line) + "\n"));
}

TEST_CASE("mistakes are not plain") {
    for (const char* line : {"a",
                             "a =",
                             "a = 1 2",
                             "a = 1\na = 2",
                             "a = \"x",
                             "a = [1",
                             "a = [1 2]",
                             "a = { b = 1",
                             "a = { b = 1, }",
                             "a = { b = 1,\n c = 2 }",
                             "a = { b = 1, b = 2 }",
                             "= 1",
                             "a = 01",
                             "a = tru",
                             "a = \"x\"y",
                             "[rule",
                             "[rule.a",
                             "[rule.a] b = 1",
                             "[rule.a]\n[rule.a]",
                             "a = {}\n[rule.a]",
                             "a = {}\n[rule.a.b]",
                             "a = [{}]\n[[rule.a]]",
                             "a = 1\n[rule.a.b]",
                             "[rule]",
                             "[[rule.a]]\n[rule.a]"})
        CHECK_FALSE(is_plain("[[rule]]\n" + std::string(line) + "\n"));
}

TEST_CASE("a header made in one table of a list says nothing about the next one") {
    CHECK_FALSE(is_plain("[[rule]]\n[[rule.t]]\n[rule.t.x]\na = 1\n[[rule.t]]\nx = {}\n[rule.t.x.y]\n"));
    CHECK(is_plain("[[rule]]\n[[rule.t]]\n[rule.t.x]\na = 1\n[[rule.t]]\n[rule.t.x]\na = 2\n"));
}

TEST_CASE("a table with very many keys is not plain") {
    std::string text = "[[rule]]\n";
    for (int i = 0; i < 100; ++i) text += "k" + std::to_string(i) + " = 1\n";
    CHECK_FALSE(is_plain(text));
}

TEST_CASE("plain chunks of the examples and of every bad input read as toml++ reads them") {
    std::size_t plain = 0;
    for (const char* directory : {RUDDER_BAD_DIRECTORY, RUDDER_EXAMPLE_DIRECTORY}) {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
            if (entry.path().extension() != ".toml") continue;
            std::ifstream stream(entry.path(), std::ios::binary);
            plain += compare({std::istreambuf_iterator<char>(stream), {}}).plain;
        }
    }
    CHECK(plain > 100);
}

TEST_CASE("plain chunks of random text read as toml++ reads them") {
    std::mt19937 random(7);
    Outcome sum;
    for (int round = 0; round < 20'000; ++round) {
        const Outcome outcome = compare(random_text(random));
        sum.chunks += outcome.chunks;
        sum.plain += outcome.plain;
    }
    CHECK(sum.plain > 1000);
    CHECK(sum.plain < sum.chunks);
}
