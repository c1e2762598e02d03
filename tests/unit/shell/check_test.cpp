// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/command_line.hpp"

#include "temporary_directory.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <array>

namespace rudder::test {
namespace {

const std::string k_good = "[[rule]]\nname = \"a\"\npriority = 10\ntype = \"drop\"\nmatch = { interface = \"eth0\", direction = \"ingress\" }\n";

CommandLine parse(std::vector<const char*> words) {
    words.insert(words.begin(), "rudderd");
    return parse_command_line(static_cast<int>(words.size()), words.data());
}

/// The exit code of a whole command line, as main() would give it.
ExitCode run_check(std::vector<const char*> words) {
    words.insert(words.begin(), "--check");
    const CommandLine line = parse(std::move(words));
    return line.verb == Verb::check ? check(line.check) : line.exit_code;
}

}  // namespace

TEST_CASE("the command line says what to do") {
    CHECK(parse({}).verb == Verb::run);
    CHECK(parse({"-t"}).verb == Verb::check);
    CHECK(parse({"--reload"}).verb == Verb::reload);
    CHECK(parse({"--cleanup"}).verb == Verb::clean_up);
    CHECK(parse({"--version"}).exit_code == ExitCode::ok);
    CHECK(parse({"--help"}).exit_code == ExitCode::ok);
    const CommandLine line = parse({"--config-dir", "/a", "--config-dir", "/b", "--runtime-dir", "/r"});
    CHECK(line.daemon.set.directories == std::vector<std::string>{"/a", "/b"});
    CHECK(line.daemon.runtime_directory == "/r");
}

TEST_CASE("a wrong command line is a usage error") {
    const std::vector<const char*> words = GENERATE(as<std::vector<const char*>>{}, std::vector<const char*>{"--nonsense"}, std::vector<const char*>{"a.toml"},
                                                    std::vector<const char*>{"--check", "--reload"}, std::vector<const char*>{"--with", "a:b"},
                                                    std::vector<const char*>{"--check", "--with", "a"}, std::vector<const char*>{"--check", "--with", "a:"},
                                                    std::vector<const char*>{"--check", "--format", "xml"}, std::vector<const char*>{"--strict"},
                                                    std::vector<const char*>{"--check", "--with", "a:b", "c.toml"}, std::vector<const char*>{"--reload", "--config-dir", "/a"});
    const CommandLine line = parse(words);
    CHECK(line.verb == Verb::finished);
    CHECK(line.exit_code == ExitCode::usage);
}

TEST_CASE("check judges directories, single files and a file in the place of another") {
    const TemporaryDirectory top;
    top.write("conf.d/10.toml", k_good);
    const std::string directory = top.path("conf.d");
    const std::string other = top.write("source", "[[rule]]\nname = \"a\"\npriority = 11\ntype = \"drop\"\nmatch = { interface = \"eth0\", direction = \"ingress\" }\n");
    const std::string bad = top.write("bad.toml", "x = 1\n");
    const std::string in_place = other + ":" + directory + "/10.toml";
    const std::string beside = other + ":" + directory + "/20.toml";
    CHECK(run_check({"--config-dir", directory.c_str()}) == ExitCode::ok);
    CHECK(run_check({other.c_str()}) == ExitCode::ok);
    CHECK(run_check({bad.c_str()}) == ExitCode::configuration);
    CHECK(run_check({"--format", "json", bad.c_str()}) == ExitCode::configuration);
    CHECK(run_check({"--config-dir", directory.c_str(), "--with", in_place.c_str()}) == ExitCode::ok);
    // The same name twice: only wrong in the whole set.
    CHECK(run_check({"--config-dir", directory.c_str(), "--with", beside.c_str()}) == ExitCode::configuration);
    CHECK(run_check({top.path("missing").c_str()}) == ExitCode::configuration);
}

TEST_CASE("check knows of rules that are too much together") {
    const TemporaryDirectory top;
    const auto mac_octets = [](unsigned place, unsigned octet) {
        std::array<unsigned, 4> octets{};
        octets[place] = octet;
        return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}", octets[0], octets[1], octets[2], octets[3]);
    };
    const auto rules = [&](unsigned count) {
        std::string text;
        for (unsigned i = 0; i < count; ++i) {
            const unsigned octet = 1U << (i % 8);
            const char* const mac = i < 64 ? "src_mac" : "dst_mac";
            const std::string bits = i < 32 ? fmt::format("fwmark = \"{0}/{0}\"", 1U << i)
                                            : fmt::format("{0} = \"00:00:{1}/00:00:{1}\"", mac, mac_octets(i / 8 % 4, octet));
            text += fmt::format(
                "[[rule]]\nname = \"r{0}\"\npriority = {0}\ntype = \"drop\"\nmatch = {{ interface = \"eth*\", {1} }}\n",
                i, bits);
        }
        return text;
    };
    CHECK(run_check({top.write("few.toml", rules(16)).c_str()}) == ExitCode::ok);
    CHECK(run_check({top.write("vectors.toml", rules(64)).c_str()}) == ExitCode::ok);
    CHECK(run_check({top.write("many.toml", rules(80)).c_str()}) == ExitCode::configuration);
}

