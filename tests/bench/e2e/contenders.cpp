// SPDX-License-Identifier: Apache-2.0
#include "contenders.hpp"

#include "core/compile/image.hpp"
#include "core/compile/plan.hpp"
#include "shell/kernel/apply.hpp"
#include "shell/kernel/bpf_kernel.hpp"

#include <optional>
#include <utility>

#include <unistd.h>

namespace rudder::bench {

namespace {

/// Everything `rudderd` keeps for one policy, without its event loop.
struct RudderInstance {
    std::unique_ptr<BpfKernel> kernel;
    Applied applied;
    HookSpec hook;
};

Topology topology_of(const Lab& lab) {
    Topology topology;
    for (const Device* device : {&lab.input, &lab.output}) {
        Link link;
        link.ifindex = device->ifindex;
        link.name = device->name;
        link.mac = device->mac;
        link.mtu = 1500;
        link.is_up = true;
        link.kind = "veth";
        topology.links[device->ifindex] = link;
    }
    return topology;
}

}  // namespace

Contender program_contender(Generator& generator, const Lab& lab, std::string name, const char* program,
                            const Workload& workload, std::uint32_t copies) {
    auto link = std::make_shared<std::optional<int>>();
    Contender contender;
    contender.kind = "program";
    contender.name = std::move(name);
    contender.set = workload.set;
    contender.rules = workload.rules.size();
    contender.trace = workload.trace;
    contender.copies = copies;
    contender.start = [fd = generator.program(program), ifindex = lab.input.ifindex, link]() -> Status {
        auto attached = attach_tcx_ingress(fd, ifindex);
        if (!attached) return attached.error();
        *link = *attached;
        return {};
    };
    contender.stop = [link]() -> Status {
        if (*link) close(**link);
        link->reset();
        return {};
    };
    return contender;
}

Contender forwarding_contender(const Workload& workload) {
    Contender contender;
    contender.kind = "forwarding";
    contender.name = "kernel forwarding";
    contender.set = workload.set;
    contender.rules = workload.rules.size();
    contender.trace = workload.trace;
    contender.start = [] { return Status{}; };
    contender.stop = contender.start;
    return contender;
}

Result<Contender> rudder_contender(const Lab& lab, const Workload& workload, std::uint32_t copies) {
    auto self = std::make_shared<RudderInstance>();
    auto kernel = BpfKernel::open({});
    if (!kernel) return kernel.error();
    self->kernel = std::move(kernel).value();
    self->hook = {lab.input.ifindex, Direction::ingress};
    const Policy policy{workload.rules, {}};
    const auto topology = topology_of(lab);
    auto image = compile(policy, topology, {});
    if (!image) return image.error();
    const auto next_hops = next_hop_entries(image->slots, topology);
    auto plan = make_plan(self->applied, *image, next_hops);
    auto outcome = apply(*self->kernel, self->applied, std::move(plan), std::move(image).value());
    if (!outcome.status) return outcome.status.error();
    if (auto status = self->kernel->detach(self->hook); !status) return status.error();
    Contender contender;
    contender.kind = "rudder";
    contender.name = "rudder, " + workload.name;
    contender.set = workload.set;
    contender.rules = workload.rules.size();
    contender.trace = workload.trace;
    contender.copies = copies;
    contender.start = [self] { return self->kernel->attach(self->hook); };
    contender.stop = [self] { return self->kernel->detach(self->hook); };
    return contender;
}

}  // namespace rudder::bench
