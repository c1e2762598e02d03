// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/bpf_kernel.hpp"

#include "shell/kernel/counters.hpp"
#include "shell/kernel/features.hpp"
#include "shell/kernel/tcx.hpp"

#include <cerrno>
#include <utility>

// What happens once, at start: load, probe, choose.
namespace rudder {

Result<std::unique_ptr<BpfKernel>> BpfKernel::open(BpfKernelOptions options) {
    silence_libbpf();
    KernelFeature memlock = raise_memlock();
    const Result<std::uint32_t> cpus = possible_cpus();
    if (!cpus) {
        return cpus.error();
    }
    Result<BpfObject> shared = BpfObject::load_shared(options.log);
    if (!shared) {
        Error error = shared.error();
        if (error.code == EPERM || error.code == ENOMEM) {
            error.message += " (memlock limit: " + memlock.chosen + "; " + memlock.why + ")";
        }
        return error;
    }
    Result<NextHopTable> table = NextHopTable::map(shared->map_fd("next_hops"), shared->map_entries("next_hops"));
    if (!table) {
        return table.error();
    }
    Result<GroupTables> groups = GroupTables::map(shared->map_fd("group_tables"), shared->map_entries("group_tables"));
    if (!groups) {
        return groups.error();
    }
    std::unique_ptr<BpfKernel> kernel(new BpfKernel(std::move(options), std::move(shared).value(), std::move(table).value(),
                                                    std::move(groups).value(), *cpus));
    if (Status status = kernel->choose_driver(); !status) {
        return status.error();
    }
    kernel->note_features(std::move(memlock));
    return kernel;
}

Result<int> BpfKernel::remove_leftovers(const BpfKernelOptions& options) {
    silence_libbpf();
    const LibbpfCapture log(options.log);
    return remove_leftover_filters(options.cls_bpf_place);
}

Status BpfKernel::choose_driver() {
    const LibbpfCapture log(options_.log);
    const bool is_forced = options_.attachment != Attachment::automatic;
    const Result<bool> probe = has_tcx(shared_.table_probe());
    const bool is_available = probe && *probe;
    if (options_.attachment == Attachment::tcx && !is_available) {
        return probe ? Error{"attachment tcx was asked for, but this kernel has no tcx (it came with 6.6)", EOPNOTSUPP}
                     : probe.error();
    }
    if (!is_forced && !probe) {
        return probe.error();
    }
    if (is_available && options_.attachment != Attachment::cls_bpf) {
        driver_ = std::make_unique<TcxDriver>();
        features_.push_back({"attachment", "tcx", is_forced ? "asked for" : "the kernel has BPF_TCX_INGRESS (6.6)"});
    } else {
        driver_ = std::make_unique<ClsBpfDriver>(options_.cls_bpf_place);
        features_.push_back({"attachment", "cls_bpf", is_forced ? "asked for" : "the kernel has no tcx (6.6)"});
    }
    return {};
}

void BpfKernel::note_features(KernelFeature memlock) {
    can_freeze_ = can_freeze_maps();
    features_.push_back({"freeze", can_freeze_ ? "yes" : "no",
                         can_freeze_ ? "published maps are read-only for everybody (BPF_MAP_FREEZE)"
                                     : "the kernel does not let us freeze maps (5.2)"});
    can_look_up_tables_ = can_look_up_tables(shared_.table_probe().fd);
    features_.push_back({"routing-tables", can_look_up_tables_ ? "yes" : "no",
                         can_look_up_tables_ ? "the kernel has BPF_FIB_LOOKUP_TBID (6.5)"
                                             : "the kernel has no BPF_FIB_LOOKUP_TBID (6.5): no `via = { table = N }`"});
    features_.push_back(value_limit_feature());
    features_.push_back(std::move(memlock));
}

}  // namespace rudder
