// SPDX-License-Identifier: Apache-2.0
#include "shell/config/config_set.hpp"

#include "temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <unistd.h>

namespace rudder::test {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names(const ConfigSet& set) {
    std::vector<std::string> result;
    for (const SourceFile& file : set.files) result.push_back(fs::path(file.path).filename());
    return result;
}

std::vector<std::string> codes(const ConfigSet& set) {
    std::vector<std::string> result;
    for (const Diagnostic& diagnostic : set.diagnostics.all()) result.push_back(diagnostic.code);
    return result;
}

ConfigSet load(std::vector<std::string> directories, Limits limits = {}, Trust trust = Trust::required) {
    return load_config_set({std::move(directories), {}, limits, trust});
}

/// "etc" and "lib" in a directory of their own.
struct Directories {
    TemporaryDirectory top;
    std::string etc = top.path("etc");
    std::string lib = top.path("lib");

    Directories() {
        for (const std::string& path : {etc, lib}) {
            fs::create_directory(path);
            fs::permissions(path, static_cast<fs::perms>(0755));
        }
    }
    [[nodiscard]] ConfigSet load_all() const { return load({etc, lib}); }
};

}  // namespace

TEST_CASE("only names of configuration files are read") {
    for (const char* name : {"10-a.toml", "a.toml", "A_b.c-d.toml", "0.toml", "x.toml.toml", "a.list", "10-b_c.list"}) CHECK(is_config_file_name(name));
    for (const char* name : {".toml", ".a.toml", "#a.toml#", ".#a.toml", "a.toml~", "a.toml.dpkg-new", "a.toml.rpmsave", "a.toml.ucf-dist",
                             ".a.toml.swp", ".ansible_tmpx10.toml", ".10.toml.Ab12Cd", "4913", "..data", "-a.toml", "_a.toml", "a b.toml",
                             "\xc3\xa4.toml", "a.TOML", "a.tom", "", "source", "a\n.toml", "a/b.toml", ".list", ".a.list", "a.list~", "a.list.dpkg-new", "list"}) {
        CAPTURE(name);
        CHECK_FALSE(is_config_file_name(name));
    }
}

TEST_CASE("files come in the order of their bytes whatever the directory") {
    const Directories d;
    d.top.write("etc/b.toml", "b");
    d.top.write("lib/a.toml", "a");
    d.top.write("etc/Z.toml", "Z");
    d.top.write("lib/10.toml", "10");
    CHECK(names(d.load_all()) == std::vector<std::string>{"10.toml", "Z.toml", "a.toml", "b.toml"});
}

TEST_CASE("a file of an earlier directory replaces the same name of a later one") {
    const Directories d;
    d.top.write("etc/a.toml", "mine");
    d.top.write("lib/a.toml", "theirs");
    const ConfigSet set = d.load_all();
    REQUIRE(set.files.size() == 1);
    CHECK(set.files[0].bytes == "mine");
    CHECK(set.files[0].path == d.etc + "/a.toml");
    CHECK(set.diagnostics.all().empty());
}

TEST_CASE("an empty file and a link to /dev/null mask a later file") {
    const Directories d;
    d.top.write("lib/a.toml", "x");
    d.top.write("lib/b.toml", "x");
    d.top.write("etc/a.toml", "");
    fs::create_symlink("/dev/null", d.etc + "/b.toml");
    const ConfigSet set = d.load_all();
    CHECK(set.files.empty());
    CHECK(set.diagnostics.all().empty());
}

TEST_CASE("an empty file that masks nothing is worth a warning") {
    const Directories d;
    d.top.write("etc/a.toml", "");
    const ConfigSet set = d.load_all();
    CHECK(codes(set) == std::vector<std::string>{"F012"});
    CHECK_FALSE(set.diagnostics.has_errors());
}

TEST_CASE("a name that almost fits is worth a warning") {
    const Directories d;
    d.top.write("etc/my rules.toml", "x");
    d.top.write("etc/.hidden.toml", "x");
    const ConfigSet set = d.load_all();
    CHECK(codes(set) == std::vector<std::string>{"F011"});
    CHECK(set.files.empty());
}

TEST_CASE("missing directories are an empty set") {
    const ConfigSet set = load({"/nonexistent/a", "/nonexistent/b"});
    CHECK(set.files.empty());
    CHECK(set.diagnostics.all().empty());
}

