// SPDX-License-Identifier: Apache-2.0
// The place of the event is in the entry, not where sd_journal_sendv is called.
#define SD_JOURNAL_SUPPRESS_LOCATION

#include "shell/log/logger.hpp"

#include "core/base/escape.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

namespace rudder {
namespace {

/// *Source*: sd_journal_sendv(3): the prefix is for stderr connected to the journal.
class StderrLogger final : public Logger {
public:
    StderrLogger(Priority least, bool is_prefixed) : least_(least), is_prefixed_(is_prefixed) {}

    void log(const LogEntry& entry) override {
        if (entry.priority > least_) return;
        const std::string prefix = is_prefixed_ ? fmt::format("<{}>", static_cast<int>(entry.priority)) : "";
        const std::string line = prefix + "rudderd: " + escape_control(entry.message) + "\n";
        (void)std::fwrite(line.data(), 1, line.size(), stderr);
    }

private:
    Priority least_;
    bool is_prefixed_;
};

/// Entries the journal did not take go to stderr, with the reason once a failure begins and a count when it ends.
class JournalLogger final : public Logger {
public:
    explicit JournalLogger(Priority least) : least_(least), fallback_(Priority::debug, true) {}

    void log(const LogEntry& entry) override {
        if (entry.priority > least_) return;
        const int error = send(entry);
        if (error < 0) {
            if (lost_++ == 0) say(Priority::warning, fmt::format("journal refuses entries (errno {}), writing to stderr", -error));
            fallback_.log(entry);
        } else if (lost_ > 0) {
            say(Priority::warning, fmt::format("journal accepts entries again; {} went to stderr without fields", lost_));
            lost_ = 0;
        }
    }

private:
    static int send(const LogEntry& entry) {
        std::vector<std::string> fields;
        fields.push_back("MESSAGE=" + escape_control(entry.message));
        fields.push_back(fmt::format("MESSAGE_ID={}", entry.kind.message_id));
        fields.push_back(fmt::format("PRIORITY={}", static_cast<int>(entry.priority)));
        fields.push_back(fmt::format("CODE_FILE={}", entry.where.file));
        fields.push_back(fmt::format("CODE_LINE={}", entry.where.line));
        fields.push_back(fmt::format("CODE_FUNC={}", entry.where.function));
        fields.push_back("SYSLOG_IDENTIFIER=rudderd");
        fields.push_back(fmt::format("RUDDER_EVENT={}", entry.kind.name));
        for (const auto& [name, value] : entry.fields) fields.push_back("RUDDER_" + name + "=" + value);
        std::vector<iovec> parts;
        for (std::string& field : fields) parts.push_back({field.data(), field.size()});
        return sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
    }

    void say(Priority priority, std::string message) { fallback_.log({priority, {}, std::move(message), {}}); }

    Priority least_;
    StderrLogger fallback_;
    std::uint64_t lost_ = 0;
};

/// *Source*: systemd.exec(5), JOURNAL_STREAM is "device:inode" of the stream.
bool is_stderr_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
    return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

}  // namespace

std::unique_ptr<Logger> make_logger(Priority least) {
    if (is_stderr_journal()) return std::make_unique<JournalLogger>(least);
    return std::make_unique<StderrLogger>(least, false);
}

}  // namespace rudder
