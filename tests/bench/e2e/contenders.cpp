// SPDX-License-Identifier: Apache-2.0
#include "contenders.hpp"

#include "core/compile/image.hpp"
#include "core/compile/plan.hpp"
#include "shell/kernel/apply.hpp"
#include "shell/kernel/bpf_kernel.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <optional>
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

std::string prefixes(const std::vector<IpPrefix>& list) {
    std::string text;
    for (const auto& prefix : list) text += (text.empty() ? "" : ", ") + to_string(prefix);
    return "{ " + text + " }";
}

std::string ports(const std::vector<PortRange>& list) {
    std::string text;
    for (const auto& range : list) text += fmt::format("{}{}-{}", text.empty() ? "" : ", ", range.first, range.last);
    return "{ " + text + " }";
}

std::string nft_rule(const Rule& rule) {
    std::string text;
    const auto& match = rule.match;
    if (!match.src.empty()) text += fmt::format("ip saddr {} ", prefixes(match.src));
    if (!match.dst.empty()) text += fmt::format("ip daddr {} ", prefixes(match.dst));
    if (match.ip_proto) text += fmt::format("meta l4proto {} ", *match.ip_proto);
    if (!match.src_ports.empty()) text += fmt::format("th sport {} ", ports(match.src_ports));
    if (!match.dst_ports.empty()) text += fmt::format("th dport {} ", ports(match.dst_ports));
    return text + "fwd to \"out0\"\n";
}

}  // namespace

Contender program_contender(Generator& generator, const Lab& lab, std::string label, const char* program,
                            const Workload& workload, std::uint32_t copies) {
    auto link = std::make_shared<std::optional<int>>();
    Contender contender;
    contender.name = std::move(label);
    contender.workload = &workload;
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
    contender.owned = link;
    return contender;
}

Result<Contender> rudder_contender(const Lab& lab, std::string label, const Workload& workload, std::uint32_t copies) {
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
    auto outcome = apply(*self->kernel, self->applied, std::move(plan), std::move(image).value(), next_hops);
    if (!outcome.status) return outcome.status.error();
    if (auto status = self->kernel->detach(self->hook); !status) return status.error();
    Contender contender;
    contender.name = std::move(label);
    contender.workload = &workload;
    contender.copies = copies;
    contender.start = [raw = self.get()] { return raw->kernel->attach(raw->hook); };
    contender.stop = [raw = self.get()] { return raw->kernel->detach(raw->hook); };
    contender.owned = self;
    return contender;
}

Contender forwarding_contender(const Workload& workload) {
    Contender contender;
    contender.name = "kernel forwarding";
    contender.workload = &workload;
    contender.start = [] { return Status{}; };
    contender.stop = contender.start;
    return contender;
}

Contender nftables_contender(const Workload& workload) {
    Contender contender;
    contender.name = "nftables fwd, " + workload.name;
    contender.workload = &workload;
    contender.start = [&workload]() -> Status {
        const std::string path = std::filesystem::temp_directory_path() / fmt::format("rudder-bench-{}.nft", getpid());
        std::ofstream file(path);
        file << "table netdev rudder_bench {\n chain c {\n  type filter hook ingress device in0 priority 0;\n";
        for (const auto& rule : workload.rules) file << nft_rule(rule);
        file << " }\n}\n";
        file.close();
        const auto status = run_command("nft -f " + path);
        unlink(path.c_str());
        return status;
    };
    contender.stop = [] { return run_command("nft delete table netdev rudder_bench"); };
    return contender;
}

}  // namespace rudder::bench
