// SPDX-License-Identifier: Apache-2.0
#include "shell/config/settings.hpp"

#include "temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>

namespace rudder::test {
namespace {

SettingsLoad load(const std::string& text) {
    const TemporaryDirectory top;
    return load_settings(top.write("rudder.toml", text));
}

}  // namespace

TEST_CASE("without a file the defaults hold") {
    const SettingsLoad none = load_settings("/nonexistent/rudder.toml");
    CHECK(none.diagnostics.all().empty());
    CHECK_FALSE(none.settings.allow_empty);
    CHECK(none.settings.settle == std::chrono::milliseconds(300));
    CHECK(none.settings.attachment == Attachment::automatic);
    CHECK(none.settings.log_level == Priority::info);
}

TEST_CASE("every key is taken over") {
    const SettingsLoad all = load("allow_empty = true\nsettle_ms = 500\nattachment = \"cls_bpf\"\nlog_level = \"debug\"\n");
    CHECK(all.diagnostics.all().empty());
    CHECK(all.settings.allow_empty);
    CHECK(all.settings.settle == std::chrono::milliseconds(500));
    CHECK(all.settings.attachment == Attachment::cls_bpf);
    CHECK(all.settings.log_level == Priority::debug);
}

TEST_CASE("a mistake in the settings is reported with its place") {
    const auto [text, code, line] = GENERATE(table<std::string, std::string, unsigned>({{"allow_empty = ", "F020", 1},
                                                                                      {"\nallow_empti = true\n", "F021", 2},
                                                                                      {"allow_empty = 1\n", "F022", 1},
                                                                                      {"settle_ms = 9\n", "F022", 1},
                                                                                      {"settle_ms = 5001\n", "F022", 1},
                                                                                      {"settle_ms = \"x\"\n", "F022", 1},
                                                                                      {"attachment = \"xdp\"\n", "F022", 1},
                                                                                      {"\n\nlog_level = 7\n", "F022", 3}}));
    CAPTURE(text);
    const SettingsLoad bad = load(text);
    REQUIRE(bad.diagnostics.all().size() == 1);
    CHECK(bad.diagnostics.all()[0].code == code);
    CHECK(bad.diagnostics.all()[0].where.line == line);
}

TEST_CASE("every mistake is reported, not only the first") {
    CHECK(load("allow_empty = 1\nsettle_ms = 0\nunknown = 2\n").diagnostics.error_count() == 3);
}

TEST_CASE("deeply nested settings are refused before the parser sees them") {
    CHECK(load("a = " + std::string(40'000, '[')).diagnostics.has_errors());
    std::string dotted = "a";
    for (int i = 0; i < 40'000; ++i) dotted += ".a";
    CHECK(load(dotted + " = 1\n").diagnostics.has_errors());
}

TEST_CASE("settings that others may write are refused") {
    const TemporaryDirectory top;
    const std::string path = top.write("rudder.toml", "allow_empty = true\n");
    REQUIRE(chmod(path.c_str(), 0666) == 0);
    const SettingsLoad refused = load_settings(path);
    CHECK(refused.diagnostics.has_errors());
    CHECK_FALSE(refused.settings.allow_empty);
}

}  // namespace rudder::test
