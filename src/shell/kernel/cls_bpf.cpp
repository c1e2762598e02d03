// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/cls_bpf.hpp"

#include "shell/kernel/tc_netlink.hpp"
#include "shell/os/os_error.hpp"

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>

namespace rudder {
namespace {

bpf_tc_hook tc_hook(const HookSpec& hook) {
    bpf_tc_hook tc{};
    tc.sz = sizeof(tc);
    tc.ifindex = static_cast<int>(hook.ifindex);
    tc.attach_point = hook.direction == Direction::ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
    return tc;
}

bpf_tc_opts tc_place(const ClsBpfPlace& place) {
    bpf_tc_opts options{};
    options.sz = sizeof(options);
    options.handle = place.handle;
    options.priority = place.priority;
    return options;
}

/// A filter of a rudderd, this one or another: libbpf names it after its program and that program's id, and only
/// BPF_PROG_TYPE_SCHED_CLS in direct-action mode is ours. The tag cannot tell: it differs from version to version, and
/// the program of a dead daemon can be opened by id only with CAP_SYS_ADMIN. Nor can it be seen whether the daemon of a
/// filter lives: the filter holds the program, not the process. So a second rudderd in one network namespace that uses
/// cls_bpf and another runtime directory would take the first one's filters away (rudderd(8) forbids it).
bool is_named_like_ours(const TcFilter& filter, Direction direction) {
    const char* program = direction == Direction::ingress ? "rudder_ingress" : "rudder_egress";
    return filter.kind == "bpf" && filter.is_direct_action &&
           filter.program_name == fmt::format("{}:[{}]", program, filter.program_id);
}

Result<std::optional<TcFilter>> filter_at(const HookSpec& hook, const ClsBpfPlace& place) {
    Result<std::vector<TcFilter>> filters = dump_filters(hook);
    if (!filters) {
        return filters.error();
    }
    const auto found = std::find_if(filters->begin(), filters->end(), [&](const TcFilter& filter) {
        return filter.priority == place.priority && filter.handle == place.handle;
    });
    return found == filters->end() ? std::nullopt : std::optional<TcFilter>(*found);
}

/// A missing clsact. EEXIST is the normal case; an `ingress` qdisc in its place serves ingress only, which
/// the attach then says.
Status ensure_clsact(const HookSpec& hook) {
    bpf_tc_hook tc = tc_hook(hook);
    const int result = bpf_tc_hook_create(&tc);
    if (result != 0 && result != -EEXIST) {
        return os_error("create clsact qdisc", result);
    }
    return {};
}

Error conflict_error(const HookSpec& hook, const ClsBpfPlace& place, int code) {
    const Result<std::vector<TcFilter>> filters = dump_filters(hook);
    if (filters) {
        for (const TcFilter& filter : *filters) {
            const bool is_same_kind = filter.kind == "bpf";
            if (filter.priority == place.priority && (!is_same_kind || filter.handle == place.handle)) {
                return {fmt::format("the filter \"{}\" (kind {}) of another program holds priority {} handle {:#x}",
                                    filter.program_name, filter.kind, filter.priority, filter.handle),
                        EEXIST};
            }
        }
    }
    return os_error("add bpf filter", code);
}

/// By place, since rtnetlink cannot delete by program. Between the caller's look and this a filter of somebody else
/// could only take the place if ours was removed by hand meanwhile; the kernel offers nothing to close that gap.
Status remove_filter(const HookSpec& hook, const ClsBpfPlace& place) {
    const bpf_tc_hook tc = tc_hook(hook);
    const bpf_tc_opts options = tc_place(place);
    const int result = bpf_tc_detach(&tc, &options);
    if (result != 0 && result != -ENOENT && result != -ENODEV) {
        return os_error("delete bpf filter at " + hook_text(hook), result);
    }
    return {};
}

int replace_filter(const HookSpec& hook, const ClsBpfPlace& place, const HookProgram& program) {
    const bpf_tc_hook tc = tc_hook(hook);
    bpf_tc_opts options = tc_place(place);
    options.prog_fd = program.fd;
    options.flags = BPF_TC_F_REPLACE;
    return bpf_tc_attach(&tc, &options);
}

/// A filter that a killed daemon left is replaced in one step, so that no packet passes without a program.
int add_filter(const HookSpec& hook, const ClsBpfPlace& place, const HookProgram& program) {
    const bpf_tc_hook tc = tc_hook(hook);
    bpf_tc_opts options = tc_place(place);
    options.prog_fd = program.fd;
    const int result = bpf_tc_attach(&tc, &options);
    if (result != -EEXIST) {
        return result;
    }
    const Result<std::optional<TcFilter>> present = filter_at(hook, place);
    if (!present || !present->has_value() || !is_named_like_ours(**present, hook.direction)) {
        return result;
    }
    return replace_filter(hook, place, program);
}

}  // namespace

Status ClsBpfDriver::attach(const HookSpec& hook, const HookProgram& program) {
    const std::string operation = "cls_bpf at " + hook_text(hook);
    if (const auto known = program_ids_.find(hook); known != program_ids_.end()) {
        const Result<HookStatus> present = status_of(hook, known->second);
        if (!present) {
            return present.error().within(operation);
        }
        if (present->is_attached && known->second == program.id) {
            return {};
        }
        if (present->is_attached) {
            const int result = replace_filter(hook, place_, program);
            const Result<HookStatus> now = result == 0 ? present : status_of(hook, program.id);
            if (!now || !now->is_attached) {  // else only the answer was lost
                return os_error(operation + ": give it another program", result);
            }
            known->second = program.id;
            return {};
        }
        program_ids_.erase(known);  // the device or its clsact was deleted and made again
    }
    if (Status status = ensure_clsact(hook); !status) {
        return status.error().within(operation);
    }
    if (const int result = add_filter(hook, place_, program); result != 0) {
        return conflict_error(hook, place_, result).within(operation);
    }
    program_ids_.emplace(hook, program.id);
    return {};
}

Status ClsBpfDriver::detach(const HookSpec& hook) {
    const auto known = program_ids_.find(hook);
    if (known == program_ids_.end()) {
        return {};
    }
    const Result<std::optional<TcFilter>> present = filter_at(hook, place_);
    if (!present) {
        return present.error();
    }
    if (present->has_value() && (*present)->program_id == known->second) {
        if (Status status = remove_filter(hook, place_); !status) {
            return status;
        }
    }
    program_ids_.erase(known);
    return {};
}

Result<HookStatus> ClsBpfDriver::status_of(const HookSpec& hook, std::uint32_t program_id) const {
    HookStatus status{hook, "cls_bpf", 0, false, {}};
    const Result<std::optional<TcFilter>> present = filter_at(hook, place_);
    if (!present) {
        return present.error();
    }
    if (!present->has_value()) {
        status.detail = "our filter is not on this device";
    } else if ((*present)->program_id != program_id) {
        status.detail = "replaced by \"" + (*present)->program_name + "\"";
    } else {
        status.is_attached = true;
        status.program_id = program_id;
        status.detail = fmt::format("priority {} handle {:#x}", place_.priority, place_.handle);
    }
    return status;
}

Result<std::vector<HookStatus>> ClsBpfDriver::list() {
    std::vector<HookStatus> all;
    for (const auto& [hook, program_id] : program_ids_) {
        Result<HookStatus> status = status_of(hook, program_id);
        if (!status) {
            return status.error();
        }
        all.push_back(std::move(status).value());
    }
    return all;
}

Result<int> remove_leftover_filters(const ClsBpfPlace& place) {
    const std::unique_ptr<struct if_nameindex, decltype(&if_freenameindex)> names(if_nameindex(), if_freenameindex);
    if (!names) {
        return os_error("list network devices", errno);
    }
    int removed = 0;
    Status first_failure;
    for (const struct if_nameindex* device = names.get(); device->if_index != 0; ++device) {
        for (const Direction direction : {Direction::ingress, Direction::egress}) {
            const HookSpec hook{device->if_index, direction};
            const Result<std::optional<TcFilter>> present = filter_at(hook, place);
            Status status = present ? Status{} : Status{present.error()};
            if (present && present->has_value() && is_named_like_ours(**present, hook.direction)) {
                status = remove_filter(hook, place);
                removed += status ? 1 : 0;
            }
            if (!status && first_failure) {
                first_failure = status;
            }
        }
    }
    if (!first_failure) {
        return first_failure.error().within("remove left-over filters");
    }
    return removed;
}

}  // namespace rudder
