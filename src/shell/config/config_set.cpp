// SPDX-License-Identifier: Apache-2.0
#include "shell/config/config_set.hpp"

#include "core/config/list_file.hpp"
#include "shell/config/sha256.hpp"
#include "shell/config/trusted_file.hpp"
#include "shell/os/os_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <sys/stat.h>

namespace rudder {
namespace {

constexpr std::string_view k_suffix = ".toml";

bool has_known_suffix(std::string_view name) {
    return (name.size() > k_suffix.size() && name.ends_with(k_suffix)) ||
           (name.size() > k_list_suffix.size() && name.ends_with(k_list_suffix));
}

std::string without_trailing_slash(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// Over the names and bytes of the files that were read.
std::string hash_of(const ConfigSet& set) {
    Sha256 hash;
    for (const SourceFile& file : set.files) {
        // Lengths first, so that no two sets give one stream of bytes.
        const std::string name = name_of(file.path);
        hash.add(fmt::format("{} {} {}\n", name.size(), name, file.bytes.size()));
        hash.add(file.bytes);
    }
    return hash.finish();
}

/// Where the bytes of one file of the set come from.
struct Entry {
    std::size_t directory = 0;
    std::string source;              ///< of a substitution; empty: the file in the directory
    bool replaces_another = false;   ///< a later directory has the same basename
};

/// One load. Kept apart from its result, which outlives the descriptors.
class Loader {
public:
    explicit Loader(const ConfigSetOptions& options) : options_(options) {}

    ConfigSet run() {
        for (std::size_t i = 0; i < options_.directories.size(); ++i) list_directory(i);
        check_substitutions();
        if (entries_.size() > options_.limits.files) {
            error("F008", options_.directories.front(),
                  fmt::format("{} files are more than the limit of {}", entries_.size(), options_.limits.files));
            return std::move(set_);
        }
        for (const auto& [name, entry] : entries_) read_entry(name, entry);
        set_.sha256 = hash_of(set_);
        return std::move(set_);
    }

private:
    void error(const char* code, const std::string& path, std::string text, std::string help = {}) {
        set_.diagnostics.error(code, {path, 0, 0, 1}, std::move(text), std::move(help));
    }

    void report(const std::string& path, const FileProblem& problem) {
        const bool is_warning = problem.is_trust && options_.trust == Trust::advised;
        if (is_warning)
            set_.diagnostics.warning(problem.code, {path, 0, 0, 1}, problem.text, problem.help);
        else
            error(problem.code.c_str(), path, problem.text, problem.help);
    }

    void list_directory(std::size_t index) {
        const std::string path = without_trailing_slash(options_.directories[index]);
        paths_.push_back(path);
        fds_.emplace_back(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        const int code = errno;
        if (fds_.back().is_open()) {
            check_directory(path, fds_.back().get());
            read_names(index);
        } else if (code != ENOENT) {
            error("F001", path, "cannot open the directory: " + errno_text(code));
        } else if (options_.are_directories_named) {
            set_.diagnostics.warning("F001", {path, 0, 0, 1}, "the directory of --config-dir does not exist", "create it or correct the option");
        }
        for (const Substitution& substitution : options_.substitutions) {
            if (is_in(substitution.destination, path)) add(name_of(substitution.destination), {index, substitution.source, false});
        }
    }

    static std::string directory_of(const std::string& path) {
        const std::size_t slash = path.rfind('/');
        return slash == std::string::npos ? "." : without_trailing_slash(path.substr(0, std::max<std::size_t>(slash, 1)));
    }

    /// However the two are written.
    static bool is_in(const std::string& file, const std::string& directory) {
        namespace fs = std::filesystem;
        const std::string parent = directory_of(file);
        std::error_code error;
        return parent == directory || fs::weakly_canonical(fs::absolute(parent, error), error) == fs::weakly_canonical(fs::absolute(directory, error), error);
    }

    void check_directory(const std::string& path, int fd) {
        struct stat status {};
        if (fstat(fd, &status) != 0) return error("F001", path, "cannot stat the directory: " + errno_text(errno));
        if (const auto problem = find_trust_problem(fd, status)) report(path, *problem);
    }

    void read_names(std::size_t index) {
        // The stream takes over a descriptor of its own; ours stays for openat2.
        const int fd = ::openat(fds_[index].get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const std::unique_ptr<DIR, int (*)(DIR*)> stream(fd < 0 ? nullptr : fdopendir(fd), closedir);
        if (!stream) return error("F001", paths_[index], "cannot read the directory: " + errno_text(errno));
        for (;;) {
            errno = 0;
            const dirent* item = readdir(stream.get());
            if (item == nullptr) break;
            take_name(index, item->d_name);
        }
        if (errno != 0) error("F001", paths_[index], "cannot read the directory: " + errno_text(errno));
    }

    void take_name(std::size_t index, const std::string& name) {
        if (is_config_file_name(name)) return add(name, {index, {}, false});
        if (name.front() != '.' && has_known_suffix(name)) {
            set_.diagnostics.warning("F011", {paths_[index] + "/" + name, 0, 0, 1}, "the file is not read because of its name",
                                     "use letters, digits, '.', '_' and '-' only, a letter or digit first");
        }
    }

    /// A substitution replaces the file of its own directory; a file of an earlier directory replaces both.
    void add(const std::string& name, Entry entry) {
        const auto [found, is_new] = entries_.try_emplace(name, entry);
        if (is_new) return;
        if (found->second.directory == entry.directory) {
            found->second.source = entry.source;
        } else {
            found->second.replaces_another = true;
        }
    }

    void check_substitutions() {
        for (const Substitution& substitution : options_.substitutions) {
            const std::string& path = substitution.destination;
            if (std::none_of(paths_.begin(), paths_.end(), [&](const std::string& directory) { return is_in(path, directory); })) {
                error("F013", path, "the destination is in none of the configuration directories", "add --config-dir " + directory_of(path));
            } else if (!is_config_file_name(name_of(path))) {
                error("F011", path, "a file of this name would not be read",
                      "use letters, digits, '.', '_' and '-' only, a letter or digit first, and end in .toml or .list");
            }
        }
    }

    bool is_null_link(const std::string& name, const Entry& entry) const {
        std::array<char, 16> target{};
        const ssize_t length = readlinkat(fds_[entry.directory].get(), name.c_str(), target.data(), target.size());
        return length > 0 && std::string_view(target.data(), static_cast<std::size_t>(length)) == "/dev/null";
    }

    void read_entry(const std::string& name, const Entry& entry) {
        const std::string path = paths_[entry.directory] + "/" + name;
        std::string bytes;
        std::optional<FileProblem> problem;
        if (!entry.source.empty()) {
            problem = read_source(entry.source, bytes);
        } else if (!is_null_link(name, entry)) {
            problem = read_from_directory(path, name, entry, bytes);
        } else {
            return;
        }
        if (problem) return report(path, *problem);
        if (!bytes.empty()) return take(path, std::move(bytes));
        if (!entry.replaces_another) {
            set_.diagnostics.warning("F012", {path, 0, 0, 1}, "the file is empty and masks nothing", "remove it or write rules into it");
        }
    }

    std::optional<FileProblem> read_source(const std::string& source, std::string& bytes) const {
        const UniqueFd fd(::open(source.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
        if (!fd.is_open()) return FileProblem{"F002", fmt::format("cannot open {}: {}", source, errno_text(errno)), "", false};
        return read_stable(fd.get(), options_.limits.file_bytes, bytes);
    }

    std::optional<FileProblem> read_from_directory(const std::string& path, const std::string& name, const Entry& entry, std::string& bytes) {
        const int directory = fds_[entry.directory].get();
        std::optional<FileProblem> problem;
        const UniqueFd fd = open_beneath(directory, name, problem);
        if (problem) return problem;
        struct stat status {};
        if (fstat(fd.get(), &status) != 0) return FileProblem{"F002", "cannot stat: " + errno_text(errno), "", false};
        if (!S_ISREG(status.st_mode)) return FileProblem{"F003", "not a regular file", "", false};
        if (const auto trust = find_trust_problem(fd.get(), status)) report(path, *trust);
        if (const auto trust = find_path_trust_problem(directory, fd.get())) report(path, *trust);
        return read_stable(fd.get(), options_.limits.file_bytes, bytes);
    }

    void take(const std::string& path, std::string bytes) {
        total_bytes_ += bytes.size();
        if (total_bytes_ > options_.limits.set_bytes) {
            if (total_bytes_ - bytes.size() <= options_.limits.set_bytes) {
                error("F009", path, fmt::format("with this file the set is larger than the limit of {} bytes", options_.limits.set_bytes));
            }
            return;
        }
        set_.reports.push_back({path, sha256_of(bytes), bytes.size()});
        set_.files.push_back({path, std::move(bytes)});
    }

    const ConfigSetOptions& options_;
    std::vector<std::string> paths_;
    std::vector<UniqueFd> fds_;
    std::map<std::string, Entry> entries_;  // std::string compares bytes: the C locale's order
    std::uint64_t total_bytes_ = 0;
    ConfigSet set_;
};

}  // namespace

const std::vector<std::string>& default_config_directories() {
    static const std::vector<std::string> k_directories = {"/etc/rudder/conf.d", "/run/rudder/conf.d",
                                                           "/usr/local/lib/rudder/conf.d", "/usr/lib/rudder/conf.d"};
    return k_directories;
}

bool is_config_file_name(std::string_view name) {
    const auto is_alphanumeric = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
    const auto is_allowed = [&](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; };
    return has_known_suffix(name) && is_alphanumeric(name.front()) &&
           std::all_of(name.begin(), name.end(), is_allowed);
}

ConfigSet load_config_set(const ConfigSetOptions& options) { return Loader(options).run(); }

ConfigSet load_config_files(const std::vector<std::string>& paths, const Limits& limits) {
    ConfigSet set;
    for (const std::string& path : paths) {
        const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
        std::string bytes;
        std::optional<FileProblem> problem;
        if (!fd.is_open()) {
            problem = FileProblem{"F002", "cannot open: " + errno_text(errno), "", false};
        } else {
            problem = read_stable(fd.get(), limits.file_bytes, bytes);
        }
        if (problem) {
            set.diagnostics.error(problem->code, {path, 0, 0, 1}, problem->text, problem->help);
            continue;
        }
        set.reports.push_back({path, sha256_of(bytes), bytes.size()});
        set.files.push_back({path, std::move(bytes)});
    }
    set.sha256 = hash_of(set);
    return set;
}

}  // namespace rudder
