// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/features.hpp"

#include "core/compile/image.hpp"
#include "shell/os/unique_fd.hpp"

#include <bpf/bpf.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <array>
#include <cstdio>
#include <utility>

namespace rudder {
namespace {

UniqueFd create_array(std::uint32_t value_bytes) {
    return UniqueFd(bpf_map_create(BPF_MAP_TYPE_ARRAY, "rudder_probe", sizeof(std::uint32_t), value_bytes, 1, nullptr));
}

/// Only to choose the words of a message; no behaviour hangs on it.
std::pair<int, int> kernel_version() {
    utsname names{};
    std::pair<int, int> version{0, 0};
    if (uname(&names) == 0) {
        std::sscanf(names.release, "%d.%d", &version.first, &version.second);
    }
    return version;
}

std::string limit_text(rlim_t limit) {
    return limit == RLIM_INFINITY ? "unlimited" : std::to_string(limit) + " bytes";
}

}  // namespace

bool can_freeze_maps() {
    const UniqueFd map = create_array(sizeof(std::uint64_t));
    return map && bpf_map_freeze(map.get()) == 0;
}

bool can_hold_value(std::uint32_t bytes) { return create_array(bytes).is_open(); }

bool can_look_up_tables(int program) {
    // The least frame a test run takes.
    std::array<std::uint8_t, 64> frame{};
    LIBBPF_OPTS(bpf_test_run_opts, run);
    run.data_in = frame.data();
    run.data_size_in = static_cast<std::uint32_t>(frame.size());
    run.repeat = 1;
    return bpf_prog_test_run_opts(program, &run) == 0 && run.retval == 1;
}

KernelFeature raise_memlock() {
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(RLIMIT_MEMLOCK, &unlimited) != 0) {
        rlimit present{};
        if (getrlimit(RLIMIT_MEMLOCK, &present) == 0) {
            present.rlim_cur = present.rlim_max;
            (void)setrlimit(RLIMIT_MEMLOCK, &present);
        }
    }
    rlimit result{};
    (void)getrlimit(RLIMIT_MEMLOCK, &result);
    const bool is_charged = kernel_version() < std::pair(5, 11);
    return {"memlock", limit_text(result.rlim_cur),
            is_charged ? "this kernel charges maps to RLIMIT_MEMLOCK; set LimitMEMLOCK=infinity if maps cannot be made"
                       : "this kernel charges maps to the memory cgroup (5.11), not to RLIMIT_MEMLOCK"};
}

KernelFeature value_limit_feature() {
    constexpr std::uint32_t k_old_limit = 4u << 20;
    if (can_hold_value(k_old_limit + 4096)) {
        return {"policy-size", std::to_string(tiers().back().blob_bytes) + " bytes", "map values may exceed 4 MiB (6.0)"};
    }
    std::uint32_t largest = 0;
    for (const Tier& tier : tiers()) {
        largest = tier.blob_bytes < k_old_limit ? tier.blob_bytes : largest;
    }
    return {"policy-size", std::to_string(largest) + " bytes", "this kernel limits a map value to 4 MiB (before 6.0)"};
}

}  // namespace rudder
