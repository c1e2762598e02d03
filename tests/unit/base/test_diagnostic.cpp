// SPDX-License-Identifier: Apache-2.0
#include "core/base/diagnostic.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <string>

using namespace rudder;

namespace {

Location at(std::uint32_t line, std::uint32_t column, std::uint32_t length = 1) {
    return {"a.toml", line, column, length};
}

std::string text_of(const Location& where, const std::string& source) {
    Diagnostics diagnostics;
    diagnostics.error("E0001", where, "wrong");
    return render_text(diagnostics, {{"a.toml", source}}, false);
}

std::string line_at(const std::string& text, std::size_t index) {
    std::size_t begin = 0;
    for (; index > 0; --index) begin = text.find('\n', begin) + 1;
    return text.substr(begin, text.find('\n', begin) - begin);
}

/// The shown source text above the marks.
std::string marked_text(const std::string& rendered) {
    const std::string source = line_at(rendered, 1);
    const std::string marks = line_at(rendered, 2);
    const std::size_t begin = marks.find('^');
    return begin < source.size() ? source.substr(begin, marks.size() - begin) : std::string();
}

}  // namespace

TEST_CASE("a finding shows its place, the source line, the marks and the way out") {
    Diagnostics diagnostics;
    diagnostics.error("E0201", {"/etc/a.toml", 2, 8, 6}, "unknown type \"stear\"", "did you mean \"steer\"?");
    CHECK(render_text(diagnostics, {{"/etc/a.toml", "[[rule]]\ntype = \"stear\"\n"}}, false) ==
          "/etc/a.toml:2:8: error[E0201]: unknown type \"stear\"\n"
          "    2 | type = \"stear\"\n"
          "      |        ^~~~~~\n"
          "help: did you mean \"steer\"?\n");
}

TEST_CASE("a note shows the second place with its own source line") {
    Diagnostics diagnostics;
    diagnostics.add({Severity::error,
                     "E0300",
                     "name \"x\" is used twice",
                     {"b.toml", 1, 1, 4},
                     {{"first used here", {"a.toml", 2, 1, 4}}},
                     ""});
    CHECK(render_text(diagnostics, {{"a.toml", "\nname = 1"}, {"b.toml", "name = 2"}}, false) ==
          "b.toml:1:1: error[E0300]: name \"x\" is used twice\n"
          "    1 | name = 2\n"
          "      | ^~~~\n"
          "a.toml:2:1: note: first used here\n"
          "    2 | name = 1\n"
          "      | ^~~~\n");
}

TEST_CASE("the marks stand under the marked bytes") {
    CHECK(marked_text(text_of(at(1, 5, 3), "abc def ghi")) == "def");
    CHECK(marked_text(text_of(at(1, 3, 3), "\t\tdef")) == "def");
    CHECK(marked_text(text_of(at(1, 3, 3), "a\tdef")) == "def");
    CHECK(marked_text(text_of(at(1, 3, 3),
                              "\x1b\x01"
                              "def")) == "def");
    CHECK(marked_text(text_of(at(1, 1, 100), "abc")) == "abc");
    CHECK(marked_text(text_of(at(1, 2, 1), "abc\r\nx")) == "b");
    CHECK(marked_text(text_of(at(3, 1, 1), "a\nb\nc")) == "c");
}

TEST_CASE("the marks count characters, not bytes") {
    const std::string rendered = text_of(at(1, 5, 1), "\xc3\xa4\xc3\xb6x");
    CHECK(line_at(rendered, 2) == "      |   ^");
    CHECK(line_at(text_of(at(1, 4, 1), "\xe6\xbc\xa2x"), 2) == "      |   ^");
}

TEST_CASE("a place past the end of the line or file is marked after the last character") {
    CHECK(line_at(text_of(at(1, 4), "abc"), 2) == "      |    ^");
    CHECK(line_at(text_of(at(1, 4000000000u), "abc"), 2) == "      |    ^");
    CHECK(line_at(text_of(at(9, 1), "abc"), 2) == "      | ^");
    CHECK(line_at(text_of(at(1, 1), ""), 2) == "      | ^");
}

TEST_CASE("a finding about a whole file or without a source shows only its message") {
    CHECK(text_of(at(0, 0), "abc") == "a.toml: error[E0001]: wrong\n");
    Diagnostics diagnostics;
    diagnostics.warning("W0001", {}, "nothing to do");
    diagnostics.error("E0002", {"gone.toml", 3, 4, 1}, "lost");
    CHECK(render_text(diagnostics, {}, false) == "warning[W0001]: nothing to do\ngone.toml:3:4: error[E0002]: lost\n");
}

TEST_CASE("control bytes of source, text and path reach the terminal escaped") {
    Diagnostics diagnostics;
    diagnostics.error("E0001", {"a\x1b[2J.toml", 1, 1, 1}, "bad \x1b]0;x\x07 \xff", "try \n this");
    const std::string rendered = render_text(diagnostics, {{"a\x1b[2J.toml", "\x1b[31m\xc2\x9b\xe2\x80\xae"}}, false);
    CHECK(rendered ==
          "a\\x1b[2J.toml:1:1: error[E0001]: bad \\x1b]0;x\\x07 \\xff\n"
          "    1 | \\x1b[31m\\u009b\\u202e\n"
          "      | ^~~~\n"
          "help: try \\n this\n");
}

