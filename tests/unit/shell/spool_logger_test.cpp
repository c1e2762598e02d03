// SPDX-License-Identifier: Apache-2.0
#include "shell/log/events.hpp"
#include "shell/log/spool_logger.hpp"

#include "fake_journal.hpp"
#include "temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <unistd.h>

namespace rudder::test {
namespace {

using namespace std::chrono_literals;

LogEntry make_entry(std::string message, Priority priority = Priority::info) {
    return {priority, event::k_rule_added, std::move(message), {{"RULE", "a"}}};
}

/// A logger that writes to the journal at `path`, at a time that the test sets.
struct JournalLog {
    std::chrono::steady_clock::time_point now{};
    SpoolLogger log;

    explicit JournalLog(const std::string& path, std::size_t bytes = 8U << 20)
        : log(std::make_unique<JournalSink>(path), {Priority::info, bytes, [this] { return now; }}) {}

    /// Logs until entries have to wait; returns how many did not.
    std::uint64_t fill() {
        std::uint64_t count = 0;
        for (; log.delivery().waiting == 0; ++count) log.log(make_entry("filling"));
        return count - 1;
    }
};

std::vector<std::string> sequence_of(const std::vector<FakeJournal::Fields>& entries) {
    std::vector<std::string> numbers;
    for (const FakeJournal::Fields& entry : entries) numbers.push_back(entry.at("RUDDER_SEQUENCE"));
    return numbers;
}

std::vector<std::string> numbers_to(std::uint64_t last) {
    std::vector<std::string> numbers;
    for (std::uint64_t number = 1; number <= last; ++number) numbers.push_back(std::to_string(number));
    return numbers;
}

/// Reads and replays in turns until nothing is left.
std::vector<FakeJournal::Fields> drain(FakeJournal& journal, SpoolLogger& log) {
    std::vector<FakeJournal::Fields> all = journal.receive_all();
    while (log.replay() > 0) {
        for (FakeJournal::Fields& entry : journal.receive_all()) all.push_back(std::move(entry));
    }
    for (FakeJournal::Fields& entry : journal.receive_all()) all.push_back(std::move(entry));
    return all;
}

}  // namespace

TEST_CASE("a record is what the journal's native protocol asks for") {
    LogEntry entry = make_entry("two\nlines", Priority::notice);
    entry.where = {"file.cpp", 7, "function"};
    entry.fields = {{"RULE", "a"}, {"REASON", "one\ntwo"}};
    const std::string expected =
        "MESSAGE=two\\nlines\nMESSAGE_ID=" + std::string(event::k_rule_added.message_id) +
        "\nPRIORITY=5\nCODE_FILE=file.cpp\nCODE_LINE=7\nCODE_FUNC=function\nSYSLOG_IDENTIFIER=rudderd\n"
        "RUDDER_SEQUENCE=3\nRUDDER_UNIX_US=12\nRUDDER_EVENT=rule-added\nRUDDER_RULE=a\nRUDDER_REASON\n" +
        std::string("\7\0\0\0\0\0\0\0", 8) + "one\ntwo\n";
    CHECK(journal_record(entry, {3, 12}) == expected);
}

TEST_CASE("an entry arrives with its fields") {
    const TemporaryDirectory directory;
    FakeJournal journal(directory.path("socket"));
    JournalLog journal_log(directory.path("socket"));
    journal_log.log.log(make_entry("debugging", Priority::debug));
    journal_log.log.log(make_entry("hello"));
    const std::vector<FakeJournal::Fields> entries = journal.receive_all();
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].at("MESSAGE") == "hello");
    CHECK(entries[0].at("RUDDER_RULE") == "a");
    CHECK(entries[0].at("RUDDER_SEQUENCE") == "1");
    CHECK(entries[0].at("RUDDER_UNIX_US").size() == 16);
}

