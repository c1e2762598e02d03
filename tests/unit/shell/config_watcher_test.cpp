// SPDX-License-Identifier: Apache-2.0
#include "shell/config/config_watcher.hpp"

#include "loop_runner.hpp"
#include "temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cstring>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rudder::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// Long against the pauses of a busy machine, short against the patience of a developer.
constexpr WatchTiming k_timing{80ms, 3000ms, 3600s};

/// A watched conf.d, and how often it was said to have settled.
struct Watching {
    LoopRunner loop;
    TemporaryDirectory top;
    std::string directory = top.path("conf.d");
    std::unique_ptr<ConfigWatcher> watcher;
    int settled = 0;

    explicit Watching(bool exists = true, WatchTiming timing = k_timing) {
        if (exists) top.write("conf.d/10.toml", "old");
        watcher = std::move(ConfigWatcher::open(loop.get(), {directory}, timing, [this] { ++settled; })).value();
    }

    /// Exactly one call, and then silence.
    void expect_once() {
        CHECK(loop.run_until([this] { return settled > 0; }));
        loop.run_for(4 * k_timing.settle);
        CHECK(settled == 1);
        settled = 0;
    }
    void expect_none() {
        loop.run_for(4 * k_timing.settle);
        CHECK(settled == 0);
    }
    /// The watches still work.
    void expect_alive() {
        settled = 0;
        top.write("conf.d/99.toml", "more");
        expect_once();
    }
};

}  // namespace

TEST_CASE("one save of an editor or tool is one change") {
    Watching w;
    SECTION("plain write") { w.top.write("conf.d/10.toml", "new"); }
    SECTION("Ansible: temporary file in the same directory, then rename") {
        w.top.write("conf.d/.ansible_tmpab12cd10.toml", "new");
        fs::rename(w.directory + "/.ansible_tmpab12cd10.toml", w.directory + "/10.toml");
    }
    SECTION("vim: probe file, backup, write, remove the backup") {
        w.top.write("conf.d/4913", "");
        fs::remove(w.directory + "/4913");
        fs::rename(w.directory + "/10.toml", w.directory + "/10.toml~");
        w.top.write("conf.d/10.toml", "new");
        fs::remove(w.directory + "/10.toml~");
    }
    SECTION("sed -i: new file, then rename over the old one") {
        w.top.write("conf.d/sedXy12Za", "new");
        fs::rename(w.directory + "/sedXy12Za", w.directory + "/10.toml");
    }
    SECTION("dpkg: .dpkg-new, hard link as backup, rename") {
        w.top.write("conf.d/10.toml.dpkg-new", "new");
        fs::create_hard_link(w.directory + "/10.toml", w.directory + "/10.toml.dpkg-tmp");
        fs::rename(w.directory + "/10.toml.dpkg-new", w.directory + "/10.toml");
        fs::remove(w.directory + "/10.toml.dpkg-tmp");
    }
    SECTION("rsync: hidden temporary file, then rename") {
        w.top.write("conf.d/.10.toml.Ab12Cd", "new");
        fs::rename(w.directory + "/.10.toml.Ab12Cd", w.directory + "/10.toml");
    }
    SECTION("a symbolic link to /dev/null") { fs::create_symlink("/dev/null", w.directory + "/20.toml"); }
    SECTION("a removed file") { fs::remove(w.directory + "/10.toml"); }
    SECTION("a changed mode") { REQUIRE(chmod((w.directory + "/10.toml").c_str(), 0600) == 0); }
    SECTION("a changed mode of the directory") { REQUIRE(chmod(w.directory.c_str(), 0700) == 0); }
    SECTION("many files") {
        for (int i = 0; i < 200; ++i) w.top.write("conf.d/" + std::to_string(i) + ".toml", "x");
    }
    w.expect_once();
    w.expect_alive();
}

TEST_CASE("names that are not read, and reading itself, are no change") {
    Watching w;
    SECTION("temporary files") {
        for (const char* name : {"4913", ".10.toml.swp", "10.toml~", ".#10.toml", "10.toml.dpkg-old"}) w.top.write(std::string("conf.d/") + name, "x");
    }
    SECTION("our own reads") { (void)fs::file_size(w.directory + "/10.toml"), std::ifstream(w.directory + "/10.toml").get(); }
    SECTION("files beside the directory") { w.top.write("other.toml", "x"); }
    w.expect_none();
}

