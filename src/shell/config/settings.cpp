// SPDX-License-Identifier: Apache-2.0
#include "shell/config/settings.hpp"

#include "core/config/prescan.hpp"
#include "shell/config/trusted_file.hpp"
#include "shell/os/os_error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

namespace rudder {
namespace {

constexpr std::int64_t k_settle_least_ms = 10;
constexpr std::int64_t k_settle_most_ms = 5000;
constexpr std::uint64_t k_file_bytes = 1u << 20;

template <class T>
struct Word {
    std::string_view text;
    T value;
};
template <class T>
Word(std::string_view, T) -> Word<T>;
constexpr std::array k_attachments = {Word{"auto", Attachment::automatic}, Word{"tcx", Attachment::tcx}, Word{"cls_bpf", Attachment::cls_bpf}};
constexpr std::array k_levels = {Word{"error", Priority::error}, Word{"warning", Priority::warning}, Word{"notice", Priority::notice},
                                 Word{"info", Priority::info}, Word{"debug", Priority::debug}};
constexpr std::array<std::string_view, 4> k_keys = {"allow_empty", "attachment", "log_level", "settle_ms"};

Location place(const std::string& file, const toml::source_region& region) {
    return {file, region.begin.line, region.begin.column, std::max(1u, region.end.column - region.begin.column)};
}

std::string found(const toml::node& node) {
    if (const auto* text = node.as_string()) return "\"" + text->get() + "\"";
    if (const auto* number = node.as_integer()) return std::to_string(number->get());
    return "a value of another type";
}

/// Reads one table of knobs; every problem is reported, not only the first.
class Reader {
public:
    Reader(const std::string& file, const toml::table& table, SettingsLoad& load) : file_(file), table_(table), load_(load) {}

    void run() {
        Settings& settings = load_.settings;
        for (const auto& item : table_) check_key(item.first);
        read_bool("allow_empty", settings.allow_empty);
        read_word("attachment", k_attachments, settings.attachment);
        read_word("log_level", k_levels, settings.log_level);
        read_settle(settings.settle);
    }

private:
    void check_key(const toml::key& key) {
        if (std::find(k_keys.begin(), k_keys.end(), key.str()) != k_keys.end()) return;
        const std::string close = did_you_mean(key.str(), {k_keys.begin(), k_keys.end()});
        load_.diagnostics.error("F021", place(file_, key.source()), fmt::format("unknown key `{}`, known are {}", key.str(), fmt::join(k_keys, ", ")),
                                close.empty() ? "" : "did you mean `" + close + "`?");
    }

    void wrong(const toml::node& node, const std::string& key, const std::string& allowed) {
        load_.diagnostics.error("F022", place(file_, node.source()), fmt::format("`{}` is {}, must be {}", key, found(node), allowed));
    }

    void read_bool(const char* key, bool& value) {
        const toml::node* node = table_.get(key);
        if (node == nullptr) return;
        if (const auto* boolean = node->as_boolean()) {
            value = boolean->get();
        } else {
            wrong(*node, key, "true or false");
        }
    }

    template <class Words, class T>
    void read_word(const char* key, const Words& words, T& value) {
        const toml::node* node = table_.get(key);
        if (node == nullptr) return;
        std::vector<std::string> allowed;
        for (const auto& word : words) {
            if (node->is_string() && node->as_string()->get() == word.text) {
                value = word.value;
                return;
            }
            allowed.push_back(fmt::format("\"{}\"", word.text));
        }
        wrong(*node, key, fmt::format("one of {}", fmt::join(allowed, ", ")));
    }

    void read_settle(std::chrono::milliseconds& value) {
        const toml::node* node = table_.get("settle_ms");
        if (node == nullptr) return;
        const auto* number = node->as_integer();
        if (number != nullptr && number->get() >= k_settle_least_ms && number->get() <= k_settle_most_ms) {
            value = std::chrono::milliseconds(number->get());
        } else {
            wrong(*node, "settle_ms", fmt::format("a number from {} to {}", k_settle_least_ms, k_settle_most_ms));
        }
    }

    const std::string& file_;
    const toml::table& table_;
    SettingsLoad& load_;
};

/// The bytes, or nothing with a diagnostic unless the file does not exist.
std::optional<std::string> read_trusted(const std::string& path, Diagnostics& diagnostics) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    const int code = errno;
    if (!fd.is_open() && code == ENOENT) return std::nullopt;
    std::string bytes;
    std::optional<FileProblem> problem;
    struct stat status {};
    if (!fd.is_open() || fstat(fd.get(), &status) != 0) {
        problem = FileProblem{"F002", "cannot open: " + errno_text(code), "", false};
    } else {
        problem = find_trust_problem(fd.get(), status);
        if (!problem) problem = read_stable(fd.get(), k_file_bytes, bytes);
    }
    if (!problem) return bytes;
    diagnostics.error(problem->code, {path, 0, 0, 1}, problem->text, problem->help);
    return std::nullopt;
}

}  // namespace

SettingsLoad load_settings(const std::string& path) {
    SettingsLoad load;
    std::optional<std::string> bytes = read_trusted(path, load.diagnostics);
    if (!bytes) return load;
    load.sources[path] = *bytes;
    (void)prescan({path, *bytes}, {}, load.diagnostics);
    if (load.diagnostics.has_errors()) return load;
    const toml::parse_result parsed = toml::parse(*bytes, path);
    if (parsed) {
        Reader(path, parsed.table(), load).run();
    } else {
        load.diagnostics.error("F020", place(path, parsed.error().source()), std::string(parsed.error().description()));
    }
    load.diagnostics.sort();
    return load;
}

}  // namespace rudder
