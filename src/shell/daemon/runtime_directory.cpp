// SPDX-License-Identifier: Apache-2.0
#include "shell/daemon/runtime_directory.hpp"

#include "shell/os/os_error.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace rudder {

std::string control_socket_path(const std::string& runtime_directory) { return runtime_directory + "/control"; }
std::string status_socket_path(const std::string& runtime_directory) { return runtime_directory + "/io.rudder.Status"; }
std::string health_file_path(const std::string& runtime_directory) { return runtime_directory + "/health"; }

Result<UniqueFd> lock_runtime_directory(const std::string& path) {
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return os_error("create " + path, errno);
    UniqueFd lock(::open((path + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock.is_open()) return os_error("open " + path + "/lock", errno);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        const int code = errno;
        if (code == EWOULDBLOCK) return Error{"another rudderd runs with " + path, code};
        return os_error("lock " + path, code);
    }
    return lock;
}

std::string missing_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    if (syscall(SYS_capget, &header, data.data()) != 0) return {};
    const auto has = [&](unsigned capability) { return ((data[capability / 32].effective >> (capability % 32)) & 1u) != 0; };
    std::string missing;
    const auto add = [&](const char* name) { missing += missing.empty() ? name : std::string(", ") + name; };
    // The kernel accepts CAP_SYS_ADMIN in place of CAP_BPF and CAP_PERFMON, but not in place of CAP_NET_ADMIN.
    if (!has(CAP_BPF) && !has(CAP_SYS_ADMIN)) add("CAP_BPF");
    if (!has(CAP_NET_ADMIN)) add("CAP_NET_ADMIN");
    if (!has(CAP_PERFMON) && !has(CAP_SYS_ADMIN)) add("CAP_PERFMON");
    return missing;
}

}  // namespace rudder
