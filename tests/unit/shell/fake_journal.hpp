// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/os/unique_fd.hpp"

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace rudder::test {

/// Receives datagrams of the journal's native protocol at a path, when asked.
class FakeJournal {
public:
    using Fields = std::map<std::string, std::string>;

    explicit FakeJournal(const std::string& path)
        : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::copy(path.begin(), path.end(), address.sun_path);
        (void)::unlink(path.c_str());
        is_bound_ = ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    }

    [[nodiscard]] bool is_bound() const { return is_bound_; }

    /// The next entry; nothing if none waits here.
    std::optional<Fields> receive() {
        const std::optional<std::string> record = receive_record();
        return record ? std::optional<Fields>(parse(*record)) : std::nullopt;
    }

    std::vector<Fields> receive_all() {
        std::vector<Fields> entries;
        while (const std::optional<Fields> entry = receive()) entries.push_back(*entry);
        return entries;
    }

    /// The last entry came as a memory file that can neither change nor be unsealed.
    [[nodiscard]] bool came_sealed() const { return came_sealed_; }

private:
    std::optional<std::string> receive_record() {
        std::string record(1U << 20, '\0');
        iovec part{record.data(), record.size()};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        const ssize_t size = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
        if (size < 0) return std::nullopt;
        record.resize(static_cast<std::size_t>(size));
        came_sealed_ = false;
        if (const cmsghdr* header = CMSG_FIRSTHDR(&message)) record += read_file(header);
        return record;
    }

    std::string read_file(const cmsghdr* header) {
        int descriptor = -1;
        std::memcpy(&descriptor, CMSG_DATA(header), sizeof(descriptor));
        const UniqueFd file(descriptor);
        came_sealed_ = fcntl(file.get(), F_GET_SEALS) == (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
        std::string bytes(static_cast<std::size_t>(lseek(file.get(), 0, SEEK_END)), '\0');
        return pread(file.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()) ? bytes : "";
    }

    static Fields parse(const std::string& record) {
        Fields fields;
        std::size_t at = 0;
        while (at < record.size()) {
            const std::size_t name_end = record.find_first_of("=\n", at);
            if (name_end == std::string::npos) break;
            const std::string name = record.substr(at, name_end - at);
            std::size_t value = name_end + 1;
            std::size_t size = record.find('\n', value) - value;
            if (record[name_end] == '\n') {
                std::uint64_t length = 0;
                for (std::size_t byte = 0; byte < 8; ++byte) {
                    length |= static_cast<std::uint64_t>(static_cast<unsigned char>(record.at(value + byte)))
                              << (8 * byte);
                }
                value += 8;
                size = length;
            }
            fields[name] = record.substr(value, size);
            at = value + size + 1;
        }
        return fields;
    }

    UniqueFd socket_;
    bool is_bound_ = false;
    bool came_sealed_ = false;
};

}  // namespace rudder::test