TEST_CASE("a directory that is none is an error, not an empty set") {
    const Directories d;
    const std::string file = d.top.write("file", "x");
    const ConfigSet set = load({file});
    CHECK(codes(set) == std::vector<std::string>{"F001"});
}

TEST_CASE("what is no regular file is refused without waiting for it") {
    const Directories d;
    SECTION("FIFO") { REQUIRE(mkfifo((d.etc + "/a.toml").c_str(), 0644) == 0); }
    SECTION("directory") { fs::create_directory(d.etc + "/a.toml"); }
    CHECK(codes(d.load_all()) == std::vector<std::string>{"F003"});
}

TEST_CASE("a link beneath the directory is followed as Kubernetes lays them") {
    const Directories d;
    d.top.write("etc/..2026_1/a.toml", "one");
    fs::create_symlink("..2026_1", d.etc + "/..data");
    fs::create_symlink("..data/a.toml", d.etc + "/a.toml");
    const ConfigSet set = d.load_all();
    CHECK(set.diagnostics.all().empty());
    REQUIRE(set.files.size() == 1);
    CHECK(set.files[0].bytes == "one");
}

TEST_CASE("a directory that others may write on the way of a link is refused") {
    const Directories d;
    d.top.write("etc/sub/a.toml", "one");
    fs::permissions(d.etc + "/sub", static_cast<fs::perms>(0777));
    fs::create_symlink("sub/a.toml", d.etc + "/a.toml");
    CHECK(codes(d.load_all()) == std::vector<std::string>{"F004"});
}

TEST_CASE("a link that leads out is refused") {
    const Directories d;
    d.top.write("outside.toml", "secret");
    SECTION("absolute") { fs::create_symlink(d.top.path("outside.toml"), d.etc + "/a.toml"); }
    SECTION("relative") { fs::create_symlink("../outside.toml", d.etc + "/a.toml"); }
    SECTION("magic") { fs::create_symlink("/proc/self/environ", d.etc + "/a.toml"); }
    const ConfigSet set = d.load_all();
    CHECK(codes(set) == std::vector<std::string>{"F006"});
    CHECK(set.files.empty());
}

TEST_CASE("a dangling link and a loop are errors") {
    const Directories d;
    SECTION("dangling") { fs::create_symlink("nowhere", d.etc + "/a.toml"); }
    SECTION("loop") { fs::create_symlink("a.toml", d.etc + "/a.toml"); }
    CHECK(codes(d.load_all()) == std::vector<std::string>{"F002"});
}

TEST_CASE("a file with a second name is refused") {
    const Directories d;
    d.top.write("etc/a.toml", "x");
    fs::create_hard_link(d.etc + "/a.toml", d.top.path("other"));
    CHECK(codes(d.load_all()) == std::vector<std::string>{"F005"});
}

TEST_CASE("modes decide whether a file or directory is trusted") {
    const Directories d;
    d.top.write("etc/a.toml", "x");
    const bool is_file = GENERATE(true, false);
    const auto [mode, is_trusted] = GENERATE(table<unsigned, bool>({{0755, true}, {0644 | 0111, true}, {0700, true}, {0750, true}, {0757, false},
                                                                    {0777, false}, {0702, false}, {01777, false}, {0555, true}}));
    CAPTURE(is_file, mode);
    REQUIRE(chmod((is_file ? d.etc + "/a.toml" : d.etc).c_str(), mode) == 0);
    const ConfigSet set = d.load_all();
    CHECK(codes(set) == (is_trusted ? std::vector<std::string>{} : std::vector<std::string>{"F004"}));
    CHECK(set.diagnostics.has_errors() != is_trusted);
}

TEST_CASE("owner and group decide whether a file is trusted", "[root]") {
    if (geteuid() != 0) {
        WARN("skipped: needs root to change owners");
        return;
    }
    const Directories d;
    const std::string file = d.top.write("etc/a.toml", "x");
    const auto [uid, gid, mode, is_trusted] = GENERATE(table<uid_t, gid_t, unsigned, bool>(
        {{0, 0, 0664, true}, {0, 1234, 0644, true}, {0, 1234, 0664, false}, {1234, 0, 0644, false}, {1234, 1234, 0600, false}, {0, 1234, 0640, true}}));
    CAPTURE(uid, gid, mode);
    REQUIRE(chown(file.c_str(), uid, gid) == 0);
    REQUIRE(chmod(file.c_str(), mode) == 0);
    CHECK(d.load_all().diagnostics.has_errors() != is_trusted);
}