TEST_CASE("a very long line is cut around the place") {
    const std::string source = std::string(100000, 'a') + "HERE" + std::string(100000, 'b');
    const std::string rendered = text_of(at(1, 100001, 4), source);
    CHECK(marked_text(rendered) == "HERE");
    CHECK(line_at(rendered, 1).size() < 200);
    CHECK(line_at(rendered, 1).find("...a") != std::string::npos);
    CHECK(line_at(rendered, 1).find("b...") != std::string::npos);
    CHECK(line_at(rendered, 2).size() < 200);
}

TEST_CASE("the marks of a very long value are cut too") {
    const std::string source(5000, 'a');
    CHECK(line_at(text_of(at(1, 1, 5000), source), 2).size() < 200);
    CHECK(line_at(text_of(at(1, 5000, 1), source), 1).size() < 200);
    CHECK(marked_text(text_of(at(1, 5000, 1), source.substr(1) + "Z")) == "Z");
}

TEST_CASE("any bytes at any place give lines without control bytes") {
    std::mt19937 random(8);
    for (int round = 0; round < 3000; ++round) {
        std::string source(random() % 300, ' ');
        for (char& byte : source) byte = static_cast<char>(random());
        const std::string rendered =
            text_of(at(static_cast<std::uint32_t>(random() % 4), static_cast<std::uint32_t>(random() % 320),
                       static_cast<std::uint32_t>(random() % 40)),
                    source);
        for (const char byte : rendered) {
            if ((byte >= 0 && byte < 0x20 && byte != '\n') || byte == 0x7f) FAIL("control byte in " << rendered);
        }
    }
}

TEST_CASE("colours are used only when asked for") {
    Diagnostics diagnostics;
    diagnostics.error("E0001", at(1, 1), "wrong", "help");
    CHECK(render_text(diagnostics, {{"a.toml", "x"}}, false).find('\x1b') == std::string::npos);
    CHECK(render_text(diagnostics, {{"a.toml", "x"}}, true).find("\x1b[1;31merror[E0001]:\x1b[0m") !=
          std::string::npos);
}

TEST_CASE("findings are sorted by file, line and column and keep their order otherwise") {
    Diagnostics diagnostics;
    diagnostics.error("E4", {"b", 1, 1, 1}, "");
    diagnostics.error("E3", {"a", 10, 2, 1}, "");
    diagnostics.warning("E1", {"a", 9, 7, 1}, "");
    diagnostics.error("E2", {"a", 9, 7, 1}, "");
    diagnostics.sort();
    std::string order;
    for (const Diagnostic& finding : diagnostics.all()) order += finding.code;
    CHECK(order == "E1E2E3E4");
    CHECK(diagnostics.error_count() == 3);
    CHECK(diagnostics.warning_count() == 1);
    CHECK(diagnostics.has_errors());
}

TEST_CASE("warnings alone are no errors") {
    Diagnostics diagnostics;
    CHECK_FALSE(diagnostics.has_errors());
    diagnostics.warning("W1", {}, "");
    CHECK_FALSE(diagnostics.has_errors());
}

TEST_CASE("findings are written as JSON with every field") {
    Diagnostics diagnostics;
    diagnostics.add(
        {Severity::warning, "W1", "a \"b\" \\ \n \xff \xc3\xa4", {"f", 1, 2, 3}, {{"n", {"g", 4, 5, 6}}}, "h"});
    diagnostics.error("E1", {}, "");
    CHECK(
        render_json(diagnostics) ==
        R"({"diagnostics":[{"severity":"warning","code":"W1","text":"a \"b\" \\ \u000a )"
        "\xef\xbf\xbd \xc3\xa4"
        R"(","file":"f","line":1,"column":2,"length":3,"help":"h","notes":[{"text":"n","file":"g","line":4,"column":5,"length":6}]},)"
        R"({"severity":"error","code":"E1","text":"","file":"","line":0,"column":0,"length":1,"help":"","notes":[]}]})");
    CHECK(render_json(Diagnostics{}) == R"({"diagnostics":[]})");
}

TEST_CASE("a slip of the finger is recognised") {
    const std::vector<std::string_view> words = {"steer",  "replicate", "drop",     "pass",
                                                 "dst_ip", "src_ip",    "next_hop", "next_hop_mac"};
    CHECK(did_you_mean("stear", words) == "steer");
    CHECK(did_you_mean("setter", words) == "steer");
    CHECK(did_you_mean("repliate", words) == "replicate");
    CHECK(did_you_mean("DROP", words) == "drop");
    CHECK(did_you_mean("dropp", words) == "drop");
    CHECK(did_you_mean("dst-ip", words) == "dst_ip");
    CHECK(did_you_mean("dstip", words) == "dst_ip");
    CHECK(did_you_mean("nexthop", words) == "next_hop");
    CHECK(did_you_mean("psas", words) == "pass");
}

TEST_CASE("a word far from all candidates gets no proposal") {
    const std::vector<std::string_view> words = {"steer", "drop", "x"};
    CHECK(did_you_mean("banana", words).empty());
    CHECK(did_you_mean("", words).empty());
    CHECK(did_you_mean("q", words).empty());
    CHECK(did_you_mean(std::string(100000, 'a'), words).empty());
    CHECK(did_you_mean("steer", {}).empty());
}
