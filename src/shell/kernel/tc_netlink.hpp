// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/compile/image.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace rudder {

/// One TC filter on a clsact (or ingress) qdisc, as the kernel dumps it.
struct TcFilter {
    std::uint32_t priority = 0;
    std::uint32_t handle = 0;
    std::string kind;              ///< "bpf", "flower", ...
    std::string program_name;      ///< kind bpf: as given at attach; libbpf writes "<program>:[<id>]"
    std::uint32_t program_id = 0;  ///< kind bpf
    bool is_direct_action = false; ///< kind bpf
};

/// All filters of that hook; none if the device or its qdisc does not exist. Needs no capability.
/// *Source*: rtnetlink RTM_GETTFILTER, net/sched/cls_api.c tc_dump_tfilter.
[[nodiscard]] Result<std::vector<TcFilter>> dump_filters(const HookSpec& hook);

}  // namespace rudder
