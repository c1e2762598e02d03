// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/map_info.hpp"

#include "shell/os/os_error.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <string>
#include <string_view>

#include "shell/os/unique_fd.hpp"

namespace rudder {
namespace {

/// The "memlock:" line of fdinfo. *Source*: bpf_map_show_fdinfo in kernel/bpf/syscall.c.
std::uint64_t memory_of(int map_fd) {
    const std::string path = "/proc/self/fdinfo/" + std::to_string(map_fd);
    const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char text[1024];
    const ssize_t length = file ? read(file.get(), text, sizeof(text)) : -1;
    if (length <= 0) {
        return 0;
    }
    const std::string_view all(text, static_cast<std::size_t>(length));
    constexpr std::string_view key = "memlock:\t";
    const std::size_t place = all.find(key);
    std::uint64_t bytes = 0;
    if (place != std::string_view::npos) {
        std::from_chars(all.data() + place + key.size(), all.data() + all.size(), bytes);
    }
    return bytes;
}

Result<bpf_map_info> info_of(int map_fd) {
    bpf_map_info info{};
    std::uint32_t bytes = sizeof(info);
    if (const int result = bpf_obj_get_info_by_fd(map_fd, &info, &bytes); result != 0) {
        return os_error("read map info", result);
    }
    return info;
}

}  // namespace

Result<MapStatus> map_status(int map_fd) {
    const Result<bpf_map_info> info = info_of(map_fd);
    if (!info) {
        return info.error();
    }
    const char* type = libbpf_bpf_map_type_str(static_cast<bpf_map_type>(info->type));
    return MapStatus{info->name,       info->id,         type == nullptr ? std::to_string(info->type) : type,
                     info->key_size,   info->value_size, info->max_entries,
                     memory_of(map_fd)};
}

Result<std::uint32_t> map_id(int map_fd) {
    const Result<bpf_map_info> info = info_of(map_fd);
    if (!info) {
        return info.error();
    }
    return std::uint32_t{info->id};
}

Result<std::uint32_t> program_id(int program_fd) {
    bpf_prog_info info{};
    std::uint32_t bytes = sizeof(info);
    if (const int result = bpf_obj_get_info_by_fd(program_fd, &info, &bytes); result != 0) {
        return os_error("read program info", result);
    }
    return std::uint32_t{info.id};
}

}  // namespace rudder
