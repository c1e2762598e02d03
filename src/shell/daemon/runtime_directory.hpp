// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "shell/kernel/unique_fd.hpp"

#include <string>

namespace rudder {

inline constexpr const char* k_default_runtime_directory = "/run/rudderd";

[[nodiscard]] std::string control_socket_path(const std::string& runtime_directory);
[[nodiscard]] std::string status_socket_path(const std::string& runtime_directory);

/// Creates the directory if it is missing and locks it: one daemon at a time.
/// *Ownership*: the lock lives as long as the descriptor. *Errors*: EWOULDBLOCK: another rudderd runs; errno.
[[nodiscard]] Result<UniqueFd> lock_runtime_directory(const std::string& path);

/// Names of the capabilities this process lacks for its work ("CAP_BPF"), empty if it has all.
[[nodiscard]] std::string missing_capabilities();

}  // namespace rudder