TEST_CASE("a journal that does not read holds nothing up, and gets every entry once and in order") {
    const TemporaryDirectory directory;
    FakeJournal journal(directory.path("socket"));
    JournalLog journal_log(directory.path("socket"));
    int calls = 0;
    journal_log.log.when_waiting([&] { ++calls; });
    const std::uint64_t fitting = journal_log.fill();
    CHECK(fitting > 0);
    for (int i = 0; i < 10'000; ++i) journal_log.log.log(make_entry("rule " + std::to_string(i)));
    CHECK(calls == 1);
    CHECK(journal_log.log.replay() == 0);
    CHECK(journal_log.log.delivery().waiting == 10'001);
    CHECK_FALSE(journal_log.log.delivery().is_degraded);
    journal_log.now += 1s;
    CHECK(journal_log.log.delivery().is_degraded);
    CHECK(journal_log.log.delivery().reason == "the receiver does not keep up");

    const std::vector<FakeJournal::Fields> entries = drain(journal, journal_log.log);
    const std::uint64_t logged = fitting + 10'001;
    CHECK(sequence_of(entries) == numbers_to(logged + 1));
    CHECK(entries.back().at("RUDDER_EVENT") == "log-late");
    CHECK(entries.back().at("MESSAGE") == "the log was held up for 1 s: 10001 entries came late, none was lost");
    CHECK(journal_log.log.delivery().waiting == 0);
    CHECK(journal_log.log.delivery().waiting_bytes == 0);
    CHECK(journal_log.log.delivery().late == 10'001);
    CHECK_FALSE(journal_log.log.delivery().is_degraded);
}

TEST_CASE("a short wait is not worth an entry") {
    const TemporaryDirectory directory;
    FakeJournal journal(directory.path("socket"));
    JournalLog journal_log(directory.path("socket"));
    const std::uint64_t fitting = journal_log.fill();
    CHECK(sequence_of(drain(journal, journal_log.log)) == numbers_to(fitting + 1));
}

TEST_CASE("what does not fit is lost, counted and told; summaries have room kept for them") {
    const TemporaryDirectory directory;
    FakeJournal journal(directory.path("socket"));
    JournalLog journal_log(directory.path("socket"), 20'000);
    (void)journal_log.fill();
    for (int i = 0; i < 200; ++i) journal_log.log.log(make_entry("rule"));
    const LogDelivery before = journal_log.log.delivery();
    CHECK(before.lost > 100);
    CHECK(before.waiting_bytes <= 15'000);
    CHECK(before.is_degraded);
    journal_log.log.log(make_entry("generation", Priority::notice));
    CHECK(journal_log.log.delivery().waiting == before.waiting + 1);
    for (int i = 0; i < 200; ++i) journal_log.log.log(make_entry("generation", Priority::notice));
    const LogDelivery full = journal_log.log.delivery();
    CHECK(full.waiting_bytes <= 20'000);

    const std::vector<FakeJournal::Fields> entries = drain(journal, journal_log.log);
    CHECK(entries.back().at("RUDDER_EVENT") == "log-late");
    CHECK(entries.back().at("MESSAGE").find(", " + std::to_string(full.lost) + " were lost") != std::string::npos);
    CHECK(std::is_sorted(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
        return std::stoull(a.at("RUDDER_SEQUENCE")) < std::stoull(b.at("RUDDER_SEQUENCE"));
    }));
    CHECK(entries.size() + full.lost == std::stoull(entries.back().at("RUDDER_SEQUENCE")));
}

TEST_CASE("an entry larger than a datagram arrives as a sealed memory file") {
    const TemporaryDirectory directory;
    FakeJournal journal(directory.path("socket"));
    JournalLog journal_log(directory.path("socket"));
    const std::string large(1U << 20, 'x');
    journal_log.log.log(make_entry(large));
    CHECK(journal_log.log.delivery().waiting == 0);
    const std::optional<FakeJournal::Fields> entry = journal.receive();
    REQUIRE(entry);
    CHECK(journal.came_sealed());
    CHECK(entry->at("MESSAGE") == large);
}

TEST_CASE("a large entry waits too") {
    const TemporaryDirectory directory;
    FakeJournal journal(directory.path("socket"));
    JournalLog journal_log(directory.path("socket"));
    const std::uint64_t fitting = journal_log.fill();
    journal_log.log.log(make_entry(std::string(1U << 20, 'x')));
    const std::vector<FakeJournal::Fields> entries = drain(journal, journal_log.log);
    CHECK(sequence_of(entries) == numbers_to(fitting + 2));
    CHECK(journal.came_sealed());
}

TEST_CASE("a journal that goes and comes back gets what was said meanwhile") {
    const TemporaryDirectory directory;
    JournalLog journal_log(directory.path("socket"));
    journal_log.log.log(make_entry("before it was there"));
    CHECK(journal_log.log.delivery().reason == "the journal: No such file or directory");
    {
        FakeJournal journal(directory.path("socket"));
        REQUIRE(journal.is_bound());
        CHECK(sequence_of(drain(journal, journal_log.log)) == numbers_to(1));
    }
    journal_log.log.log(make_entry("while it was gone"));
    journal_log.log.log(make_entry("still gone"));
    CHECK(journal_log.log.delivery().waiting == 2);
    FakeJournal journal(directory.path("socket"));
    CHECK(sequence_of(drain(journal, journal_log.log)) == std::vector<std::string>{"2", "3"});
}

TEST_CASE(
    "the end of the daemon does not wait for a journal that is not there, and not for ever for one that does not "
    "read") {
    const TemporaryDirectory directory;
    const auto start = std::chrono::steady_clock::now();
    { JournalLog(directory.path("socket")).log.log(make_entry("nobody there")); }
    CHECK(std::chrono::steady_clock::now() - start < 900ms);
    FakeJournal journal(directory.path("socket"));
    JournalLog journal_log(directory.path("socket"));
    (void)journal_log.fill();
    journal_log.log.finish(1ms);
    CHECK(journal_log.log.delivery().waiting == 1);
    (void)journal.receive_all();
    journal_log.log.finish(10s);
    CHECK(journal_log.log.delivery().waiting == 0);
}

TEST_CASE("a pipe that nobody reads holds nothing up, and gets whole lines in order") {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    const UniqueFd reader(ends[0]);
    const UniqueFd writer(ends[1]);
    REQUIRE(fcntl(reader.get(), F_SETFL, O_NONBLOCK) == 0);
    SpoolLogger log(std::make_unique<StreamSink>(writer.get()), {});
    std::string expected;
    for (int i = 0; i < 50; ++i) {
        const std::string message = std::to_string(i) + std::string(7'000, 'x');
        log.log(make_entry(message));
        expected += "rudderd: " + message + "\n";
    }
    CHECK(log.delivery().waiting > 0);
    std::string received;
    std::string chunk(10'000, '\0');
    for (ssize_t size = 0; (size = read(reader.get(), chunk.data(), chunk.size())) > 0; (void)log.replay()) {
        received.append(chunk, 0, static_cast<std::size_t>(size));
    }
    CHECK((received == expected));
    CHECK(log.delivery().waiting == 0);
}

TEST_CASE("lines for a pipe that nobody holds any more are forgotten") {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    close(ends[0]);
    const UniqueFd writer(ends[1]);
    std::signal(SIGPIPE, SIG_IGN);  // as the daemon does
    SpoolLogger log(std::make_unique<StreamSink>(writer.get()), {});
    log.log(make_entry("hello"));
    CHECK(log.delivery().waiting == 0);
    CHECK(log.delivery().lost == 0);
}

}  // namespace rudder::test