TEST_CASE("a slow writer is waited for until it closes the file") {
    Watching w;
    {
        const UniqueFd fd(::open((w.directory + "/20.toml").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
        for (int i = 0; i < 5; ++i) {
            REQUIRE(::write(fd.get(), "x", 1) == 1);
            w.loop.run_for(2 * k_timing.settle);
            CHECK(w.settled == 0);
        }
    }
    w.expect_once();
}

TEST_CASE("a writer that never ends does not hold up the others for ever") {
    WatchTiming timing = k_timing;
    timing.at_most = 300ms;
    Watching w(true, timing);
    const UniqueFd fd(::open((w.directory + "/20.toml").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    CHECK(w.loop.run_until([&] { return w.settled > 0; }, 3s));
}

TEST_CASE("a ConfigMap update is one change") {
    Watching w(false);
    w.top.write("conf.d/..2026_1/a.toml", "one");
    fs::create_symlink("..2026_1", w.directory + "/..data");
    fs::create_symlink("..data/a.toml", w.directory + "/a.toml");
    w.expect_once();
    for (const char* next : {"..2026_2", "..2026_3"}) {
        w.top.write(std::string("conf.d/") + next + "/a.toml", next);
        fs::create_symlink(next, w.directory + "/..data_tmp");
        fs::rename(w.directory + "/..data_tmp", w.directory + "/..data");
        fs::remove_all(w.directory + "/..2026_1");
        w.expect_once();
    }
}

TEST_CASE("a change behind a symbolic link is seen") {
    Watching w(false);
    w.top.write("conf.d/sub/a.toml", "one");
    fs::create_symlink("sub/a.toml", w.directory + "/a.toml");
    w.expect_once();
    w.top.write("conf.d/sub/a.toml", "two");
    w.expect_once();
}

TEST_CASE("a link on the way to the directory that is switched is one change") {
    LoopRunner loop;
    const TemporaryDirectory top;
    for (const char* version : {"v1", "v2", "v3"}) top.write(std::string(version) + "/conf.d/10.toml", version);
    fs::create_directory_symlink("v1", top.path("hop"));
    fs::create_directory_symlink(top.path("hop"), top.path("cur"));
    int settled = 0;
    const auto watcher = std::move(ConfigWatcher::open(loop.get(), {top.path("cur/conf.d")}, k_timing, [&] { ++settled; })).value();
    const auto is_seen_once = [&] {
        const bool is_seen = loop.run_until([&] { return settled > 0; });
        loop.run_for(4 * k_timing.settle);
        return is_seen && std::exchange(settled, 0) == 1;
    };
    const auto switch_link = [&](const char* link, const char* target) {
        fs::create_directory_symlink(target, top.path("new"));
        fs::rename(top.path("new"), top.path(link));
    };
    switch_link("hop", "v2");
    CHECK(is_seen_once());
    top.write("v2/conf.d/20.toml", "x");
    CHECK(is_seen_once());
    switch_link("cur", "nowhere");
    CHECK(is_seen_once());
    fs::create_directory_symlink("v3", top.path("nowhere"));
    CHECK(is_seen_once());
    top.write("v3/conf.d/20.toml", "x");
    CHECK(is_seen_once());
}

TEST_CASE("a directory that does not exist yet is noticed with its first file") {
    Watching w(false);
    SECTION("its parent exists") { w.top.write("conf.d/10.toml", "x"); }
    SECTION("moved into place") {
        w.top.write("new/10.toml", "x");
        fs::rename(w.top.path("new"), w.directory);
    }
    w.expect_once();
    w.expect_alive();
}

TEST_CASE("a directory several levels below anything that exists is noticed") {
    LoopRunner loop;
    const TemporaryDirectory top;
    int settled = 0;
    auto watcher = std::move(ConfigWatcher::open(loop.get(), {top.path("a/b/conf.d")}, k_timing, [&] { ++settled; })).value();
    for (const char* part : {"a", "a/b", "a/b/conf.d"}) {
        fs::create_directory(top.path(part));
        loop.run_for(20ms);
    }
    CHECK(loop.run_until([&] { return settled > 0; }));
    settled = 0;
    top.write("a/b/conf.d/10.toml", "x");
    CHECK(loop.run_until([&] { return settled > 0; }));
}

TEST_CASE("a directory that is deleted and made again stays watched") {
    Watching w;
    SECTION("deleted") { fs::remove_all(w.directory); }
    SECTION("moved away") { fs::rename(w.directory, w.top.path("elsewhere")); }
    w.expect_once();
    w.top.write("conf.d/10.toml", "again");
    w.expect_once();
    w.expect_alive();
}

TEST_CASE("deleted and made again within one settle time is one change") {
    Watching w;
    fs::remove_all(w.directory);
    w.top.write("conf.d/10.toml", "again");
    w.expect_once();
    w.expect_alive();
}

TEST_CASE("an overflow of the queue is counted and leads to a look at everything") {
    Watching w;
    alignas(inotify_event) std::array<char, sizeof(inotify_event)> bytes{};
    const inotify_event event{-1, IN_Q_OVERFLOW, 0, 0};
    std::memcpy(bytes.data(), &event, sizeof(event));
    w.watcher->handle(bytes.data(), bytes.size());
    w.expect_once();
    CHECK(w.watcher->overflows() == 1);
}

TEST_CASE("a real overflow of the queue is noticed") {
    std::ifstream limit("/proc/sys/fs/inotify/max_queued_events");
    int events = 0;
    limit >> events;
    if (events <= 0 || events > 100'000) {
        WARN("skipped: the kernel's queue is too long to fill here");
        return;
    }
    Watching w;
    const std::string path = w.directory + "/10.toml";
    // Alternating modes: equal events in a row are merged.
    for (int i = 0; i <= events; ++i) REQUIRE((i % 2 == 0 ? chmod(path.c_str(), 0600) : truncate(path.c_str(), i % 7)) == 0);
    CHECK(w.loop.run_until([&] { return w.settled > 0; }));
    CHECK(w.watcher->overflows() >= 1);
    w.loop.run_for(4 * k_timing.settle);
    w.expect_alive();
}

TEST_CASE("the rescan finds what inotify does not tell") {
    WatchTiming timing = k_timing;
    timing.rescan = 1s;
    Watching w(true, timing);
    CHECK(w.loop.run_until([&] { return w.settled >= 2; }, 5s));
}

}  // namespace rudder::test
