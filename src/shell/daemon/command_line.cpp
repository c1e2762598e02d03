// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/command_line.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <unistd.h>

namespace rudder {
namespace {

/// *Source*: no-color.org.
bool is_color_wanted() {
    const char* no_color = std::getenv("NO_COLOR");
    return isatty(STDERR_FILENO) == 1 && (no_color == nullptr || *no_color == '\0');
}

/// "SRC:DST"; a colon may only be in SRC.
bool add_substitution(const std::string& text, std::vector<Substitution>& substitutions) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) return false;
    substitutions.push_back({text.substr(0, colon), text.substr(colon + 1)});
    return true;
}

/// Once, here: what is compared, watched and named later has one form. The empty path stays what it is.
std::string absolute_directory(const std::string& text) {
    std::error_code error;
    std::filesystem::path path = std::filesystem::absolute(text, error).lexically_normal();
    if (error) return text;
    if (!path.has_filename()) path = path.parent_path();
    return path;
}

/// The words of the command line before they are put into options.
struct Words {
    bool is_check = false;
    bool is_reload = false;
    bool is_clean_up = false;
    std::vector<std::string> directories;
    std::vector<std::string> substitutions;
    std::string format = "text";
};

void declare(CLI::App& app, Words& words, CommandLine& line) {
    app.set_version_flag("--version,-V", "rudderd " RUDDER_VERSION);
    auto* check = app.add_flag("--check,-t", words.is_check, "judge the configuration as a reload would, and exit");
    auto* reload = app.add_flag("--reload", words.is_reload, "ask the running daemon to reload, and print its verdict");
    auto* clean_up = app.add_flag("--cleanup", words.is_clean_up, "remove what a killed daemon left in the kernel");
    reload->excludes(check);
    clean_up->excludes(check)->excludes(reload);
    auto* directories = app.add_option("--config-dir", words.directories, "directory with *.toml and *.list files; repeat in order of precedence")->take_all()->expected(1)->type_name("DIR");
    directories->excludes(reload);  // the daemon has its own
    app.add_option("--runtime-dir", line.daemon.runtime_directory, "where the sockets are")->capture_default_str()->type_name("DIR");
    app.add_option("--settings", line.daemon.settings_path, "the daemon's own settings")->capture_default_str()->type_name("FILE");
    app.add_option("--with", words.substitutions, "check SRC in the place of DST")->take_all()->expected(1)->type_name("SRC:DST")->needs(check);
    app.add_flag("--strict", line.check.warnings_fail, "warnings fail the check")->needs(check);
    app.add_option("--format", words.format, "text or json")->check(CLI::IsMember({"text", "json"}))->type_name("FORMAT");
    app.add_option("FILE", line.check.files, "check these files and nothing else")->needs(check)->excludes("--with");
}

CommandLine usage_error(const std::string& text) {
    fmt::print(stderr, "rudderd: {}\nTry 'rudderd --help'.\n", text);
    CommandLine line;
    line.verb = Verb::finished;
    line.exit_code = ExitCode::usage;
    return line;
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
    CommandLine line;
    Words words;
    CLI::App app{"Steers packets by the rules in /etc/rudder/conf.d. See rudderd(8)."};
    app.name("rudderd");
    declare(app, words, line);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& success) {  // --help, --version: CLI11 has no other way to say so
        line.verb = Verb::finished;
        (void)app.exit(success);
        return line;
    } catch (const CLI::ParseError& error) {
        return usage_error(error.what());
    }
    if (!words.directories.empty()) line.check.set.directories.clear();
    for (const std::string& text : words.directories) line.check.set.directories.push_back(absolute_directory(text));
    for (const std::string& text : words.substitutions) {
        if (!add_substitution(text, line.check.set.substitutions)) return usage_error("--with wants SRC:DST");
    }
    line.check.set.are_directories_named = !words.directories.empty();
    line.check.settings_path = line.daemon.settings_path;
    line.check.is_json = words.format == "json";
    line.check.wants_color = is_color_wanted();
    line.daemon.set = line.check.set;
    // Somebody who is not the daemon's user cannot know whom it trusts.
    if (geteuid() != 0) line.check.set.trust = Trust::advised;
    line.verb = words.is_check ? Verb::check : words.is_reload ? Verb::reload : words.is_clean_up ? Verb::clean_up : Verb::run;
    return line;
}

}  // namespace rudder
