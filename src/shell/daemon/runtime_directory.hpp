// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "shell/os/unique_fd.hpp"

#include <string>

namespace rudder {

inline constexpr const char* k_default_runtime_directory = "/run/rudderd";

[[nodiscard]] std::string control_socket_path(const std::string& runtime_directory);
[[nodiscard]] std::string status_socket_path(const std::string& runtime_directory);
[[nodiscard]] std::string health_file_path(const std::string& runtime_directory);

/// Creates the directory if it is missing and locks it: one daemon at a time.
/// *Ownership*: the lock lives as long as the descriptor. *Errors*: EWOULDBLOCK: another rudderd runs; errno.
[[nodiscard]] Result<UniqueFd> lock_runtime_directory(const std::string& path);

/// Names of the capabilities this process lacks for its work ("CAP_BPF, CAP_PERFMON"), empty if it has all.
/// CAP_PERFMON lets the classifier read the packet at variable offsets (options, extension headers, tags).
[[nodiscard]] std::string missing_capabilities();

}  // namespace rudder
