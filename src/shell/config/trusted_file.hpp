// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/os/unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <string>

struct stat;

/// Opening and reading files that somebody else may be changing at the same moment. Every check is
/// made on the descriptor that is then read, never on a name.
namespace rudder {

/// Why a file cannot be used, as a diagnostic without a place.
struct FileProblem {
    std::string code;
    std::string text;
    std::string help;
    bool is_trust = false;  ///< only ownership, mode or link count
};

/// Opens `name` in the directory `directory_fd` without ever leaving it.
/// Symbolic links are followed as long as they stay beneath the directory (Kubernetes' `..data`).
/// *Errors*: `problem` set and the descriptor closed.
[[nodiscard]] UniqueFd open_beneath(int directory_fd, const std::string& name, std::optional<FileProblem>& problem);

/// Owned by root or this process's user, not writable by others, not by a group but root's. A mount that is
/// read-only lets nobody write whatever the mode says. Regular files: one name only.
[[nodiscard]] std::optional<FileProblem> find_trust_problem(int fd, const struct stat& status);

/// Trust of each directory between `directory_fd` and the file a symbolic link led to.
[[nodiscard]] std::optional<FileProblem> find_path_trust_problem(int directory_fd, int file_fd);

/// Reads a regular file whole. Size and times must be the same before and after the read (five tries).
/// *Errors*: not regular, larger than `limit_bytes`, changing, errno.
[[nodiscard]] std::optional<FileProblem> read_stable(int fd, std::uint64_t limit_bytes, std::string& bytes);

}  // namespace rudder
