// SPDX-License-Identifier: Apache-2.0
#include "shell/log/log_sink.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace rudder {
namespace {

constexpr int k_seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

int error_of(ssize_t result) {
    return result < 0 ? errno : 0;
}

/// The journal reads only memory files that cannot change any more. Returns an errno or 0.
int make_sealed_file(std::string_view bytes, UniqueFd& file) {
    file.reset(memfd_create("rudderd-log", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file) return errno;
    while (!bytes.empty()) {
        const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
        if (written < 0) return errno;
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return error_of(fcntl(file.get(), F_ADD_SEALS, k_seals));
}

/// Bytes written or a negative errno. A pipe that is writable at all has room for PIPE_BUF bytes.
ssize_t write_what_fits(int descriptor, std::string_view bytes) {
    ssize_t written = ::send(descriptor, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written < 0 && errno == ENOTSOCK) {
        pollfd writable{descriptor, POLLOUT, 0};
        if (poll(&writable, 1, 0) == 0) return -EAGAIN;
        written = ::write(descriptor, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
    }
    return written < 0 ? -errno : written;
}

/// *Source*: systemd.exec(5), JOURNAL_STREAM is "device:inode" of the stream.
bool is_stderr_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
    return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

}  // namespace

int JournalSink::connect() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof(address.sun_path)) return ENAMETOOLONG;
    std::copy(path_.begin(), path_.end(), address.sun_path);
    UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return errno;
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return errno;
    socket_ = std::move(socket);
    return 0;
}

int JournalSink::send(std::string_view record) const {
    const int error = error_of(::send(socket_.get(), record.data(), record.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    const bool is_too_large = error == EMSGSIZE || error == ENOBUFS;
    return is_too_large ? send_as_file(record) : error;
}

int JournalSink::send_as_file(std::string_view record) const {
    UniqueFd file;
    if (const int error = make_sealed_file(record, file); error != 0) return error;
    const int descriptor = file.get();
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(descriptor))] = {};
    msghdr message{};
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(descriptor));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof(descriptor));
    return error_of(::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

LogSink::Offer JournalSink::offer(std::string_view rest) {
    int error = socket_ ? send(rest) : ENOTCONN;
    const bool is_another_socket = error == ENOTCONN || error == ECONNREFUSED || error == ECONNRESET;
    if (is_another_socket) {
        socket_.reset();
        error = connect();
        if (error == 0) error = send(rest);
    }
    return error == 0 ? Offer{rest.size(), 0} : Offer{0, error};
}

LogSink::Offer StreamSink::offer(std::string_view rest) {
    std::size_t taken = 0;
    while (taken < rest.size()) {
        const ssize_t written = write_what_fits(descriptor_, rest.substr(taken));
        if (written == -EAGAIN || written == -EINTR) return {taken, EAGAIN};
        if (written < 0) break;  // nobody reads any more
        taken += static_cast<std::size_t>(written);
    }
    return {rest.size(), 0};
}

std::unique_ptr<LogSink> default_log_sink() {
    if (is_stderr_journal()) return std::make_unique<JournalSink>();
    return std::make_unique<StreamSink>(STDERR_FILENO);
}

}  // namespace rudder
