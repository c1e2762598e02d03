// SPDX-License-Identifier: Apache-2.0
#include "core/config/codes.hpp"
#include "core/config/prescan.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <string>

using namespace rudder;

namespace {

std::string first_code(const std::string& text, const Limits& limits = {}) {
    Diagnostics diagnostics;
    const auto chunks = prescan({"t.toml", text}, limits, diagnostics);
    CHECK(chunks.empty() == diagnostics.has_errors());
    return diagnostics.has_errors() ? diagnostics.all().front().code : "";
}

/// Writes random TOML values and counts how deep they are nested.
class ValueWriter {
public:
    explicit ValueWriter(unsigned seed) : random_(seed) {}

    std::size_t deepest() const { return deepest_; }

    std::string value(std::size_t depth) {
        deepest_ = std::max(deepest_, depth);
        if (depth < 24 && pick(10) < 8) return pick(2) == 0 ? list(depth + 1) : table(depth + 1);
        return scalar();
    }

    std::string scalar() {
        static const char* const k_scalars[] = {"1",
                                                "-1.5e3",
                                                "true",
                                                "1979-05-27 07:32:00",
                                                "\"[[[{{{\"",
                                                "'}}]]\"'",
                                                "\"\\\"[{\\\\\"",
                                                "\"\"",
                                                "''",
                                                "\"\"\"[{\n\"[\"\"{ \\\"\"\" ]\"\"\"",
                                                "'''[''{'\n'''",
                                                "\"\"\"\"\"\"",
                                                "''''''",
                                                "\"\"\"a\"\"\"\"\"",
                                                "\"# [\"",
                                                "'\\'"};
        return k_scalars[pick(std::size(k_scalars))];
    }

private:
    std::size_t pick(std::size_t count) { return random_() % count; }

    std::string list(std::size_t depth) {
        deepest_ = std::max(deepest_, depth);
        std::string text = "[ # ]]] \" ''' {\n";
        const std::size_t deep = pick(2);
        for (std::size_t i = 0; i < 2; ++i) text += (i == deep ? value(depth) : scalar()) + ",\n";
        return text + "]";
    }

    std::string table(std::size_t depth) {
        deepest_ = std::max(deepest_, depth);
        return "{ \"a.b.c.d.e.f.g.h.i.j\" = " + scalar() + ", 'x[' . y = " + value(depth) + " }";
    }

    std::mt19937 random_;
    std::size_t deepest_ = 0;
};

std::string repeat(const std::string& text, std::size_t count) {
    std::string result;
    for (std::size_t i = 0; i < count; ++i) result += text;
    return result;
}

}  // namespace

TEST_CASE("a byte is judged alike wherever it stands") {
    for (int number = 0; number < 256; ++number) {
        const char byte = static_cast<char>(number);
        const bool is_good = number == '\t' || number == '\n' || (number >= 0x20 && number < 0x7f);
        for (std::size_t place = 0; place < 20; ++place) {
            std::string text(20, '~');
            text[place] = byte;
            if (byte == '\n') text.insert(place + 1, "#");
            INFO(number << " at " << place);
            CHECK(first_code("#" + text + "~\n").empty() == is_good);
        }
    }
}

TEST_CASE("brackets count outside strings and comments only, whatever stands around them") {
    std::size_t deep = 0;
    for (unsigned seed = 0; seed < 3000; ++seed) {
        ValueWriter writer(seed);
        const std::string text = "a = " + writer.value(0) + "\nb = 1\n";
        INFO(text);
        const bool is_too_deep = writer.deepest() > Limits{}.nesting;
        deep += is_too_deep ? 1 : 0;
        REQUIRE(first_code(text) == (is_too_deep ? code::nested_too_deep : ""));
    }
    CHECK(deep > 50);
}

TEST_CASE("input that overflows the stack of the parser is refused, however large") {
    for (const std::size_t count : {std::size_t{17}, std::size_t{1000}, std::size_t{150'000}}) {
        CHECK(first_code("a = " + repeat("[", count)) == code::nested_too_deep);
        CHECK(first_code("a = " + repeat("{a=", count)) == code::nested_too_deep);
        CHECK(first_code("a = " + repeat("[\n", count)) == code::nested_too_deep);
        CHECK(first_code(repeat("a.", count) + "a = 1") == code::key_too_long);
        CHECK(first_code("[" + repeat("a.", count) + "a]") == code::key_too_long);
        CHECK(first_code("[[" + repeat("\"a\" . ", count) + "a]]") == code::key_too_long);
        CHECK(first_code("x = {" + repeat("'.'.", count) + "a = 1}") == code::key_too_long);
    }
}

TEST_CASE("keys of eight segments and sixteen brackets are allowed") {
    CHECK(first_code("a.b.c.d.e.f.g.h = " + repeat("[", 16) + repeat("]", 16) + "\n").empty());
}

TEST_CASE("chunks begin at list headers and cover the file") {
    const std::string text =
        "# é\na = 1\n[[rule]]\nx = '''\n[[rule]]\n'''\n  [[rule]]\n[rule.match]\n[[rule.a.b]]\n[[set]]\n";
    Diagnostics diagnostics;
    const auto chunks = prescan({"t.toml", text}, {}, diagnostics);
    REQUIRE(chunks.size() == 4);
    std::size_t end = 0;
    for (const Chunk& chunk : chunks) {
        CHECK(chunk.offset == end);
        end += chunk.length;
    }
    CHECK(end == text.size());
    CHECK(chunks[1].first_line == 3);
    CHECK(chunks[2].first_line == 7);
    CHECK(chunks[3].first_line == 10);
    CHECK_FALSE(chunks[0].is_ascii);
    CHECK(chunks[1].is_ascii);
}

TEST_CASE("a byte-order mark of UTF-8 is accepted and hidden from the parser") {
    Diagnostics diagnostics;
    const auto chunks = prescan({"t.toml", "\xef\xbb\xbf[[rule]]\n"}, {}, diagnostics);
    REQUIRE(chunks.size() == 1);
    CHECK(chunks[0].offset == 3);
    CHECK(chunks[0].column_shift == 3);
}

TEST_CASE("an empty file has one empty chunk") {
    Diagnostics diagnostics;
    CHECK(prescan({"t.toml", ""}, {}, diagnostics).size() == 1);
}