TEST_CASE("a directory given relative to the working directory is the one there") {
    const TemporaryDirectory top;
    top.write("conf.d/10.toml", k_good);
    const std::filesystem::path before = std::filesystem::current_path();
    std::filesystem::current_path(top.path());
    const std::string here = std::filesystem::current_path();
    CHECK(parse({"--config-dir", "conf.d", "--config-dir", "./x/../conf.d/"}).daemon.set.directories == std::vector<std::string>{here + "/conf.d", here + "/conf.d"});
    const std::string source = top.write("source", k_good);
    const std::string to_absolute = source + ":" + here + "/conf.d/10.toml";
    const std::string to_relative = source + ":conf.d/10.toml";
    CHECK(run_check({"--config-dir", "conf.d", "--with", to_absolute.c_str()}) == ExitCode::ok);
    CHECK(run_check({"--config-dir", (here + "/conf.d").c_str(), "--with", to_relative.c_str()}) == ExitCode::ok);
    std::filesystem::create_directory_symlink("conf.d", top.path("link"));
    CHECK(run_check({"--config-dir", "link", "--with", to_absolute.c_str()}) == ExitCode::ok);
    CHECK(run_check({"--config-dir", "link", "--with", (source + ":other/10.toml").c_str()}) == ExitCode::configuration);
    std::filesystem::current_path(before);
}

TEST_CASE("check judges the settings too, unless single files are asked for") {
    const TemporaryDirectory top;
    const std::string file = top.write("conf.d/10.toml", k_good);
    const std::string settings = top.write("rudder.toml", "nonsense = 1\n");
    const std::string directory = top.path("conf.d");
    CHECK(run_check({"--settings", settings.c_str(), "--config-dir", directory.c_str()}) == ExitCode::configuration);
    CHECK(run_check({"--settings", settings.c_str(), file.c_str()}) == ExitCode::ok);
}

TEST_CASE("a named directory that does not exist is a warning") {
    const TemporaryDirectory top;
    const std::string missing = top.path("missing");
    CHECK(run_check({"--config-dir", missing.c_str()}) == ExitCode::ok);
    CHECK(run_check({"--strict", "--config-dir", missing.c_str()}) == ExitCode::configuration);
}

TEST_CASE("warnings fail a strict check only") {
    const TemporaryDirectory top;
    top.write("conf.d/10.toml", k_good);
    top.write("conf.d/20.toml", "");
    const std::string directory = top.path("conf.d");
    CHECK(run_check({"--config-dir", directory.c_str()}) == ExitCode::ok);
    CHECK(run_check({"--strict", "--config-dir", directory.c_str()}) == ExitCode::configuration);
}

}  // namespace rudder::test
