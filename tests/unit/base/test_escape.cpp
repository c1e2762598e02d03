// SPDX-License-Identifier: Apache-2.0
#include "core/base/escape.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace rudder;

TEST_CASE("printable text stays as it is") {
    for (const char* text : {"", "eth0", "\xc3\xa4\xe6\xbc\xa2\xf0\x9f\x98\x80", "a\\b"})
        CHECK(escape_control(text) == text);
}

TEST_CASE("bytes that are not UTF-8 are shown one by one") {
    CHECK(escape_control("\xff") == "\\xff");
    CHECK(escape_control("\xc3") == "\\xc3");
    CHECK(escape_control("\xc3(") == "\\xc3(");
    CHECK(escape_control("\xc0\x80") == "\\xc0\\x80");           // overlong NUL
    CHECK(escape_control("\xe0\x80\xaf") == "\\xe0\\x80\\xaf");  // overlong slash
    CHECK(escape_control("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // surrogate
    CHECK(escape_control("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
    CHECK(escape_control("\xf0\x9f\x98") == "\\xf0\\x9f\\x98");
}

TEST_CASE("characters that steer a terminal or mislead the reader are escaped") {
    CHECK(escape_control(std::string("\0\x1b\x7f\n\r\t", 6)) == "\\x00\\x1b\\x7f\\n\\r\\t");
    CHECK(escape_control("\xc2\x9b") == "\\u009b");      // C1: CSI
    CHECK(escape_control("\xe2\x80\xae") == "\\u202e");  // right-to-left override
    CHECK(escape_control("\xe2\x80\x8b") == "\\u200b");  // zero-width space
    CHECK(escape_control("\xef\xbb\xbf") == "\\ufeff");
}

TEST_CASE("JSON strings are quoted and always well-formed") {
    CHECK(json_quote("a\"b\\c") == R"("a\"b\\c")");
    CHECK(json_quote("\n\x1b") == R"("\u000a\u001b")");
    CHECK(json_quote("\xff") == "\"\xef\xbf\xbd\"");
    CHECK(json_quote("\xc3\xa4") == "\"\xc3\xa4\"");
}
