// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/tcx.hpp"

#include "shell/os/os_error.hpp"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

namespace rudder {
namespace {

// Not in the headers of the oldest supported build host (Linux 6.1, libbpf 1.1): values and layouts of 6.6.
constexpr int k_bpf_tcx_ingress = 46;
constexpr int k_bpf_tcx_egress = 47;
constexpr std::uint32_t k_max_programs = 64;  // BPF_MPROG_MAX

struct TcxLinkInfo {
    std::uint32_t type = 0;
    std::uint32_t id = 0;
    std::uint32_t prog_id = 0;
    std::uint32_t padding = 0;
    std::uint32_t ifindex = 0;  // 0 when the device is gone
    std::uint32_t attach_type = 0;
    std::array<std::uint8_t, 40> rest{};
};

struct ProgQuery {
    std::uint32_t target_ifindex = 0;
    std::uint32_t attach_type = 0;
    std::uint32_t query_flags = 0;
    std::uint32_t attach_flags = 0;
    std::uint64_t prog_ids = 0;
    std::uint32_t count = 0;
    std::uint32_t padding = 0;
    std::uint64_t prog_attach_flags = 0;
    std::uint64_t link_ids = 0;
    std::uint64_t link_attach_flags = 0;
    std::uint64_t revision = 0;
};
static_assert(sizeof(ProgQuery) == 64);

bpf_attach_type attach_type(Direction direction) {
    return static_cast<bpf_attach_type>(direction == Direction::ingress ? k_bpf_tcx_ingress : k_bpf_tcx_egress);
}

Result<TcxLinkInfo> link_info(int fd) {
    TcxLinkInfo info;
    std::uint32_t bytes = sizeof(info);
    if (const int result = bpf_obj_get_info_by_fd(fd, &info, &bytes); result != 0) {
        return os_error("read tcx link info", result);
    }
    return info;
}

std::uint64_t pointer(void* address) { return reinterpret_cast<std::uint64_t>(address); }

/// Programs at one hook in the order in which they run.
struct Chain {
    std::vector<std::uint32_t> program_ids;
    std::vector<std::uint32_t> link_ids;
};

Result<Chain> query(const HookSpec& hook) {
    Chain chain{std::vector<std::uint32_t>(k_max_programs), std::vector<std::uint32_t>(k_max_programs)};
    ProgQuery attr;
    attr.target_ifindex = hook.ifindex;
    attr.attach_type = static_cast<std::uint32_t>(attach_type(hook.direction));
    attr.prog_ids = pointer(chain.program_ids.data());
    attr.link_ids = pointer(chain.link_ids.data());
    attr.count = k_max_programs;
    if (syscall(__NR_bpf, BPF_PROG_QUERY, &attr, sizeof(attr)) < 0) {
        const int error = errno;
        if (error == ENOENT) {  // nothing attached there
            return Chain{};
        }
        return os_error("bpf program query on " + hook_text(hook), error);
    }
    chain.program_ids.resize(std::min(attr.count, k_max_programs));
    chain.link_ids.resize(chain.program_ids.size());
    return chain;
}

Result<HookStatus> status_of(const HookSpec& hook, std::uint32_t link_id) {
    HookStatus status{hook, "tcx", 0, false, {}};
    const Result<Chain> chain = query(hook);
    if (!chain) {
        // Not knowing is not the same as being gone: a program that is taken for lost is detached.
        if (chain.error().code != ENODEV) {
            return chain.error();
        }
        status.detail = "the device is gone";
        return status;
    }
    const auto place = std::find(chain->link_ids.begin(), chain->link_ids.end(), link_id);
    if (place == chain->link_ids.end()) {
        status.detail = "our tcx link is not on this device";
        return status;
    }
    const auto position = static_cast<std::size_t>(place - chain->link_ids.begin());
    status.is_attached = true;
    status.program_id = chain->program_ids[position];
    status.detail = "position " + std::to_string(position + 1) + " of " + std::to_string(chain->link_ids.size());
    return status;
}

Status replace_program(int link_fd, const HookProgram& program, const std::string& operation) {
    if (const int result = bpf_link_update(link_fd, program.fd, nullptr); result != 0) {
        return os_error(operation + ": give it another program", result == -ENOLINK ? -ENODEV : result);
    }
    return {};
}

}  // namespace

Result<bool> has_tcx(const HookProgram& program) {
    const int fd = bpf_link_create(program.fd, INT_MAX, attach_type(Direction::ingress), nullptr);
    const int error = errno;
    if (fd >= 0) {  // a device with that index does exist: as good a proof
        close(fd);
        return true;
    }
    if (error == ENODEV) {
        return true;
    }
    // EINVAL: attach type unknown; ENOTSUPP (524, kernel-internal): compiled out.
    if (error == EINVAL || error == EOPNOTSUPP || error == 524) {
        return false;
    }
    return os_error("probe for tcx", error);
}

Status TcxDriver::attach(const HookSpec& hook, const HookProgram& program) {
    const std::string operation = "bpf link create on " + hook_text(hook);
    if (const auto known = links_.find(hook); known != links_.end()) {
        const Result<HookStatus> present = status_of(hook, known->second.id);
        if (!present) {
            return present.error().within(operation);
        }
        if (present->is_attached) {
            return present->program_id == program.id ? Status{} : replace_program(known->second.fd.get(), program, operation);
        }
        // Left from a deleted device whose index was given away again, or from one that moved to another namespace.
        links_.erase(known);
    }
    const int fd = bpf_link_create(program.fd, static_cast<int>(hook.ifindex), attach_type(hook.direction), nullptr);
    const int error = errno;
    if (fd < 0) {
        return os_error(operation, error);
    }
    Link link{UniqueFd(fd), 0};
    const Result<TcxLinkInfo> info = link_info(fd);
    if (!info) {
        return info.error().within(operation);  // closing the descriptor takes the link back
    }
    link.id = info->id;
    links_.emplace(hook, std::move(link));
    return {};
}

Status TcxDriver::detach(const HookSpec& hook) {
    links_.erase(hook);
    return {};
}

Result<std::vector<HookStatus>> TcxDriver::list() {
    std::vector<HookStatus> all;
    for (const auto& [hook, link] : links_) {
        Result<HookStatus> status = status_of(hook, link.id);
        if (!status) {
            return status.error();
        }
        all.push_back(std::move(status).value());
    }
    return all;
}

}  // namespace rudder