TEST_CASE("a check by somebody else only warns about trust") {
    const Directories d;
    REQUIRE(chmod(d.top.write("etc/a.toml", "x").c_str(), 0666) == 0);
    const ConfigSet set = load({d.etc}, {}, Trust::advised);
    CHECK(codes(set) == std::vector<std::string>{"F004"});
    CHECK_FALSE(set.diagnostics.has_errors());
    CHECK(set.files.size() == 1);
}

TEST_CASE("limits end the load with an error") {
    const Directories d;
    Limits limits;
    SECTION("files") {
        limits.files = 2;
        for (const char* name : {"a", "b", "c"}) d.top.write(std::string("etc/") + name + ".toml", "x");
        CHECK(codes(load({d.etc}, limits)) == std::vector<std::string>{"F008"});
    }
    SECTION("bytes of a file") {
        limits.file_bytes = 10;
        d.top.write("etc/a.toml", std::string(10, 'x'));
        d.top.write("etc/b.toml", std::string(11, 'x'));
        CHECK(codes(load({d.etc}, limits)) == std::vector<std::string>{"F007"});
    }
    SECTION("a sparse gigabyte") {
        const std::string path = d.top.write("etc/a.toml", "x");
        REQUIRE(truncate(path.c_str(), off_t{1} << 30) == 0);
        CHECK(codes(load({d.etc})) == std::vector<std::string>{"F007"});
    }
    SECTION("bytes of the set") {
        limits.set_bytes = 15;
        for (const char* name : {"a", "b", "c"}) d.top.write(std::string("etc/") + name + ".toml", std::string(10, 'x'));
        CHECK(codes(load({d.etc}, limits)) == std::vector<std::string>{"F009"});
    }
}

TEST_CASE("one unreadable file fails the set and hides no other") {
    const Directories d;
    d.top.write("etc/a.toml", "x");
    fs::create_symlink("nowhere", d.etc + "/b.toml");
    const ConfigSet set = d.load_all();
    CHECK(set.diagnostics.has_errors());
    CHECK(names(set) == std::vector<std::string>{"a.toml"});
}

TEST_CASE("the hash covers names and bytes and nothing else") {
    const auto hash_of = [](const std::vector<std::pair<std::string, std::string>>& files) {
        const Directories d;
        for (const auto& [name, bytes] : files) d.top.write("etc/" + name, bytes);
        return d.load_all().sha256;
    };
    const std::string base = hash_of({{"a.toml", "1"}, {"b.toml", "2"}});
    CHECK(base.size() == 64);
    CHECK(base == hash_of({{"b.toml", "2"}, {"a.toml", "1"}}));
    CHECK(base != hash_of({{"a.toml", "2"}, {"b.toml", "1"}}));
    CHECK(base != hash_of({{"a.toml", "1"}, {"c.toml", "2"}}));
    CHECK(base != hash_of({{"a.toml", "12"}}));
    CHECK(base != hash_of({}));
}

TEST_CASE("a substitution stands in for a file of its directory") {
    const Directories d;
    const std::string source = d.top.write("source", "new");
    d.top.write("etc/a.toml", "old");
    d.top.write("lib/a.toml", "oldest");
    const auto with = [&](const std::string& destination) { return load_config_set({{d.etc, d.lib}, {{source, destination}}, {}, Trust::required}); };

    SECTION("in place of the file") {
        const ConfigSet set = with(d.etc + "/a.toml");
        REQUIRE(set.files.size() == 1);
        CHECK(set.files[0].path == d.etc + "/a.toml");
        CHECK(set.files[0].bytes == "new");
    }
    SECTION("as a new file") { CHECK(names(with(d.etc + "/b.toml")) == std::vector<std::string>{"a.toml", "b.toml"}); }
    SECTION("hidden by an earlier directory") { CHECK(with(d.lib + "/a.toml").files[0].bytes == "old"); }
    SECTION("of another directory") { CHECK(codes(with("/somewhere/a.toml")) == std::vector<std::string>{"F013"}); }
    SECTION("with a name that is not read") { CHECK(with(d.etc + "/a.conf").diagnostics.has_errors()); }
    SECTION("that does not exist") {
        CHECK(codes(load_config_set({{d.etc}, {{d.top.path("missing"), d.etc + "/a.toml"}}, {}, Trust::required})) == std::vector<std::string>{"F002"});
    }
}

}  // namespace rudder::test
