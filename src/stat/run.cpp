// SPDX-License-Identifier: Apache-2.0
#include "stat/run.hpp"

#include "shell/os/unique_fd.hpp"
#include "stat/draw.hpp"
#include "stat/varlink_client.hpp"

#include <fmt/format.h>

#include <poll.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace rudder::stat {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view k_clear_screen = "\x1b[H\x1b[J";
constexpr int k_json_indent = 2;

void print(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_error(const Error& error) {
    fmt::print(stderr, "rudderstat: {}\n", error.message);
}

/// Only ASCII goes out, so that no name can steer the terminal.
std::string json_text(const Json& document, int indent) {
    return document.dump(indent, ' ', true, Json::error_handler_t::replace) + "\n";
}

TableStyle style_of(const Options& options) {
    const char* no_color = std::getenv("NO_COLOR");
    const bool is_color_refused = no_color != nullptr && *no_color != '\0';
    return {options.has_legend, isatty(STDOUT_FILENO) == 1 && !is_color_refused};
}

Result<Json> ask(const Options& options) {
    return varlink_call(options.socket, "io.rudder.Status." + method_name(options.document));
}

std::string draw(const Options& options, const Json& document) {
    const TableStyle style = style_of(options);
    switch (options.document) {
        case Document::rules:
            return draw_rules(document, style);
        case Document::stats:
            return draw_stats(document, style);
        case Document::interfaces:
            return draw_interfaces(document, style);
        case Document::maps:
            return draw_maps(document, style);
        case Document::internals:
            return draw_internals(document, style);
        case Document::config:
            return draw_config(document, style);
    }
    return {};
}

/// What print() wrote has reached its reader; a closed pipe or a full disk is an error.
int finish_output() {
    return std::fflush(stdout) == 0 && std::ferror(stdout) == 0 ? EX_OK : EX_SOFTWARE;
}

int show_once(const Options& options) {
    const Result<Json> document = ask(options);
    if (!document) {
        print_error(document.error());
        return EX_UNAVAILABLE;
    }
    print(options.is_json ? json_text(*document, k_json_indent) : draw(options, *document));
    return finish_output();
}

/// SIGINT and SIGTERM as something to wait for; blocked for the rest of the program.
UniqueFd open_interrupts() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    return UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC));
}

/// False when interrupted before `until`.
bool wait_until(const UniqueFd& interrupts, Clock::time_point until) {
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
        pollfd wait{interrupts.get(), POLLIN, 0};
        const int ready = poll(&wait, 1, static_cast<int>(std::max<decltype(left)>(left, 0)));
        if (ready > 0) return false;
        if (ready < 0 && errno != EINTR) return false;
        if (ready == 0 && Clock::now() >= until) return true;
    }
}

/// Shows one sample after the other and remembers the last for the rates.
class Watcher {
public:
    explicit Watcher(const Options& options)
        : options_(options), redraws_(isatty(STDOUT_FILENO) == 1 && !options.is_json) {}

    /// Returns the exit code if it were the last sample. A daemon that is restarting is waited for.
    int show_next() {
        const Result<Json> document = ask(options_);
        if (!document) {
            print_error(document.error());
            return EX_UNAVAILABLE;
        }
        if (redraws_) print(k_clear_screen);
        print(options_.is_json ? json_text(*document, -1) : draw_sample(*document));
        return finish_output();
    }

private:
    std::string draw_sample(const Json& document) {
        const auto received = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch());
        const CounterSample now = sample_of(document, static_cast<std::uint64_t>(received.count()));
        const std::string head =
            options_.has_legend
                ? fmt::format("generation {}, {}, every {} s\n", text_of(document, "generation"),
                              utc_time_of(document, "unix_us"), static_cast<double>(options_.watch->count()) / 1000)
                : std::string();
        std::string text = blocks({head, draw_rates(document, style_of(options_), before_, now)});
        before_ = now;
        return redraws_ ? text : text + "\n";
    }

    const Options& options_;
    bool redraws_;
    CounterSample before_;
};

int watch(const Options& options) {
    const UniqueFd interrupts = open_interrupts();
    Watcher watcher(options);
    Clock::time_point next = Clock::now();
    for (std::uint64_t shown = 1;; ++shown) {
        const int code = watcher.show_next();
        if (code == EX_SOFTWARE || shown == options.count) return code;
        next = std::max(next + *options.watch, Clock::now());
        if (!wait_until(interrupts, next)) return EX_OK;
    }
}

}  // namespace

int run(const Options& options) {
    return options.watch ? watch(options) : show_once(options);
}

}  // namespace rudder::stat
