// SPDX-License-Identifier: Apache-2.0
#include "shell/config/trusted_file.hpp"

#include "shell/os/os_error.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace rudder {
namespace {

constexpr int k_read_tries = 5;

UniqueFd open_at(int directory_fd, const std::string& name, int flags, std::uint64_t resolve) {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
    how.resolve = resolve;
    return UniqueFd(static_cast<int>(syscall(SYS_openat2, directory_fd, name.c_str(), &how, sizeof(how))));
}

FileProblem describe_open_failure(int code) {
    if (code == EXDEV) {
        return {"F006", "the symbolic link leads out of the configuration directory",
                "put the file itself here, or a link to /dev/null to mask it", false};
    }
    if (code == ELOOP) return {"F002", "the symbolic links form a loop", "", false};
    return {"F002", fmt::format("cannot open: {}", errno_text(code)), "", false};
}

bool is_same_content(const struct stat& a, const struct stat& b) {
    const auto is_equal = [](const timespec& x, const timespec& y) { return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec; };
    return a.st_size == b.st_size && is_equal(a.st_mtim, b.st_mtim) && is_equal(a.st_ctim, b.st_ctim);
}

/// Reads `size` bytes, and one more to notice growth. Returns an errno or 0.
int read_once(int fd, std::size_t size, std::string& bytes) {
    bytes.resize(size + 1);
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t got = pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno;
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    bytes.resize(done);
    return 0;
}

bool is_read_only_mount(int fd) {
    struct statvfs file_system {};
    return fstatvfs(fd, &file_system) == 0 && (file_system.f_flag & ST_RDONLY) != 0;
}

std::string path_of(int fd) {
    std::array<char, PATH_MAX> buffer{};
    const ssize_t length = readlink(fmt::format("/proc/self/fd/{}", fd).c_str(), buffer.data(), buffer.size());
    return length <= 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(length));
}

}  // namespace

UniqueFd open_beneath(int directory_fd, const std::string& name, std::optional<FileProblem>& problem) {
    // O_NONBLOCK: a FIFO must not hold up the daemon.
    UniqueFd fd = open_at(directory_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
    if (!fd.is_open()) problem = describe_open_failure(errno);
    return fd;
}

std::optional<FileProblem> find_trust_problem(int fd, const struct stat& status) {
    if (status.st_uid != 0 && status.st_uid != geteuid()) {
        return FileProblem{"F004", fmt::format("owned by user {}, must be root or the daemon's user", status.st_uid),
                           "chown root it", true};
    }
    const bool is_group_writable = (status.st_mode & S_IWGRP) != 0 && status.st_gid != 0;
    const bool is_world_writable = (status.st_mode & S_IWOTH) != 0;
    if ((is_group_writable || is_world_writable) && !is_read_only_mount(fd)) {
        return FileProblem{"F004", fmt::format("mode {:04o} lets others write it", status.st_mode & 07777), "chmod go-w it", true};
    }
    if (S_ISREG(status.st_mode) && status.st_nlink > 1) {
        return FileProblem{"F005", fmt::format("the file has {} hard links, must have one", status.st_nlink),
                           "copy it instead of linking it", true};
    }
    return std::nullopt;
}

std::optional<FileProblem> find_path_trust_problem(int directory_fd, int file_fd) {
    const std::string base = path_of(directory_fd) + "/";
    const std::string path = path_of(file_fd);
    if (path.compare(0, base.size(), base) != 0) return FileProblem{"F006", "the file was moved away while it was read", "", false};
    for (std::size_t slash = path.find('/', base.size()); slash != std::string::npos; slash = path.find('/', slash + 1)) {
        const std::string part = path.substr(base.size(), slash - base.size());
        const UniqueFd fd = open_at(directory_fd, part, O_PATH | O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
        struct stat status {};
        if (!fd.is_open() || fstat(fd.get(), &status) != 0) return describe_open_failure(errno);
        if (auto problem = find_trust_problem(fd.get(), status)) {
            problem->text = fmt::format("directory {}: {}", part, problem->text);
            return problem;
        }
    }
    return std::nullopt;
}

std::optional<FileProblem> read_stable(int fd, std::uint64_t limit_bytes, std::string& bytes) {
    for (int attempt = 0; attempt < k_read_tries; ++attempt) {
        struct stat before {};
        if (fstat(fd, &before) != 0) return FileProblem{"F002", "cannot stat: " + errno_text(errno), "", false};
        if (!S_ISREG(before.st_mode)) return FileProblem{"F003", "not a regular file", "", false};
        const auto size = static_cast<std::uint64_t>(before.st_size);
        if (size > limit_bytes) {
            return FileProblem{"F007", fmt::format("{} bytes are more than the limit of {}", size, limit_bytes), "", false};
        }
        if (const int error = read_once(fd, static_cast<std::size_t>(size), bytes)) {
            return FileProblem{"F002", "cannot read: " + errno_text(error), "", false};
        }
        struct stat after {};
        if (fstat(fd, &after) == 0 && is_same_content(before, after) && bytes.size() == size) return std::nullopt;
    }
    return FileProblem{"F010", "the file kept changing while it was read", "", false};
}

}  // namespace rudder
