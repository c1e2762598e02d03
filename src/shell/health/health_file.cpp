// SPDX-License-Identifier: Apache-2.0
#include "shell/health/health_file.hpp"

#include "shell/os/os_error.hpp"
#include "shell/os/unique_fd.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

namespace rudder {
namespace {

constexpr std::size_t k_most_bytes = std::size_t{1} << 20;

Status write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return os_error("write", errno);
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

}  // namespace

Result<std::string> read_health_file(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) return errno == ENOENT ? Result<std::string>(std::string()) : os_error("open " + path, errno);
    std::string text;
    std::array<char, 65536> buffer;
    while (text.size() < k_most_bytes) {
        const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return os_error("read " + path, errno);
        if (got == 0) break;
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return text;
}

Status write_health_file(const std::string& path, std::string_view text) {
    const std::string temporary = path + ".new";
    (void)::unlink(temporary.c_str());
    const UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return os_error("create " + temporary, errno);
    Status status = write_all(fd.get(), text);
    if (status && std::rename(temporary.c_str(), path.c_str()) != 0) status = os_error("rename to " + path, errno);
    if (!status) (void)::unlink(temporary.c_str());
    return status;
}

}  // namespace rudder
