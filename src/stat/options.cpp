// SPDX-License-Identifier: Apache-2.0
#include "stat/options.hpp"

#include <CLI/CLI.hpp>

#include <sysexits.h>

#include <array>
#include <cmath>
#include <string_view>

namespace rudder::stat {
namespace {

constexpr const char* k_default_socket = "/run/rudderd/io.rudder.Status";
constexpr double k_shortest_interval_s = 0.1;
constexpr double k_longest_interval_s = 86400;

struct DocumentEntry {
    Document document;
    const char* name;
    const char* method;
    const char* help;
};

constexpr std::array k_documents = {
    DocumentEntry{Document::rules, "rules", "Rules", "rules in the order they are looked at, with targets and hits"},
    DocumentEntry{Document::stats, "stats", "Stats", "packets, bytes and failures of rules and targets"},
    DocumentEntry{Document::interfaces, "interfaces", "Interfaces", "network interfaces and the hooks on them"},
    DocumentEntry{Document::maps, "maps", "Maps", "BPF maps, their memory, and the next hops"},
    DocumentEntry{Document::internals, "internals", "Internals", "state, features and limits of the daemon"},
    DocumentEntry{Document::config, "config", "Config", "files of the running set and findings of the last load"},
};

/// The options as they are typed.
struct Arguments {
    Options options;
    bool no_legend = false;
    double watch_s = 1;
};

CLI::App* add_document(CLI::App& app, const DocumentEntry& entry, Arguments& arguments) {
    CLI::App* command = app.add_subcommand(entry.name, entry.help);
    command->fallthrough();
    command->callback([&arguments, &entry] { arguments.options.document = entry.document; });
    return command;
}

Options finish(const Arguments& arguments, bool is_watching) {
    Options options = arguments.options;
    options.has_legend = !arguments.no_legend;
    if (is_watching) options.watch = std::chrono::milliseconds(std::llround(arguments.watch_s * 1000));
    return options;
}

}  // namespace

std::string method_name(Document document) {
    for (const DocumentEntry& entry : k_documents) {
        if (entry.document == document) return entry.method;
    }
    return {};
}

std::variant<Options, int> parse_options(int argc, char** argv) {
    Arguments arguments;
    arguments.options.socket = k_default_socket;
    CLI::App app("Shows what rudderd does. Reads only, and needs no privileges.", "rudderstat");
    app.set_version_flag("--version", "rudderstat " RUDDER_VERSION);
    app.add_option("--socket", arguments.options.socket, "status socket of rudderd")
        ->type_name("PATH")
        ->capture_default_str();
    app.add_flag("--json", arguments.options.is_json, "print the document as JSON");
    app.add_flag("--no-legend", arguments.no_legend, "no column headings and no summary lines");
    app.require_subcommand(1);

    CLI::Option* watch = nullptr;
    for (const DocumentEntry& entry : k_documents) {
        CLI::App* command = add_document(app, entry, arguments);
        if (entry.document != Document::stats) continue;
        watch = command->add_option("--watch", arguments.watch_s, "show rates, again every SECONDS (1)")
                    ->type_name("SECONDS")
                    ->expected(0, 1)
                    ->check(CLI::Range(k_shortest_interval_s, k_longest_interval_s));
        command->add_option("--count", arguments.options.count, "end after N samples")
            ->type_name("N")
            ->needs(watch)
            ->check(CLI::PositiveNumber);
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? EX_OK : EX_USAGE;
    }
    return finish(arguments, watch->count() > 0);
}

}  // namespace rudder::stat
